// Glass to glass: the test camera draws its clock, the page reads it back.
// Figures for the reader. The assertions only catch what is plainly broken.

import assert from 'node:assert/strict';
import { watch } from './browser.mjs';
import { figure, sleep, spread, test } from './harness.mjs';
import { Server } from './server.mjs';

for (const [width, height] of [[640, 480], [1280, 720]]) {
  test(`delay from drawing to display at ${width}x${height}`, async (context) => {
    const server = await Server.start(context, { width, height });
    const page = await watch(context, server, { path: '/?clock' });
    await sleep(2000);
    const delays = await readDelays(page, 150);
    const own = await page.evaluate(() => window.mimamori.stats());
    figure('glass to glass', spread(delays));
    figure('the panel says', own.delay
      ? `${Math.round(own.delay.ms)} ms, ${own.delay.measured ? 'measured' : 'estimated'}; round trip ${own.roundTrip} ms`
      : 'nothing');
    const sorted = delays.sort((a, b) => a - b);
    assert.ok(sorted[sorted.length >> 1] < 2000, 'the median is above two seconds');
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

test('what the browser knows of capture times', async (context) => {
  const server = await Server.start(context);
  const page = await watch(context, server);
  await sleep(7000);
  const metadata = await page.evaluate(() => new Promise((resolve) => {
    const video = document.querySelector('video');
    video.requestVideoFrameCallback((_, metadata) => resolve(metadata));
  }));
  figure('frame metadata', JSON.stringify(metadata));
  const report = await page.evaluate(async () => [...(await window.mimamori.connection.stats()).values()]);
  const remote = report.find(({ type }) => type === 'remote-outbound-rtp') ?? {};
  const { reportsSent, totalRoundTripTime, roundTripTimeMeasurements, remoteTimestamp } = remote;
  figure('remote-outbound-rtp', JSON.stringify({ reportsSent, totalRoundTripTime, roundTripTimeMeasurements, remoteTimestamp }));
  assert.ok(reportsSent > 0, 'no sender report has come');
});

/** `count` frames' delays, in ms. */
function readDelays(page, count) {
  return page.evaluate(async (count) => {
    const delays = [];
    for (let tries = 0; delays.length < count && tries < 2 * count; tries += 1) {
      const read = await window.mimamori.readClock();
      if (read) delays.push(read.at - read.ms);
    }
    if (delays.length < count) throw new Error(`only ${delays.length} frames carried a clock`);
    return delays;
  }, count);
}
