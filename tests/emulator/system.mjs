// The product's own start scripts: who runs the program, and what a restart keeps.

import assert from 'node:assert/strict';
import { figure, test, until } from '../e2e/harness.mjs';
import { answers, run, url } from './board.mjs';

test('the program runs as its own user, on a root file system that nobody can write to', async () => {
  const lines = (await run('grep -E "^(Uid|Gid|Groups|VmHWM|Threads)" /proc/$(cat /run/mimamori/camera.pid)/status')).split('\n');
  const fact = (name) => lines.find((line) => line.startsWith(name)).split(/\s+/).slice(1);
  assert.deepEqual([fact('Uid')[0], fact('Gid')[0]], ['100', '100']);
  assert.ok(fact('Groups').includes('28'), 'in the group of the cameras');
  figure('memory', `${fact('VmHWM')[0]} kB at most, ${(await run("free -m | awk '/Mem/{print $4}'"))} MB free on the board`);
  await assert.rejects(run('touch /usr/written'), /Read-only/);
  await run('touch /data/written && rm /data/written');
});

test('the program is started again when it ends', async () => {
  const before = await run('cat /run/mimamori/camera.pid');
  await run('kill -9 $(cat /run/mimamori/camera.pid)');
  await until('another process', 20_000, async () => {
    const now = await run('cat /run/mimamori/camera.pid');
    return now && now !== before;
  });
  await answers(30_000);
  assert.match(await run('dmesg | grep supervise'), /mimamori ended with code 137 after \d+ s; again in \d+ s/);
});

test('logs are shown on the board itself, and not to the network', async () => {
  assert.equal((await fetch(`${url}/api/logs/kernel`)).status, 403);
  const log = await run('wget -q -O - http://127.0.0.1:8080/api/logs/kernel | grep "rcS: system is ready"');
  assert.match(log, /system is ready/);
  // Debian's kernel keeps none; that of the card's image does: see tests/image/run.
  await assert.rejects(run('wget -q -O - http://127.0.0.1:8080/api/logs/last-crash'), /404|code 1/);
});

test('there is swap, in memory and nowhere else', async () => {
  const swaps = (await run('tail -n +2 /proc/swaps')).split('\n');
  figure('swap', swaps.join('; '));
  assert.equal(swaps.length, 1);
  assert.match(swaps[0], /^\/dev\/zram0 /);
});
