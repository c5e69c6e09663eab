// Networks without a keyboard, on simulated radios: the set-up access point, a router
// that is joined, refuses, vanishes; the settings on the card.

import assert from 'node:assert/strict';
import { figure, test, until } from '../e2e/harness.mjs';
import { guestTime, run } from './board.mjs';
import {
  closeRouter, facts, joinWithPhone, networksAre, openRouter, phone, plugRadiosIn, post, router,
} from './radios.mjs';

const CAMERA = '10.92.0.1';
const isOnline = ({ station }) => station.state === 'online';
const step = (name) => ({ wish }) => wish?.progress.step === name;

let accessPoint;

test('Wi-Fi: with no network known, the access point opens by itself', async () => {
  const begin = await guestTime();
  await plugRadiosIn();
  await openRouter('home', 'right phrase', { channel: 1 });
  const open = await networksAre('the access point to be open', 60_000, ({ access_point }) => access_point.open);
  figure('open after', `${(await guestTime() - begin).toFixed(1)} s of the guest, the radios' start included`);
  accessPoint = open.access_point.ssid;
  assert.match(accessPoint, /^mimamori-[0-9A-F]{4}$/);
  assert.match(await run('iw dev wlan0 get power_save'), /off/);
}, { limit: 150_000 });

test('Wi-Fi: a telephone gets an address there, every name leads to the set-up page', async () => {
  assert.match(await joinWithPhone(accessPoint), /^10\.92\.0\.\d+$/);
  assert.match(await phone.run(`nslookup captive.apple.com ${CAMERA} || true`), new RegExp(`Name:\\s+captive.apple.com\nAddress: ${CAMERA}`));
  assert.match(await phone.run(`wget -q -O - http://${CAMERA}/setup`), /setup\.js/);
  const probe = `printf 'GET /generate_204 HTTP/1.1\\r\\nHost: connectivitycheck.gstatic.com\\r\\n\\r\\n' | nc ${CAMERA} 80`;
  assert.match(await phone.run(probe), /302 Found[^]*Location: http:\/\/10\.92\.0\.1\/setup\r?\n/);
  await networksAre('the guest to be counted', 10_000, ({ access_point }) => access_point.guests === 1);
}, { limit: 150_000 });

test('Wi-Fi: the page lists the router, and a wrong pass phrase is said', async () => {
  await post(phone.run, CAMERA, { ask: 'scan' });
  const { heard } = await networksAre('the router to be heard', 30_000, ({ heard }) => heard.length > 0);
  assert.deepEqual(heard.map(({ ssid, lock }) => [ssid, lock]), [['home', 'passphrase']]);
  await post(phone.run, CAMERA, { ask: 'join', ssid: 'home', passphrase: 'wrong phrase', country: 'JP' });
  const { wish, access_point } = await networksAre('it to fail', 90_000, step('failed'));
  assert.deepEqual(wish, { ssid: 'home', progress: { step: 'failed', why: { kind: 'wrong_passphrase' } } });
  assert.ok(access_point.open, 'the access point stays');
  assert.match(await run('iw reg get'), /country JP/);
}, { limit: 200_000 });

test('Wi-Fi: the right one brings the camera in, and the access point waits to say so', async () => {
  const begin = await guestTime();
  await post(phone.run, CAMERA, { ask: 'join', ssid: 'home', passphrase: 'right phrase' });
  const done = await networksAre('it to work', 90_000, step('done'));
  figure('in after', `${(await guestTime() - begin).toFixed(1)} s of the guest`);
  const { address } = done.wish.progress;
  assert.match(address, /^192\.168\.77\.\d+$/);
  assert.ok(done.access_point.open);
  assert.match(await run('iw dev ap0 info'), /channel 1 /, 'it has followed');
  // The telephone comes back by itself, and reads it.
  const told = await until('the telephone to read it', 60_000, () => (
    phone.run(`wget -q -O - http://${CAMERA}/api/network`).catch(() => null)));
  assert.equal(JSON.parse(told).wish.progress.address, address);
  assert.match(await router.run(`wget -q -O - http://${address}:8080/api/status`), /"version"/);
  const refused = await router.run(`wget -O - http://${address}:8080/api/network 2>&1 || true`);
  assert.match(refused, /403/, 'nobody at home may change it');
  await post(phone.run, CAMERA, { ask: 'close_access_point' });
  await networksAre('it to close', 30_000, ({ access_point }) => !access_point.open);
  await until('the interface to go', 10_000, () => run('test -e /sys/class/net/ap0 && echo || echo gone'));
  assert.match(await run('ls -l /data/network.json'), /^-rw------- +1 root/);
}, { limit: 250_000 });

