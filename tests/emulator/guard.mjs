// Who guards the program, who guards the guard, and what the lamp says.

import assert from 'node:assert/strict';
import { figure, test, until } from '../e2e/harness.mjs';
import { answers, cameraIs, everydayCamera, guestTime, run, shellAnswers, status, turn } from './board.mjs';

const LAMP = '/sys/class/leds/ACT/brightness';

test('the watchdog is armed, and by the steward', async () => {
  const dog = await run('grep -l "Software Watchdog" /sys/class/watchdog/*/identity | cut -d/ -f5');
  assert.equal(await run(`cat /sys/class/watchdog/${dog}/state`), 'active');
  assert.equal(await run(`cat /sys/class/watchdog/${dog}/timeout`), '15');
  assert.match(await run(`ls -l /proc/$(${STEWARD})/fd`), new RegExp(`/dev/${dog}\\b`));
});

test('a program that stands still is ended and comes back; the board is not reset', async () => {
  const before = await run('cat /run/mimamori/camera.pid');
  await run(`kill -STOP ${before}`);
  const begin = await guestTime();
  await until('another process', 120_000, async () => (await run('cat /run/mimamori/camera.pid')) !== before);
  figure('another one', `${Math.round((await guestTime()) - begin)} s of guest time later`);
  await answers(60_000);
  assert.match(await run('dmesg | grep "sign of life"'), /the program gives no sign of life for \d+ s/);
  assert.ok((await guestTime()) > begin);
  await assert.rejects(run('test -e /data/resets'));
}, { limit: 200_000 });

test('the lamp tells a camera that is missing from one that runs', async () => {
  await everydayCamera();
  await until('a steady light', 60_000, async () => (await lamp()).every((lit) => lit));
  await turn('present', 0);
  await cameraIs('lost');
  const seen = await until('flashes', 60_000, async () => {
    const lit = await lamp();
    return lit.some((on) => on) && lit.some((on) => !on) && lit;
  });
  figure('the lamp, ten times a second', seen.map((on) => (on ? '*' : '.')).join(''));
  await turn('present', 1);
  await cameraIs('running');
}, { limit: 200_000 });

test('a steward that stands still lets the watchdog reset the board', async () => {
  await run(`sync; kill -STOP $(${STEWARD})`);
  const begin = performance.now();
  await until('the end of the old system', 120_000, () => status().then(() => false, () => true));
  await answers(240_000);
  await shellAnswers(60_000);
  figure('back after', `${Math.round((performance.now() - begin) / 1000)} s`);
  assert.ok((await guestTime()) < 120, 'the kernel has begun anew');
}, { limit: 400_000 });

const STEWARD = "ps -o pid,args | awk '/[m]imamori steward/{print $1; exit}'";

/** Four seconds of the lamp's light, by the board's own clock. */
async function lamp() {
  const samples = await run(`for i in 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0; do cat ${LAMP}; usleep 100000; done`, 60_000);
  return samples.split('\n').map((value) => value !== '0');
}
