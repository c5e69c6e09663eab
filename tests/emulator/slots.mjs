// Slots A and B through U-Boot: a trial, a slot that panics, a damaged environment.

import assert from 'node:assert/strict';
import { playing, tab } from '../e2e/browser.mjs';
import { figure, test } from '../e2e/harness.mjs';
import { everydayCamera, restart, run, served, url } from './board.mjs';

const DAY = 86_400;

test('the board has started from slot A, and U-Boot has both copies of its state', async () => {
  assert.deepEqual(await slot(), { slot: 'A', try: '', tries: '', failed: '' });
  assert.match(await run("awk '$2 == \"/\"' /proc/mounts"), /^\/dev\/mmcblk0p2 \/ squashfs ro/);
  assert.equal(await run('fw_printenv -n slot'), 'A');
});

test('slot B is tried, shows the picture, and stays when it is kept; what is in /data stays, too', async (context) => {
  await run(`date -s @${Number(await run('date +%s')) + DAY}`);
  const time = Number(await run('date +%s'));
  const before = await run('echo kept >/data/kept; sync; sha256sum /data/mimamori/*');
  await setState('try=B', 'tries=0');
  figure('back after', await restart());
  assert.deepEqual(await slot(), { slot: 'B', try: 'B', tries: '1', failed: '' });
  assert.match(await run("awk '$2 == \"/\"' /proc/mounts"), /^\/dev\/mmcblk0p3 \/ squashfs ro/);
  assert.ok(Number(await run('date +%s')) >= time, 'the time was written down before the end');
  assert.equal(await run('cat /data/kept; sha256sum /data/mimamori/*'), `kept\n${before}`);
  await everydayCamera();
  const page = await tab(context);
  await page.goto(url);
  await playing(page, 60_000);
  await setState('slot=B', 'try=', 'tries=');
}, { limit: 330_000 });

test('a slot that panics is tried twice, then the old one is back by itself, though half the state is damaged', async (context) => {
  const [address, close] = await served(process.env.EMULATOR_BROKEN_SLOT);
  context.after(async () => close());
  await run(`wget -q -O - ${address} | dd of=/dev/mmcblk0p2 bs=64k 2>/dev/null`, 240_000);
  await setState('try=A', 'tries=0');
  // The older of the copies, half written.
  await run('dd if=/dev/urandom of=/dev/mmcblk0 bs=1k count=8 seek=$(older) conv=notrunc 2>/dev/null; sync'.replace('$(older)', await olderCopy()));
  figure('back after', await restart(400_000));
  assert.deepEqual(await slot(), { slot: 'B', try: '', tries: '', failed: 'A' });
  assert.equal(await run('fw_printenv -n failed'), 'A');
}, { limit: 720_000 });

/** What U-Boot told the kernel. */
async function slot() {
  const words = (await run('cat /proc/cmdline')).split(' ');
  const names = ['slot', 'try', 'tries', 'failed'];
  return Object.fromEntries(names.map((name) => {
    const word = words.find((each) => each.startsWith(`mimamori.${name}=`));
    return [name, word?.split('=')[1]];
  }));
}

/** Changes U-Boot's state in one step; a name without a value is taken away. */
async function setState(...lines) {
  await run(`printf '%s\\n' ${lines.map((line) => `'${line}'`).join(' ')} | fw_setenv -s - && sync`);
}

/** Where the copy lies that U-Boot would not choose, in KiB: its flag is the smaller one. */
async function olderCopy() {
  const flag = (kib) => run(`dd if=/dev/mmcblk0 bs=1 skip=$((${kib} * 1024 + 4)) count=1 2>/dev/null | od -An -tu1`);
  const [first, second] = [Number(await flag(4096)), Number(await flag(8192))];
  return (first - second) << 24 >> 24 > 0 ? '8192' : '4096';
}
