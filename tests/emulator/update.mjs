// Updates as the owner makes them: scripts/ota, with somebody watching. Good ones stay, and
// those that do not prove themselves are given up, with the reason told.
//
// EVERY_KIND: also one whose program ends again and again, which takes four minutes.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { playing, watch } from '../e2e/browser.mjs';
import { figure, test } from '../e2e/harness.mjs';
import { answers, everydayCamera, playsOn, shellAnswers, url } from './board.mjs';
import { cutIn, flipped, makeBundle, spoilt, without } from './bundles.mjs';
import { slotSum } from './card.mjs';
import { watchFrames } from './frames.mjs';
import { announce, breakingWay, facts, factsSay, giveUp, host, offsetThere, ota, send } from './ota.mjs';

const MIB = 1 << 20;
// Of 100 frames, so many may be late by more than 100 ms while a bundle is written.
const LATE = 0.01;
// Debian's kernel keeps nothing of a panic; that of the card's image does.
const REASONS = [
  ['panics', /did not come so far/],
  ['hangs', /restarted before it had proved itself/],
  ...(process.env.EVERY_KIND ? [['crashes', /program/]] : []),
  ['blind', /camera gave no picture/],
];

test('scripts/ota brings version 2 in, over a connection that breaks; the picture goes on, and the page comes back by itself', async (context) => {
  await cameraPluggedIn();
  const before = await facts();
  assert.deepEqual([before.version, before.state], ['1.0.0', 'idle']);
  const bundle = await makeBundle('good', '2.0.0');
  const page = await watch(context, { url });
  const listening = await watchFrames(context);
  const way = await breakingWay(context, 5 * MIB, 1500);
  const first = listening.count();
  const begin = performance.now();
  let frames;
  const written = factsSay('the end of the writing', 240_000, ({ state }) => state === 'restarting')
    .then(() => { frames = listening.since(first); });
  const { code, said } = await ota(way.host, bundle);
  console.log(said.replace(/^/gm, '        '));
  assert.equal(code, 0);
  figure('all of it', `${Math.round((performance.now() - begin) / 1000)} s`);
  await written;
  figure('while it was written', `${frames.frames} frames, ${frames.late} of them late by more than 100 ms, ${frames.lost} lost; the latest ${Math.round(frames.worst * 1000)} ms`);
  assert.ok(way.broken(), 'the connection has broken');
  assert.match(said, /trying again/);
  assert.ok(frames.frames > 100, 'enough frames');
  assert.ok(frames.late + frames.lost <= frames.frames * LATE, 'late frames');
  const now = await facts();
  assert.deepEqual([now.version, now.slot, now.state, now.last.result], ['2.0.0', before.other.slot, 'idle', 'updated']);
  await playing(page, 60_000);
  await playsOn(page);
}, { limit: 600_000 });

test('the owner goes back to version 1', async () => {
  const { slot } = await facts();
  const { code, said } = await ota('--rollback', host);
  figure('it says', said.trim().split('\n').at(-1));
  assert.equal(code, 0);
  const now = await facts();
  assert.equal(now.version, '1.0.0');
  assert.notEqual(now.slot, slot);
}, { limit: 400_000 });

