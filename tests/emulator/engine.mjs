// SWUpdate on the board, called as the steward calls it: what it refuses, and that what it
// takes lies in the other slot whole, and will be tried.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { figure, test } from '../e2e/harness.mjs';
import { watch } from '../e2e/browser.mjs';
import { everydayCamera, guestTime, playsOn, run, served, url } from './board.mjs';
import { cutIn, flipped, forged, makeBundle, member, spoilt, without } from './bundles.mjs';
import { slotSum } from './card.mjs';

const LOG = '/tmp/swupdate.log';
const ENGINE = 'mkdir -p /run/mimamori/update.d && TMPDIR=/run/mimamori/update.d swupdate -v -B uboot -M -m'
  + ' -k /etc/mimamori/update-keys.pem -e stable,b -H rpi0w:1.0 --cert-purpose codeSigning'
  + ' -N $(cat /etc/mimamori/update-floor) -i /proc/self/fd/0';

test('bad bundles are refused, each for its reason; the running slot stays as it is, and the picture goes on', async (context) => {
  await everydayCamera();
  const page = await watch(context, { url });
  const before = await slotSum('A');
  const good = await makeBundle('small', '1.5.0');
  const small = (settings, version = '1.5.0') => makeBundle('small', version, settings);
  await refused('signed by another key', await small({ BUNDLE_KEY: 'other' }), /Authentication of all signatures failed|Signature verification failed/);
  await refused('unsigned', await spoilt(good, without('sw-description.sig')), /not the first of the list|Image invalid or corrupted/);
  await refused('for other hardware', await small({ BUNDLE_HARDWARE: '2.0' }), /SW not compatible with hardware/);
  await refused('older than the floor', await small({ BUNDLE_FLOOR: '0.0.1' }, '0.0.9'), /No downgrading allowed/);
  await refused('a bit flipped in the description', await spoilt(good, flipped('sw-description')), /Checksum WRONG/);
  await refused('the same, with its checksum mended', await spoilt(good, forged('sw-description')), /Signature verification failed|Authentication of all signatures failed/);
  await refused('a bit flipped in the signature', await spoilt(good, forged('sw-description.sig')), /[Ss]ignature|CMS/);
  await refused('a bit flipped in the image', await spoilt(good, flipped('rootfs.squashfs')), /Checksum WRONG|HASH mismatch/);
  await refused('the same, with its checksum mended', await spoilt(good, forged('rootfs.squashfs')), /HASH mismatch/);
  await refused('a bit flipped in a header', await spoilt(good, flipped('rootfs.squashfs', 'header')), /CPIO Format not recognized/);
  await refused('cut off in the description', await spoilt(good, cutIn('sw-description')), /ERROR/);
  await refused('cut off in the image', await spoilt(good, cutIn('rootfs.squashfs')), /ERROR/);
  await refused('no bundle at all', await spoilt(good, () => randomBytes(100_000)), /CPIO Format not recognized/);
  assert.equal(await slotSum('A'), before, 'the running slot');
  await playsOn(page);
}, { limit: 300_000 });

test('a good bundle lies in the other slot, whole, and will be tried', async () => {
  const before = await slotSum('A');
  const path = await makeBundle('good', '1.0.0');
  const image = member(await readFile(path), 'rootfs.squashfs');
  const begin = await guestTime();
  await install(path);
  figure('written', `${(image.length / 1e6).toFixed(1)} MB in ${Math.round(await guestTime() - begin)} s of guest time`);
  assert.equal(await slotSum('B', image.length), createHash('sha256').update(image).digest('hex'));
  assert.equal(await slotSum('A'), before, 'the running slot');
  assert.equal(await run('fw_printenv -n try'), 'B');
  // What is tried is another test's business.
  await run("printf 'try=\\n' | fw_setenv -s -");
}, { limit: 300_000 });

/** Lets the board install it; an error with the engine's words if that fails. */
async function install(path) {
  const [address, close] = await served(path);
  try {
    await run(`wget -q -O - ${address} | (${ENGINE}) >${LOG} 2>&1 || { grep -E 'ERROR|not the first' ${LOG} | cut -c1-200; false; }`, 240_000);
  } finally {
    close();
  }
}

async function refused(what, path, words) {
  const error = await install(path).then(() => assert.fail(`${what}: taken`), (failed) => failed);
  const lines = error.message.split('\n').slice(1);
  figure(what, lines.find((line) => words.test(line)) ?? lines.join(' | '));
  assert.match(lines.join('\n'), words, what);
  assert.equal(await run('fw_printenv -n try'), '', `${what}: nothing will be tried`);
}
