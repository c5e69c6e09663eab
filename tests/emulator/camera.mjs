// The camera does what cameras do: it stalls, goes away, comes back, cuts frames off.

import assert from 'node:assert/strict';
import { watch } from '../e2e/browser.mjs';
import { figure, test, until } from '../e2e/harness.mjs';
import { cameraFacts, cameraIs, everydayCamera, playsOn, run, saysLost, turn, url } from './board.mjs';

const board = { url };

test('a camera that stalls is noticed, and the page plays again when it goes on', async (context) => {
  const page = await watched(context);
  await turn('stall', 1);
  const { problem } = await cameraIs('lost');
  figure('the status says', problem);
  assert.match(problem, /no picture any more/);
  figure('the page says', await saysLost(page));
  await turn('stall', 0);
  await cameraIs('running');
  await playsOn(page);
}, { limit: 120_000 });

test('a camera that goes away is noticed at once, and taken again when it is back', async (context) => {
  const page = await watched(context);
  await turn('present', 0);
  const begin = performance.now();
  const { problem } = await cameraIs('lost');
  figure('noticed', `after ${Math.round(performance.now() - begin)} ms: ${problem}`);
  await assert.rejects(run('test -e /dev/video0'));
  await turn('present', 1);
  await cameraIs('running');
  await playsOn(page);
}, { limit: 120_000 });

test('a frame that the driver cut off costs a keyframe, not the picture', async (context) => {
  const page = await watched(context);
  const before = await cameraFacts();
  await turn('cut', 1);
  await until('a keyframe asked for', 10_000, async () => (await cameraFacts()).forced > before.forced);
  await playsOn(page);
  assert.equal((await cameraFacts()).streams, before.streams, 'the stream was not begun anew');
}, { limit: 90_000 });

test("mainline's driver, which takes no wish for a keyframe, is asked for more of them", async (context) => {
  await turn('present', 0);
  await cameraIs('lost');
  await turn('keyframe_control', 0);
  context.after(() => turn('keyframe_control', 1));
  await everydayCamera();
  const { period, fps, forced } = await cameraFacts();
  assert.equal(period, fps, 'one each second');
  await playsOn(await watched(context));
  assert.equal((await cameraFacts()).forced, forced);
}, { limit: 90_000 });

test('the camera is opened once, and left by nobody', async () => {
  const holders = await run("for p in /proc/[0-9]*; do ls -l $p/fd 2>/dev/null | grep -q /dev/video && cat $p/comm; done; true");
  assert.equal(holders, 'mimamori');
});

async function watched(context) {
  await everydayCamera();
  return watch(context, board);
}