test('one update at a time; what is broken off goes on where it was; bad bundles are refused, and the picture goes on', async (context) => {
  await shellAnswers(60_000);
  await everydayCamera();
  const page = await watch(context, { url });
  const { slot } = await facts();
  const before = await slotSum(slot);
  const good = await makeBundle('small', '3.0.0');
  const bytes = await readFile(good);
  assert.equal((await announce(48 * MIB + 2 * MIB)).status, 413);
  const { status, place } = await announce(bytes.length);
  assert.equal(status, 201);
  figure('a second one', (await announced(await announce(bytes.length), 409)));
  await send(place, 0, bytes.subarray(0, 65_536), { cutAfter: 30_000 }).catch(() => {});
  const { offset } = await offsetThere(place);
  figure('broken off', `after 30000 bytes; the board has ${offset}`);
  assert.ok(offset <= 30_000);
  assert.equal((await send(place, offset + 1, bytes.subarray(offset + 1, offset + 100))).status, 409);
  const rest = await send(place, offset, bytes.subarray(offset, 65_536));
  assert.deepEqual([rest.status, rest.offset], [204, 65_536]);
  await giveUp(place);
  assert.equal((await send(place, 65_536, bytes.subarray(65_536, 70_000))).status, 410);
  await factsSay('rest', 30_000, ({ state }) => state === 'idle');
  for (const [what, path, words] of await badOnes(good)) {
    const { code, said } = await ota(host, path);
    figure(what, said.split('\n').filter((line) => /refused|no update bundle|does not say/.test(line)).join(' '));
    assert.ok(code === 4 || (code === 2 && words === undefined), `${what}: ${code}, ${said}`);
    if (words) assert.match(said, words);
  }
  assert.equal(await slotSum(slot), before, 'the running slot');
  assert.equal((await facts()).last.result, 'refused');
  // What was refused only at its end lies in the other slot.
  const back = await ota('--rollback', host);
  assert.equal(back.code, 4, back.said);
  assert.match(back.said, /no version that is known to work/);
  await playsOn(page);
}, { limit: 400_000 });

for (const [kind, words] of REASONS) {
  test(`a system that ${kind === 'blind' ? 'never shows a frame' : kind} is given up, and its reason told`, async (context) => {
    await answers(60_000);
    await shellAnswers(60_000);
    await cameraPluggedIn();
    const { version, slot } = await facts();
    const begin = performance.now();
    const bundle = await makeBundle(kind, '2.0.1');
    const { code, said } = await ota(host, bundle);
    figure('it took', `${Math.round((performance.now() - begin) / 1000)} s; scripts/ota says: ${said.trim().split('\n').at(-1)}`);
    assert.equal(code, 1, said);
    const told = (await ota('--status', host)).said;
    figure('scripts/ota --status', told.trim().split('\n').at(-1));
    assert.match(told, /2\.0\.1 was given up: /);
    assert.match(told.split('given up: ')[1], words);
    const now = await facts();
    assert.deepEqual([now.version, now.slot, now.last.result], [version, slot, 'rolled_back']);
  }, { limit: 700_000 });
}

test('after all that there is a picture', async (context) => {
  await shellAnswers(60_000);
  await everydayCamera();
  await playsOn(await watch(context, { url }));
  await writeFile(process.env.EMULATOR_WORDS, 'camera=absent\n');
}, { limit: 120_000 });

/** Now, and whenever the board starts. */
async function cameraPluggedIn() {
  await writeFile(process.env.EMULATOR_WORDS, 'camera=present\n');
  await everydayCamera();
}

/** Each with what is said of it; without words where scripts/ota itself looks at it. */
async function badOnes(good) {
  const small = (settings, version = '3.0.0') => makeBundle('small', version, settings);
  return [
    ['signed by another key', await small({ BUNDLE_KEY: 'other' }), /signed by a key/],
    ['unsigned', await spoilt(good, without('sw-description.sig')), /not signed/],
    ['for other hardware', await small({ BUNDLE_HARDWARE: '2.0' }), /other hardware/],
    ['older than the floor', await small({ BUNDLE_FLOOR: '0.0.1' }, '0.0.9'), /older than/],
    ['a bit flipped in the image', await spoilt(good, flipped('rootfs.squashfs')), /damaged/],
    ['cut off', await spoilt(good, cutIn('rootfs.squashfs')), /cut off|damaged|missing/],
    ['no bundle at all', await spoilt(good, () => randomBytes(100_000)), undefined],
    ['the same behind the first bytes of one', await spoilt(good, (bytes) => Buffer.concat([bytes.subarray(0, 6), randomBytes(100_000)])), undefined],
  ];
}

function announced({ status, error }, wanted) {
  assert.equal(status, wanted);
  return error;
}
