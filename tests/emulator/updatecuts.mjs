// The plug is pulled while the camera is updated, again and again: whatever was being done,
// what starts next is one of the two versions, whole; the settings are there; and the camera
// ends with one of the two, at rest. What "pulled" means here, cuts.mjs says.
//
// UPDATE_CUTS: how many [3]; CUT_SEED: for the same choices again.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { figure, sleep, test, until } from '../e2e/harness.mjs';
import { answers, cutPower, shellAnswers, status } from './board.mjs';
import { makeBundle, member } from './bundles.mjs';
import { dataOf, environment, nextSlot, slotSum, sum } from './card.mjs';
import { announce, facts, send } from './ota.mjs';
import { generator } from './random.mjs';
import { give, secret, takenIn } from './settings.mjs';

const CUTS = Number(process.env.UPDATE_CUTS ?? 3);
const SEED = Number(process.env.CUT_SEED ?? Date.now() % 1_000_000);
const BACK = 240_000;
const PIECE = 256 * 1024;
// What the plug is pulled in, how often for each hundred times, and up to how long after its
// beginning, in ms of the host's time. An upload is written as it comes.
const PHASES = {
  download: { share: 15, window: 5000, reach: beginUpload },
  write: { share: 25, window: 0, reach: uploadPart },
  switch: { share: 20, window: 8000, reach: uploadAll },
  reboot: { share: 15, window: 20_000, reach: restart },
  trial: { share: 13, window: 9000, reach: trial },
  commit: { share: 12, window: 5000, reach: commit },
};
// Numbers below are those of cuts.mjs.
const SETTINGS = 1000;

test(`an update is cut off ${CUTS} times`, async (context) => {
  await answers(BACK);
  await shellAnswers(60_000);
  figure('seed', SEED);
  const folder = await mkdtemp(join(tmpdir(), 'cuts.'));
  context.after(() => rm(folder, { recursive: true }));
  const known = await images();
  await give(SETTINGS);
  await takenIn(SETTINGS);
  const random = generator(SEED);
  const seen = { cut: {}, kept: {}, version: {} };
  for (let cut = 1; cut <= CUTS; cut += 1) {
    await cutOnce({ cut, random, known, folder, seen });
    if (cut % 10 === 0) figure(`after ${cut}`, JSON.stringify(seen));
  }
  const { version, slot } = await rest();
  figure('all cuts', JSON.stringify(seen));
  figure('at the end', `version ${version} in slot ${slot}`);
  assert.ok(version === '1.0.0' || version === '2.0.0');
}, { limit: 300_000 + CUTS * 400_000 });

/** The bundles, and what a slot may hold: the sums of whole systems by their sizes. */
async function images() {
  const paths = { '1.0.0': await makeBundle('good', '1.0.0'), '2.0.0': await makeBundle('good', '2.0.0') };
  const delivered = join(process.env.EMULATOR_WORK, 'slot');
  const whole = [{ name: '1.0.0', size: (await stat(delivered)).size, sum: await sum(delivered, 0, (await stat(delivered)).size) }];
  const bundles = {};
  for (const [name, path] of Object.entries(paths)) {
    bundles[name] = await readFile(path);
    const image = join(process.env.EMULATOR_WORK, `image-${name}`);
    await writeFile(image, member(bundles[name], 'rootfs.squashfs'));
    const { size } = await stat(image);
    whole.push({ name, size, sum: await sum(image, 0, size) });
  }
  return { whole, bundles };
}

/** The version that a slot holds whole; undefined if it is half written. */
async function held(slot, known) {
  for (const { name, size, sum } of known.whole) if (await slotSum(slot, size) === sum) return name;
  return undefined;
}

