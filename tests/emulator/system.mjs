// The product's own start scripts: who runs the program, and what a restart keeps.

import assert from 'node:assert/strict';
import { figure, test, until } from '../e2e/harness.mjs';
import { answers, guestTime, run, shellAnswers, status, url } from './board.mjs';

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

test('settings that the program refuses do not keep the camera off the network', async (context) => {
  await run('cp /data/mimamori.toml /tmp/good.toml; echo "max_viewers = nonsense" >>/data/mimamori.toml');
  context.after(() => run('cp /tmp/good.toml /data/mimamori.toml; killall mimamori'));
  await run('killall mimamori');
  await until('a word about it', 30_000, () => run("dmesg | grep -c 'going on with /etc'").catch(() => false));
  await answers(30_000);
}, { limit: 90_000 });

test('a reboot comes back by itself, and keeps the certificate', async () => {
  await answers(30_000);
  const before = await run('sha256sum /data/mimamori/*');
  await run('sync; echo kept >/data/kept; (sleep 1; reboot) >/dev/null 2>&1 &');
  await until('the end of the old system', 60_000, () => status().then(() => false, () => true));
  const begin = performance.now();
  await answers(240_000);
  figure('back after', `${Math.round((performance.now() - begin) / 1000)} s`);
  await shellAnswers(60_000);
  assert.ok((await guestTime()) < 120, 'the kernel has begun anew');
  assert.equal(await run('cat /data/kept'), 'kept');
  assert.equal(await run('sha256sum /data/mimamori/*'), before);
  assert.match((await fetch(url)).headers.get('content-type'), /text\/html/);
}, { limit: 330_000 });

test('power off', async () => {
  await run('(sleep 1; poweroff) >/dev/null 2>&1 &');
});
