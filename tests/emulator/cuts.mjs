// The plug is pulled while settings are being written, again and again: the board
// always comes back, and its settings are the old or the new ones.
//
// QEMU is killed, so that what the board has written up to then is on the card, in its
// order and to the last block of 512 bytes. What a real card may add is not modelled:
// blocks that it has taken but not written yet, and what its own tables lose.
//
// CUTS: how many [4]; CUT_SEED: for the same moments again.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { figure, sleep, test } from '../e2e/harness.mjs';
import { answers, cutPower, guestTime, run, shellAnswers } from './board.mjs';
import { BOOT, dataOf } from './card.mjs';
import { generator } from './random.mjs';
import { give, secret, takenIn } from './settings.mjs';

const call = promisify(execFile);
const CUTS = Number(process.env.CUTS ?? 4);
const SEED = Number(process.env.CUT_SEED ?? Date.now() % 1_000_000);
// The steward takes the settings in within about so many seconds of the host's time.
const WINDOW = Number(process.env.CUT_WINDOW ?? 4000);
const BACK = 240_000;

test(`the plug is pulled ${CUTS} times while settings are written`, async (context) => {
  const random = generator(SEED);
  const folder = await mkdtemp(join(tmpdir(), 'cuts.'));
  context.after(() => rm(folder, { recursive: true }));
  figure('seed', SEED);
  const seen = { old: 0, new: 0, blanked: 0, replayed: 0 };
  await give(0);
  await takenIn(0);
  for (let cut = 1; cut <= CUTS; cut += 1) {
    await give(cut);
    await sleep(random() * WINDOW);
    await cutPower(() => judge(folder, cut, seen));
    await answers(BACK);
    await shellAnswers(60_000);
    await takenIn(cut);
    await noProblem();
    if (cut % 10 === 0) figure(`after ${cut}`, JSON.stringify(seen));
  }
  figure('at the cut, the settings were', `${seen.old} times the old ones, ${seen.new} times the new ones, of these ${seen.blanked} times blanked on the card already; the journal had to be replayed ${seen.replayed} times`);
  assert.equal(seen.old + seen.new, CUTS);
}, { limit: 120_000 + CUTS * 400_000 });

/** Damage would have been told. */
async function noProblem() {
  const problems = await run('cat /run/mimamori/problems 2>/dev/null || true');
  assert.doesNotMatch(problems, /damaged|lost|can't be/);
  assert.ok((await guestTime()) < 300, 'the board has begun anew');
}

/** The card as the cut has left it: settings `n`, or those before; never neither. */
async function judge(folder, n, seen) {
  const card = process.env.EMULATOR_CARD;
  const data = await dataOf(folder);
  if (data.replayed) seen.replayed += 1;
  const text = await data.read('network.json');
  const kept = JSON.parse(text);
  const newest = Math.max(...kept.networks.map(({ ssid }) => Number(/network (\d+)/.exec(JSON.stringify(ssid))[1])));
  assert.ok(newest === n || newest === n - 1, `settings ${newest} of ${n}`);
  assert.ok(text.includes(secret(newest)), 'with the pass phrase');
  const name = (await data.read('hostname')).trim();
  assert.ok([`cut-${n}`, `cut-${n - 1}`].includes(name), name);
  await onTheCard(folder, card, n, newest, seen);
}

async function onTheCard(folder, card, n, newest, seen) {
  const file = join(folder, 'mimamori.toml');
  await rm(file, { force: true });
  const image = `${card}@@${BOOT}`;
  await call('mcopy', ['-n', '-i', image, '::mimamori.toml', file]).catch(() => {});
  const text = await readFile(file, 'utf8').catch(() => '');
  if (newest === n) {
    seen.new += 1;
    if (text && !text.includes(secret(n))) seen.blanked += 1;
    return;
  }
  seen.old += 1;
  assert.ok(text.includes(secret(n)), `the old settings, and not the new ones on the card: ${text}`);
}
