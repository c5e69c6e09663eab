// The camera's own page, on the test camera and on a file.

import assert from 'node:assert/strict';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { tab, watch } from './browser.mjs';
import { figure, sleep, test } from './harness.mjs';
import { Server } from './server.mjs';

const SHOTS = process.env.E2E_SHOTS;

test('the page plays the test camera at its rate', async (context) => {
  const server = await Server.start(context);
  await playsAtItsRate(await watch(context, server));
});

test('the page plays a file at its rate, over its end', async (context) => {
  const clip = await record(context, 3);
  const server = await Server.start(context, { camera: clip });
  await playsAtItsRate(await watch(context, server));
});

test('a reloaded page is one viewer, and a closed one none', async (context) => {
  const server = await Server.start(context);
  const page = await watch(context, server);
  await server.viewers(1);
  for (let i = 0; i < 3; i += 1) await page.reload();
  await page.waitForFunction(() => window.mimamori?.state === 'playing');
  figure('one viewer after three reloads, in ms', await server.viewers(1, 1000));
  await page.close();
  const freed = await server.viewers(0, 2000);
  figure('place free after closing the tab, in ms', freed);
});

test('the page says nothing wrong in its console', async (context) => {
  const server = await Server.start(context);
  const page = await tab(context);
  const said = [];
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && said.push(message.text()));
  page.on('pageerror', (error) => said.push(String(error)));
  await page.goto(server.url);
  await page.waitForFunction(() => window.mimamori?.state === 'playing');
  await page.keyboard.press('i');
  await page.waitForFunction(() => document.querySelector('#v-viewers').textContent.startsWith('1'));
  await sleep(3000);
  assert.deepEqual(said, []);
  const figures = await page.$$eval('#panel dt, #panel dd', (all) => all.map((one) => one.textContent.trim()));
  figure('panel', figures.join(' | '));
});

test('screenshots', async (context) => {
  const server = await Server.start(context, { width: 1280, height: 720 });
  const sizes = {
    desktop: { viewport: { width: 1280, height: 800 } },
    phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
  };
  for (const [name, options] of Object.entries(sizes)) {
    const page = await watch(context, server, options);
    if (SHOTS) await page.screenshot({ path: join(SHOTS, `${name}.png`) });
    await page.click('#details');
    await sleep(2500); // figures are rates: they need some seconds
    if (SHOTS) await page.screenshot({ path: join(SHOTS, `${name}-details.png`) });
    const sideways = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    assert.equal(sideways, false, `the ${name} page scrolls sideways`);
    await page.close();
  }
});

/**
 * As many frames are decoded in 5 s as the camera gives. A busy machine looks like
 * a slow link, on which a viewer skips to the next keyframe: it has three tries.
 */
async function playsAtItsRate(page) {
  await sleep(1500);
  let good = false;
  for (let tries = 0; tries < 3 && !good; tries += 1) {
    const before = await counts(page);
    await sleep(5000);
    const after = await counts(page);
    const [given, decoded] = [after.given - before.given, after.decoded - before.decoded];
    figure('frames in 5 s', `${decoded} decoded of ${given} given, ${after.dropped} dropped in all`);
    good = given >= 50 && decoded >= given * 0.9;
  }
  assert.ok(good, 'the picture is slower than the camera');
}

function counts(page) {
  return page.evaluate(async () => {
    const [status, report] = await Promise.all([
      fetch('/api/status').then((response) => response.json()),
      window.mimamori.connection.stats(),
    ]);
    const video = [...report.values()].find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video');
    return { given: status.camera.frames, decoded: video.framesDecoded, dropped: video.framesDropped };
  });
}

/** Some seconds of the test camera, as a file. */
async function record(context, seconds) {
  const folder = await mkdtemp(join(tmpdir(), 'mimamori-e2e-clip-'));
  context.after(() => rm(folder, { recursive: true }));
  const server = await Server.start(context);
  const file = join(folder, 'clip.h264');
  const stop = AbortSignal.timeout(seconds * 1000);
  const { body } = await fetch(`${server.url}/stream/video.h264`, { signal: stop });
  await pipeline(Readable.fromWeb(body), createWriteStream(file), { signal: stop }).catch(() => {});
  await server.stop();
  return file;
}
