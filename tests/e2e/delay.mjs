// Glass to glass: the test camera draws its clock, the page reads it back.
// Figures for the reader. The assertions only catch what is plainly broken.

import assert from 'node:assert/strict';
import { watch } from './browser.mjs';
import { figure, median, sleep, spread, test, until } from './harness.mjs';
import { Server } from './server.mjs';

for (const [width, height] of [[640, 480], [1280, 720]]) {
  test(`delay from drawing to display at ${width}x${height}`, async (context) => {
    const server = await Server.start(context, { width, height });
    const page = await watch(context, server, { path: '/?clock' });
    await sleep(2000);
    const frames = await readClocks(page, 150);
    const own = await page.evaluate(() => window.mimamori.stats());
    const delays = frames.map(({ ms, at }) => at - ms);
    figure('glass to glass', spread(delays));
    figure('of that, to the browser', spread(frames.map(({ ms, received }) => received - ms)));
    figure('the panel says', own.delay
      ? `${Math.round(own.delay.ms)} ms, ${own.delay.measured ? 'measured' : 'estimated'}; round trip ${own.roundTrip} ms`
      : 'nothing');
    assert.ok(median(delays) < 2000, 'the median is above two seconds');
    assert.ok(own.delay, 'the panel knows no delay');
  });
}

test('time from navigation to the first frame', async (context) => {
  const server = await Server.start(context);
  const times = [];
  for (let i = 0; i < 5; i += 1) {
    const page = await watch(context, server);
    times.push(Math.round(await page.evaluate(() => window.firstFrameAt)));
    await page.close();
  }
  figure('navigation to first frame, in ms', times.join(' '));
  assert.ok(Math.min(...times) < 10_000);
});

test('the browser is told when a frame was captured', async (context) => {
  const server = await Server.start(context);
  const page = await watch(context, server);
  // The first sender reports and the answers to the browser's receiver reference
  // times (RFC 3611, 4.4 and 4.5) come once a second.
  await until('a capture time', 10_000, () => page.evaluate(() => new Promise((resolve) => {
    const video = document.querySelector('video');
    video.requestVideoFrameCallback((_, { captureTime }) => resolve(captureTime !== undefined));
  })));
  await sleep(3500); // the page shows a median of the last 3 s
  const { delay } = await page.evaluate(() => window.mimamori.stats());
  assert.equal(delay.measured, true);
  const report = await page.evaluate(async () => [...(await window.mimamori.connection.stats()).values()]);
  const of = (kind) => report.find(({ type }) => type === kind) ?? {};
  figure('RTCP round trip', `${of('remote-outbound-rtp').roundTripTime * 1000} ms`);
  figure('ciphers', `DTLS ${of('transport').tlsVersion} ${of('transport').dtlsCipher}, ${of('transport').srtpCipher}`);
});

/** The clocks of `count` frames. */
function readClocks(page, count) {
  return page.evaluate(async (count) => {
    const frames = [];
    for (let tries = 0; frames.length < count && tries < 2 * count; tries += 1) {
      const read = await window.mimamori.readClock();
      if (read) frames.push(read);
    }
    if (frames.length < count) throw new Error(`only ${frames.length} frames carried a clock`);
    return frames;
  }, count);
}