async function cutOnce({ cut, random, known, folder, seen }) {
  const begin = performance.now();
  const phase = chosen(random, seen, cut, await home());
  const { window, reach } = PHASES[phase];
  const { running } = (await reach(known, random)) ?? {};
  await sleep(random() * window);
  const during = await now();
  let found;
  await cutPower(async () => { found = await judge(folder, known); });
  await running;
  seen.cut[phase] = (seen.cut[phase] ?? 0) + 1;
  seen.kept[found.state] = (seen.kept[found.state] ?? 0) + 1;
  await answers(BACK);
  const { version, slot } = await facts();
  seen.version[version] = (seen.version[version] ?? 0) + 1;
  assert.doesNotMatch((await status()).problems.join(' '), /damaged|lost|can't be/);
  const took = Math.round((performance.now() - begin) / 1000);
  console.log(`      cut ${cut}: ${phase} (${during}); card: ${found.words}; back with ${version} in ${slot}; ${took} s`);
}

/** The phase that is most behind its share, of those that can be had from here. */
function chosen(random, seen, cut, state) {
  const names = Object.keys(PHASES).filter((name) => state !== 'trial' || ['reboot', 'trial', 'commit'].includes(name));
  const behind = (name) => (PHASES[name].share / 100) * cut - (seen.cut[name] ?? 0);
  const order = names.map((name) => [behind(name) + random(), name]).sort((a, b) => b[0] - a[0]);
  return order[0][1];
}

const now = () => facts().then(({ state }) => state, () => 'silent');

/** Waits until the board is at rest or on trial; which. */
async function home() {
  return until('rest or trial', BACK, () => now().then((state) => ['idle', 'trial'].includes(state) && state));
}

async function rest() {
  await until('rest', BACK, async () => (await now()) === 'idle');
  return facts();
}

/** Announces the other version and sends it in the background; `upTo`: how much of it. */
async function upload(known, upTo, told = () => {}) {
  const { version } = await rest();
  const bytes = known.bundles[version === '1.0.0' ? '2.0.0' : '1.0.0'];
  const { status: code, place, error } = await announce(bytes.length);
  assert.equal(code, 201, error);
  const end = Math.round(bytes.length * upTo);
  for (let at = 0; at < end;) {
    const piece = bytes.subarray(at, Math.min(end, at + PIECE));
    const { status: sent, offset, error: words } = await send(place, at, piece);
    assert.equal(sent, 204, words);
    at = offset;
    told(at / bytes.length);
  }
}

/** From the announcement on: SWUpdate starts, and looks at the signature. */
async function beginUpload(known) {
  await rest();
  return { running: endsWithPower(upload(known, 1)) };
}

async function uploadPart(known, random) {
  const share = 0.1 + random() * 0.9;
  let reached;
  const there = new Promise((resolve) => { reached = resolve; });
  const running = endsWithPower(upload(known, 1, (done) => done >= share && reached()));
  await Promise.race([there, running]);
  return { running };
}

/** Up to the last byte: it is read back, and U-Boot is told. */
async function uploadAll(known) {
  await upload(known, 1);
}

/** Up to the end of the old system, or of a trial's first start. */
async function restart(known) {
  if ((await home()) === 'trial') return cutPower();
  await upload(known, 1);
  await until('the end of the old system', BACK, async () => ['restarting', 'silent'].includes(await now()));
}

async function trial(known) {
  if ((await home()) === 'idle') await restart(known);
  await until('the trial', BACK, async () => (await now()) === 'trial');
}

/** Shortly before everything has worked for ten seconds, which is when U-Boot is told. */
async function commit(known) {
  await trial(known);
  await until('everything to work', BACK, async () => {
    const told = await facts().catch(() => ({}));
    return told.state === 'idle' || (told.state === 'trial' && told.trial.waits_for.length === 0);
  });
  await sleep(8000);
}

/** The cut ends it in the middle; in a while, all of its errors are those of the cut. */
function endsWithPower(running) {
  const ended = running.catch((error) => { if (error instanceof assert.AssertionError) throw error; });
  // Who waits for it comes later.
  ended.catch(() => {});
  return ended;
}

/** The card as the cut has left it. */
async function judge(folder, known) {
  const words = await environment();
  const next = nextSlot(words);
  const [a, b] = [await held('A', known), await held('B', known)];
  const holds = { A: a, B: b };
  const told = `slot=${words.slot} try=${words.try ?? ''} tries=${words.tries ?? ''} failed=${words.failed ?? ''}; A: ${a ?? 'half'}, B: ${b ?? 'half'}`;
  assert.ok(holds[next], `what would be started is half written: ${told}`);
  assert.ok(holds[words.slot || 'A'], `what has proved itself is half written: ${told}`);
  const data = await dataOf(folder);
  const kept = await data.read('network.json');
  assert.ok(kept.includes(secret(SETTINGS)), `the settings are lost: ${kept}`);
  assert.equal((await data.read('hostname')).trim(), `cut-${SETTINGS}`);
  const journal = await data.read('update.json');
  if (journal) JSON.parse(journal);
  const other = holds[next === 'A' ? 'B' : 'A'];
  const state = words.try ? (words.tries ? 'on trial' : 'to be tried') : (other ? 'whole' : 'half written');
  return { state, words: `${told}, ${words.copies} of 2 copies${data.replayed ? ', journal replayed' : ''}` };
}
