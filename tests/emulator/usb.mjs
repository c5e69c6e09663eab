// Plugged into a computer, the board is a network card of it.

import assert from 'node:assert/strict';
import { figure, test, until } from '../e2e/harness.mjs';
import { run } from './board.mjs';
import { ask, askForAddress, chooseConfiguration, inside, plugIn, switchOff, switchOn } from './computer.mjs';
import { A, PTR, SRV } from './mdns.mjs';

const CAMERA = '10.91.0.1';

test('over the USB cable a computer gets an address, the name and the page', async (context) => {
  context.after(switchOff);
  await switchOn();
  const card = await plugIn();
  figure('Linux takes', `${card.driver}, as ${card.mac}`);
  assert.equal(card.driver, 'cdc_ncm');
  assert.match(card.mac, /^02:/, 'a number of our own making');
  await works(card);
  await showsItsService(card);
}, { limit: 180_000 });

test('the other two ways to speak Ethernet over USB work as well', async (context) => {
  context.after(switchOff);
  await switchOn();
  const first = await plugIn();
  for (const [number, driver] of [[1, 'rndis_host'], [3, 'cdc_ether']]) {
    const card = await chooseConfiguration(number);
    assert.equal(card.driver, driver);
    assert.equal(card.mac, first.mac, 'the same card, whichever way');
    await works(card);
  }
}, { limit: 240_000 });

test('Windows is told which driver to take', async () => {
  const gadget = '/sys/kernel/config/usb_gadget/mimamori';
  const driver = 'functions/rndis.0/os_desc/interface.rndis';
  // The kernel ends none of them with a newline.
  const fact = (name) => run(`head -c 7 ${gadget}/${name}`);
  assert.equal(await fact('os_desc/use'), '1');
  assert.equal(await fact('os_desc/qw_sign'), 'MSFT100');
  assert.equal(await fact(`${driver}/compatible_id`), 'RNDIS');
  assert.equal(await fact(`${driver}/sub_compatible_id`), '5162001');
  assert.equal(await run(`cd ${gadget} && basename $(readlink os_desc/c.1)`), 'c.1');
});

test('two cameras of one name: the later one takes another, and answers to it', async (context) => {
  context.after(switchOff);
  await switchOn();
  const card = await plugIn();
  await askForAddress(card);
  // A second camera, as far as the name goes: it comes first.
  context.after(() => run('killall -9 avahi-daemon; true'));
  await run('kill -STOP $(cat /run/avahi-daemon/pid)');
  await inside(`unshare -m sh -c 'mount -t tmpfs tmpfs /run; exec avahi-daemon --no-chroot --no-drop-root' >/tmp/other 2>&1 &`);
  await until('the other camera to have the name', 30_000, async () =>
    (await ask(card, 'mimamori.local', A)).some(({ value }) => value !== CAMERA));
  await run('kill -9 $(cat /run/avahi-daemon/pid)');
  const renamed = async () => (await ask(card, 'mimamori-2.local', A)).map(({ value }) => value);
  await until('the new name', 30_000, async () => (await renamed()).includes(CAMERA));
  assert.match(await page('mimamori-2.local'), /<title>/);
}, { limit: 180_000 });

/** An address, the name, and the page under that name. */
async function works(card) {
  const lease = await askForAddress(card);
  figure(card.driver, `${lease.ip}, for ${lease.lease} s`);
  assert.match(lease.ip, /^10\.91\.0\.\d+$/);
  assert.equal(lease.subnet, '255.255.255.0');
  assert.equal(lease.router, undefined, "the computer's own way out stays");
  assert.equal(lease.dns, undefined, "the computer's own name server stays");
  let named;
  // The name is told to a new network only after nobody has said that it is his.
  await until('the name', 20_000, async () => {
    named = await ask(card, 'mimamori.local', A);
    return named.length;
  });
  assert.deepEqual([...new Set(named.map(({ value }) => value))], [CAMERA]);
  assert.match(await page('mimamori.local'), /<title>/);
}

async function showsItsService(card) {
  const [service] = await ask(card, '_http._tcp.local', PTR);
  assert.equal(service?.value, 'mimamori._http._tcp.local');
  const [where] = await ask(card, service.value, SRV);
  assert.deepEqual(where?.value, { port: 80, target: 'mimamori.local' });
}

function page(name) {
  const request = `GET / HTTP/1.1\\r\\nHost: ${name}\\r\\nConnection: close\\r\\n\\r\\n`;
  return inside(`printf "${request}" | socat -t 10 - TCP4:${CAMERA}:80 | head -n 40`, 20_000);
}
