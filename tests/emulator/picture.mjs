// A browser on the host shows what the board serves.

import assert from 'node:assert/strict';
import { clientPage } from '../e2e/browser.mjs';
import { figure, sleep, test, until } from '../e2e/harness.mjs';
import { cameraFacts, everydayCamera, guestTime, run, status, turn, url } from './board.mjs';

// What the V4L2 menus call constrained baseline and level 3.1.
const CONSTRAINED_BASELINE = 1;
const LEVEL_3_1 = 9;
const RTP_CLOCK = 90_000;

test('a camera that appears is taken, and told what browsers need', async () => {
  await everydayCamera();
  const facts = await cameraFacts();
  figure('the driver was told', JSON.stringify(facts));
  assert.equal(facts.profile, CONSTRAINED_BASELINE);
  assert.equal(facts.level, LEVEL_3_1);
  assert.equal(facts.repeat_headers, 1);
  assert.deepEqual([facts.fps, facts.period], [30, 60]);
  assert.equal(await run("stat -c '%a %U:%G' /dev/video0"), '660 root:video');
});

test('WHEP: Chromium plays the stream without a loss', async (context) => {
  await everydayCamera();
  const page = await clientPage(context);
  await page.evaluate((url) => callWhep(url), `${url}/whep`);
  figure('WHEP POST to first frame', `${Math.round(await page.evaluate(() => calls[0].firstFrameAfter))} ms`);
  await playsWell(page);
  await page.evaluate(() => deleteWhep(0));
}, { limit: 90_000 });

test('UV4L: Chromium plays the stream without a loss', async (context) => {
  await everydayCamera();
  const page = await clientPage(context);
  const address = `${url.replace('http', 'ws')}/stream/webrtc`;
  await page.evaluate((address) => callUv4l(address, { trickle: true }), address);
  await playsWell(page);
  await page.evaluate(() => calls[0].socket.close());
}, { limit: 90_000 });

// The time is a timeval in struct v4l2_buffer, whose layout depends on the width
// of a 32-bit machine's clock. Every other buffer comes 15 ms late here: only who
// reads the driver's time right sees frames in even steps.
test("frames carry the driver's time, not that of their arrival", async (context) => {
  await everydayCamera();
  await turn('jitter_ms', 15);
  context.after(() => turn('jitter_ms', 0));
  const page = await clientPage(context);
  await page.evaluate((url) => callWhep(url), `${url}/whep`);
  const stamps = await page.evaluate(() => rtpTimestamps(document.querySelector('video'), 150));
  const step = RTP_CLOCK / 30;
  const steps = stamps.slice(1).map((stamp, i) => stamp - stamps[i]);
  // The browser need not show every frame.
  const off = steps.map((ticks) => Math.abs(ticks - step * Math.max(1, Math.round(ticks / step))));
  off.sort((a, b) => a - b);
  figure('off an even step, in ms', `median ${ms(off[off.length >> 1])}, 95 % ${ms(off[Math.floor(off.length * 0.95)])}, max ${ms(off.at(-1))}`);
  assert.ok(ms(off[Math.floor(off.length * 0.95)]) < 2, `steps: ${steps.join(' ')}`);
}, { limit: 90_000 });

// The camera goes on meanwhile, and its pictures are counted, unread.
test('with nobody watching, the camera is left to itself', async () => {
  await everydayCamera();
  await until('nobody', 30_000, async () => (await status()).viewers === 0);
  await boardSeconds(2);
  const forced = (await cameraFacts()).forced;
  const [before, workBefore, timeBefore] = [(await status()).camera.frames, await workDone(), await guestTime()];
  await boardSeconds(20);
  const [after, workAfter, timeAfter] = [(await status()).camera.frames, await workDone(), await guestTime()];
  const guest = timeAfter - timeBefore;
  figure('the program took', `${(((workAfter - workBefore) / guest) * 100).toFixed(1)} % of the emulated processor, for ${((after - before) / guest).toFixed(1)} pictures a second`);
  assert.ok((after - before) / guest > 25, `${after - before} pictures in ${guest} s`);
  assert.equal((await cameraFacts()).forced, forced, 'no keyframe is asked for');
}, { limit: 120_000 });

const ms = (ticks) => Math.round((ticks / RTP_CLOCK) * 10_000) / 10;

/** Ten seconds of a call, by the board's own clock: frames per second, and no packet lost. */
async function playsWell(page) {
  await sleep(1000);
  const [before, workBefore, timeBefore, begin] = [await inbound(page), await workDone(), await guestTime(), performance.now()];
  await boardSeconds(10);
  const [after, workAfter, timeAfter, end] = [await inbound(page), await workDone(), await guestTime(), performance.now()];
  const frames = after.framesDecoded - before.framesDecoded;
  const guest = timeAfter - timeBefore;
  figure('decoded', `${frames} frames of ${after.frameWidth}x${after.frameHeight}: ${(frames / guest).toFixed(1)}/s of guest time, ${((frames * 1000) / (end - begin)).toFixed(1)}/s of the host's`);
  figure('packets', `${after.packetsReceived - before.packetsReceived} received, ${after.packetsLost} lost, ${after.nackCount} asked for again, ${after.freezeCount} freezes`);
  figure('the program took', `${Math.round(((workAfter - workBefore) / guest) * 100)} % of the emulated processor, which does 125 million instructions per second`);
  assert.equal(after.packetsLost, 0, 'packets lost');
  assert.ok(frames / guest > 27, `only ${frames} frames in ${guest} s of guest time`);
}

/** A busy host emulates slowly; a board that stands still runs into the test's limit. */
async function boardSeconds(seconds) {
  const end = (await guestTime()) + seconds;
  while ((await guestTime()) < end) await sleep(500);
}

/** Seconds of processor time that the program has used, the kernel's on its behalf included. */
async function workDone() {
  const fields = (await run('cat /proc/$(cat /run/mimamori/camera.pid)/stat')).split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

function inbound(page) {
  return page.evaluate(async () => {
    const report = await calls[0].peer.getStats();
    return [...report.values()].find(({ type }) => type === 'inbound-rtp');
  });
}
