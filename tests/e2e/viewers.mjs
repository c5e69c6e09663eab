// Two, eight, and one too many.

import assert from 'node:assert/strict';
import { clientPage, playing, tab, watch } from './browser.mjs';
import { figure, sleep, test } from './harness.mjs';
import { Server } from './server.mjs';

const SMALL = { width: 320, height: 240 };

test('two viewers get every frame', async (context) => {
  const server = await Server.start(context, SMALL);
  const page = await clientPage(context);
  await join(page, server, 2);
  await allDecode(page, server, 2);
});

test('eight viewers get every frame; the ninth is told, and takes the next free place', async (context) => {
  const server = await Server.start(context, SMALL);
  const page = await clientPage(context);
  await join(page, server, 8);
  assert.equal((await server.status()).viewers, 8);
  await allDecode(page, server, 8);

  const whep = await page.evaluate((url) => callWhep(url).catch((error) => error.message), `${server.url}/whep`);
  assert.match(whep, /^503, again after \d+: .*full/);
  const uv4l = await page.evaluate((url) => callUv4l(url, { trickle: true }).catch((error) => error.message), socketOf(server));
  assert.match(uv4l, /^told: .*full/);

  const ninth = await tab(context);
  await ninth.goto(server.url);
  await ninth.waitForFunction(() => /in use|full|watching/i.test(document.querySelector('#status-text').textContent));
  figure('the ninth page says', await ninth.evaluate(() => ['#status-text', '#status-detail']
    .map((id) => document.querySelector(id).textContent).join(' / ')));
  assert.equal((await server.status()).viewers, 8, 'the ninth takes nobody\'s place');

  await page.evaluate(() => deleteWhep(0));
  const freed = performance.now();
  await playing(ninth);
  figure('the ninth page plays after a place is free, in ms', Math.round(performance.now() - freed));
  await server.viewers(8);
}, { limit: 90_000 });

test('the page and a foreign client watch together', async (context) => {
  const server = await Server.start(context, SMALL);
  const own = await watch(context, server);
  const foreign = await clientPage(context);
  await join(foreign, server, 1);
  await server.viewers(2);
  await own.close();
  await server.viewers(1, 1000);
  await allDecode(foreign, server, 1);
});

/** Joins by both protocols in turn: even numbers by WHEP, odd ones by UV4L. */
async function join(page, server, count) {
  const started = performance.now();
  for (let i = 0; i < count; i += 1) {
    if (i % 2) await page.evaluate((url) => callUv4l(url, { trickle: true }), socketOf(server));
    else await page.evaluate((url) => callWhep(url), `${server.url}/whep`);
  }
  const times = await page.evaluate(() => calls.map((call) => Math.round(call.firstFrameAfter)));
  figure(`${count} joined in`, `${Math.round(performance.now() - started)} ms; call to first frame ${times.join(' ')} ms`);
}

/** Over some seconds each of them decodes as many frames as the camera gives. */
async function allDecode(page, server, count) {
  const decoded = () => page.evaluate((count) => Promise.all(Array.from({ length: count }, (_, i) => framesDecoded(i))), count);
  const given = async () => (await server.status()).camera.frames;
  const [before, from] = [await decoded(), await given()];
  await sleep(4000);
  const [after, to] = [await decoded(), await given()];
  const each = after.map((frames, i) => frames - before[i]);
  figure('frames in 4 s', `${to - from} given, decoded ${each.join(' ')}`);
  assert.ok(to - from >= 40, `the camera gave only ${to - from} frames`);
  for (const frames of each) assert.ok(frames >= (to - from) * 0.9, `a viewer decoded only ${frames} of ${to - from}`);
}

const socketOf = (server) => `${server.url.replace('http', 'ws')}/stream/webrtc`;