test('Wi-Fi: a router that vanishes is awaited, and comes back', async () => {
  await closeRouter();
  await networksAre('the loss to be seen', 60_000, (now) => !isOnline(now));
  await openRouter('home', 'right phrase', { channel: 11 });
  const begin = await guestTime();
  await networksAre('the camera to be back', 120_000, isOnline);
  figure('back after', `${(await guestTime() - begin).toFixed(1)} s of the guest, on another channel`);
}, { limit: 250_000 });

test('Wi-Fi: when a new network fails, the old one is kept', async () => {
  await post(run, '127.0.0.1:8080', { ask: 'join', ssid: 'elsewhere', passphrase: 'right phrase' });
  const { wish } = await networksAre('it to fail', 60_000, step('failed'));
  assert.equal(wish.progress.why.kind, 'not_found');
  const { station } = await networksAre('the old one', 60_000, isOnline);
  assert.equal(station.ssid, 'home');
}, { limit: 150_000 });

test('Wi-Fi: a steward that is killed comes back to the same network', async () => {
  await run('kill -9 $(ps | awk "/[m]imamori steward/ { print \\$1 }")');
  await networksAre('the radio to be new', 10_000, (now) => !isOnline(now)).catch(() => {});
  await networksAre('the network', 120_000, isOnline);
}, { limit: 250_000 });

test('Wi-Fi: the settings on the card are taken in, and their pass phrase moves', async () => {
  await openRouter('from the card', 'card phrase', { channel: 3 });
  await onCard(`cp /boot/mimamori.toml ${OWN_CARD}`);
  // What the program itself is told stays: without it no picture gets through to here.
  const announce = await run('grep ^announce /data/mimamori.toml');
  const file = announce + '\\r\\n# mine\\r\\n[wifi]\\r\\nssid = \u201cfrom the card\u201d\\r\\npassphrase = "card phrase"\\r\\n[camera]\\r\\nname = "porch"\\r\\n';
  await onCard(`printf '${file}' >/boot/mimamori.toml`);
  await restartSteward();
  const { station, name, problems } = await networksAre('the card\u2019s network', 120_000, (now) => (
    isOnline(now) && now.station.ssid === 'from the card'));
  assert.deepEqual([station.ssid, name, problems], ['from the card', 'porch', []]);
  const left = await onCard('cat /boot/mimamori.toml');
  assert.match(left, /passphrase = "" # kept in the camera/);
  assert.equal(await run('grep -c "card phrase" /data/network.json'), '1');
  assert.equal(await run('strings /dev/mmcblk0p1 2>/dev/null | grep -c "card phrase" || true'), '0');
}, { limit: 250_000 });

test('Wi-Fi: a damaged file on the card is told, and changes nothing', async () => {
  for (const [damage, words] of [
    ["printf '[wifi]\\nssid = \"other' >/boot/mimamori.toml", 'mimamori.toml:2'],
    ['dd if=/dev/urandom of=/boot/mimamori.toml bs=1k count=4 2>/dev/null', 'mimamori.toml'],
    ['rm /boot/mimamori.toml; mkdir /boot/mimamori.toml', 'directory'],
  ]) {
    await onCard(damage);
    await restartSteward();
    const { problems } = await networksAre('the network', 120_000, (now) => (
      isOnline(now) && now.problems.length > 0));
    assert.ok(problems[0].includes(words), problems[0]);
    assert.match(await run('cat /run/mimamori/problems'), new RegExp(words));
  }
  await onCard(`rmdir /boot/mimamori.toml; cp ${OWN_CARD} /boot/mimamori.toml`);
  await restartSteward();
  await networksAre('nothing to complain of', 120_000, (now) => now.problems.length === 0);
  assert.equal(await run('grep -c ^announce /data/mimamori.toml'), '1');
}, { limit: 400_000 });

/** The card's file as it was before. */
const OWN_CARD = '/tmp/card.toml';

function onCard(command) {
  return run(`mount -o rw /dev/mmcblk0p1 /boot && { ${command}; }; code=$?; umount /boot; (exit $code)`);
}

async function restartSteward() {
  const steward = () => run('ps | awk "/[m]imamori steward/ { print \\$1 }"');
  const before = await until('a steward', 30_000, steward);
  await run(`kill ${before.split('\n').join(' ')}`);
  await until('another steward', 60_000, async () => {
    const now = await steward();
    return now && now !== before && facts().then(() => true, () => false);
  });
}
