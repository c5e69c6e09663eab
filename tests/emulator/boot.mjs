// From power to the page.

import assert from 'node:assert/strict';
import { figure, test, until } from '../e2e/harness.mjs';
import { playing, tab } from '../e2e/browser.mjs';
import { textFor } from '../../web/text.js';
import { answers, guestTime, run, shellAnswers, status, url } from './board.mjs';

test('the board boots to its first answer over HTTP', async () => {
  const begin = performance.now();
  await answers(240_000);
  const took = performance.now() - begin;
  await shellAnswers(60_000);
  figure('first answer', `after ${(took / 1000).toFixed(1)} s of the host's time`);
  figure('guest time', `${await guestTime()} s, a moment later`);
  for (const line of (await timeLine()).split('\n')) console.log(`        ${line}`);
  assert.match(await run('cat /proc/device-tree/model'), /^Raspberry Pi Zero/);
  assert.match(await run('cat /proc/cpuinfo'), /ARMv6-compatible processor/);
}, { limit: 320_000 });

test('without a camera, a picture says so, and the status why', async (context) => {
  const { camera, version } = await status();
  assert.deepEqual([camera.state, camera.kind], ['running', 'test']);
  assert.match(camera.problem, /no \/dev\/video/);
  figure('version', version);
  const page = await tab(context);
  await page.goto(url);
  await playing(page, 60_000);
  const said = () => page.textContent('#camera');
  await until('the page to say so', 30_000, async () => (await said()) === textFor('en').testPicture);
  figure('the page says', await said());
});

/** What the system says of itself on its way up. */
function timeLine() {
  return run("dmesg | grep -E 'Run /init|(emulator|rcS|supervise|network): |watch at|usb0: register'");
}
