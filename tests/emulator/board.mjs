// The one emulated board: its page, its shell and its stand-in camera.

import { createReadStream, statSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { until } from '../e2e/harness.mjs';
import { textFor } from '../../web/text.js';
import { Console } from './console.mjs';

export const url = process.env.EMULATOR_URL;
// Where the board finds this machine, by QEMU's network.
const HOST = '10.0.2.2';
const PARAMETERS = '/sys/module/stand_in_camera/parameters';

let shell;

/** Runs a command as root on the board. */
export async function run(command, limit) {
  if (!shell || shell.closed) shell = await Console.open(process.env.EMULATOR_CONSOLE);
  return shell.run(command, limit);
}

export function closeConsole() {
  shell?.close();
  shell = undefined;
}

/** Waits for the board's first answer over HTTP. */
export async function answers(limit) {
  // Short waits: what is sent before the board listens is sent again only after seconds.
  const ask = () => fetch(url, { signal: AbortSignal.timeout(700) });
  await until('an answer over HTTP', limit, () => ask().then(({ ok }) => ok, () => false));
}

/** Waits for the shell, and silences the kernel, which would talk into its answers. */
export async function shellAnswers(limit) {
  const end = Date.now() + limit;
  for (;;) {
    try {
      return await run('dmesg -n 1', 3000);
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

/**
 * Restarts the board; how long that took, in words. In order, or after the command `last`
 * as if the plug was pulled.
 */
export async function restart(limit = 240_000, last = '') {
  await run(`sync; (sleep 1; ${last ? `${last}; reboot -n -f` : 'reboot'}) >/dev/null 2>&1 &`);
  await until('the end of the old system', 60_000, () => status().then(() => false, () => true));
  const begin = performance.now();
  await answers(limit);
  await shellAnswers(60_000);
  if ((await guestTime()) > 200) throw new Error('the kernel has not begun anew');
  return `${Math.round((performance.now() - begin) / 1000)} s`;
}

/**
 * Pulls the plug: what the board has not written is lost. `meanwhile`: what to do with the
 * card before it begins anew.
 */
export async function cutPower(meanwhile = async () => {}) {
  const hold = process.env.EMULATOR_HOLD;
  await writeFile(hold, '');
  closeConsole();
  let pid;
  try {
    // A board that restarts by itself is another process in a moment.
    pid = await until('a machine to switch off', 20_000, killed);
    await until('the end of QEMU', 10_000, async () => !alive(pid));
    await meanwhile();
  } finally {
    await rm(hold);
  }
  await until('another machine', 20_000, async () => {
    const now = await machine();
    return now > 0 && now !== pid;
  });
}

/** QEMU's process; 0 if there is none just now. */
async function machine() {
  return Number(await readFile(process.env.EMULATOR_PID_FILE, 'utf8').catch(() => ''));
}

async function killed() {
  const pid = await machine();
  try {
    return pid > 0 && process.kill(pid, 'SIGKILL') && pid;
  } catch {
    return false;
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export async function status() {
  const response = await fetch(`${url}/api/status`, { signal: AbortSignal.timeout(5000) });
  return response.json();
}

/** Seconds that have passed on the board since its kernel began. */
export async function guestTime() {
  return Number((await run('cat /proc/uptime')).split(' ')[0]);
}

/** Turns a knob of the stand-in camera; see emulator/camera/main.c. */
export async function turn(knob, value) {
  await run(`echo ${value} >${PARAMETERS}/${knob}`);
}

/** What the stand-in camera was told by the program, and has given. */
export async function cameraFacts() {
  return JSON.parse(await run('cat /dev/film'));
}

/** Waits until the program says that of its camera; a picture that stands in for it is none. */
export async function cameraIs(state, limit = 30_000) {
  let last;
  await until(`camera ${state}`, limit, async () => {
    last = await status().catch((error) => ({ camera: { state: String(error) } }));
    return last.camera.state === state && last.camera.kind !== 'test';
  }).catch((error) => Promise.reject(new Error(`${error.message}; ${JSON.stringify(last)}`)));
  return last.camera;
}

/** Waits until the page says that it is the camera that gives no picture; its words. */
export async function saysLost(page) {
  const text = () => page.textContent('#status-text');
  await until('the page to say it', 60_000, async () => (await text()) === textFor('en').cameraLost)
    .catch(async (error) => { throw new Error(`${error.message}; it says: ${await text()}`); });
  return text();
}

/** The camera as it is in everyday life: plugged in and at work. */
export async function everydayCamera() {
  await turn('stall', 0);
  await turn('jitter_ms', 0);
  await turn('present', 1);
  await cameraIs('running');
}

/** Offers a file to the board; its address there, and what ends that. */
export async function served(path) {
  const server = createServer((_, response) => {
    response.setHeader('Content-Length', statSync(path).size);
    createReadStream(path).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return [`http://${HOST}:${server.address().port}/`, () => server.close()];
}

/** Frames go on being decoded by the page. */
export async function playsOn(page) {
  const frames = () => page.evaluate(() => document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames);
  const before = await frames();
  await until('30 more frames', 30_000, async () => {
    const now = await frames();
    return now >= before + 30 || (now < before && now >= 30);
  });
}
