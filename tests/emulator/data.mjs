// /data in every state that a pulled plug and a bad card can leave it in: the board
// comes up, and says what is wrong.

import assert from 'node:assert/strict';
import { tab } from '../e2e/browser.mjs';
import { figure, test, until } from '../e2e/harness.mjs';
import { answers, everydayCamera, restart, run, status, url } from './board.mjs';

const DEVICE = '/dev/mmcblk0p4';

test('a full /data is told in status and page, and the picture goes on', async (context) => {
  // To the last block, in ever smaller pieces.
  await run('n=0; for size in 64M 16M 4M 1M 256k 64k 16k 4k 1k; do while fallocate -l $size /data/fills.$n 2>/dev/null; do n=$((n + 1)); done; rm -f /data/fills.$n; done; sync', 120_000);
  context.after(() => run('rm -f /data/fills.*; sync'));
  const { problems } = await status();
  figure('the status says', problems.join(' '));
  assert.match(problems.join('\n'), /memory for settings is full/);
  // Nor does a new start of the program need room.
  await run('kill $(cat /run/mimamori/camera.pid)');
  await answers(60_000);
  await everydayCamera();
  await pageSays(context, /is full/);
}, { limit: 120_000 });

test('settings that the program refuses do not keep the camera off the network', async (context) => {
  await run('cp /data/mimamori.toml /tmp/good.toml; dd if=/dev/urandom of=/data/mimamori.toml bs=1k count=8 2>/dev/null');
  context.after(() => run('cp /tmp/good.toml /data/mimamori.toml; sync; kill $(cat /run/mimamori/camera.pid)'));
  await run('kill $(cat /run/mimamori/camera.pid)');
  await until('a word about it', 30_000, () => run("dmesg | grep -c 'going on with /etc'").catch(() => false));
  await answers(30_000);
  const problem = (await status()).problems.find((each) => each.includes('settings'));
  figure('the status says', problem);
  assert.match(problem, /settings file .* is wrong/);
}, { limit: 90_000 });

test('a superblock that is lost is taken from its copy; the files are still there', async (context) => {
  await run('echo kept >/data/kept; sync');
  const before = await run('sha256sum /data/mimamori/*');
  figure('back after', await restart(240_000, `dd if=/dev/zero of=${DEVICE} bs=1k count=2 conv=fsync 2>/dev/null`));
  assert.equal(await run('cat /data/kept; sha256sum /data/mimamori/*'), `kept\n${before}`);
  await pageSays(context, /damaged and has been repaired/);
}, { limit: 330_000 });

test('a partition full of garbage is made anew, and the camera runs as delivered', async (context) => {
  // Its beginning, and where the copies of the superblock are.
  const noise = `for mib in 0 8 24 40 56 72; do dd if=/dev/urandom of=${DEVICE} bs=64k count=16 seek=$((mib * 16)) conv=fsync 2>/dev/null; done`;
  figure('back after', await restart(300_000, noise));
  assert.match(await run("awk '$2 == \"/data\"' /proc/mounts"), /mmcblk0p4 \/data ext4 rw/);
  await run('touch /data/written && rm /data/written');
  assert.match((await status()).problems.join('\n'), /beyond repair/);
  await pageSays(context, /beyond repair/);
  // The owner's file on the card is taken in again.
  await until("the owner's settings", 60_000, () => run('grep -q ^announce /data/mimamori.toml').then(() => true, () => false));
}, { limit: 420_000 });

/** The page's panel tells it, and its button shows that there is something. */
async function pageSays(context, words) {
  const page = await tab(context);
  await page.goto(url);
  await until('the mark on the page', 60_000, () => page.evaluate(() => document.body.classList.contains('with-problems')));
  await page.click('#details');
  assert.match(await page.textContent('#problems'), words);
}
