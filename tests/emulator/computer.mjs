// The computer that the board is plugged into: a network name space of the same
// kernel, at the other end of a USB controller that exists in the kernel only.

import { until } from '../e2e/harness.mjs';
import { run } from './board.mjs';
import { answers, question } from './mdns.mjs';

const GADGET = '/sys/kernel/config/usb_gadget/mimamori';
const MODULES = ['cdc_ncm', 'rndis_host', 'dummy_hcd'];
// Those of the gadget are called pc0, pc1, pc2.
const LEASE = '#!/bin/sh\\n[ "$1" = bound ] || exit 0\\nifconfig $interface $ip netmask $subnet\\nip route replace 224.0.0.0/4 dev $interface\\nenv >/tmp/lease\\n';
const CARD = "for i in /sys/class/net/*; do [ -e $i/device/driver ] && grep -qs '^camera mimamori$' $i/device/../product && echo ${i##*/} && break; done; true";

/** Starts the computer, with nothing plugged in. */
export async function switchOn() {
  for (const name of MODULES) await run(`grep -q '^${name} ' /proc/modules || insmod /data/computer/${name}.ko`);
  await run("unshare -n sh -c 'echo $$ >/tmp/computer; exec sleep 100000' >/dev/null 2>&1 &");
  await until('the computer', 5000, () => run('test -s /tmp/computer').then(() => true, () => false));
  await inside('ifconfig lo up');
}

export async function switchOff() {
  await run('kill $(cat /tmp/computer); rm /tmp/computer; true');
}

/** Runs a command in the computer's network. */
export function inside(command, limit) {
  return run(`nsenter -t $(cat /tmp/computer) -n sh -c '${command.replaceAll("'", "'\\''")}'`, limit);
}

/** Plugs the board in anew, by its own script. */
export async function plugIn() {
  await run(`! cd ${GADGET} || { echo >UDC; kill $(cat /run/mimamori/usb.pid); }`);
  await until('the board at the emulated controller', 30_000, async () => (await controller()) === 'dummy_udc.0');
  return takeCard();
}

export function controller() {
  return run(`cat ${GADGET}/UDC 2>/dev/null || true`);
}

/** The card's name and driver, once it is in the computer's network. */
export async function takeCard() {
  let name;
  await until('a network card', 20_000, async () => (name = await run(CARD)));
  const driver = await run(`readlink /sys/class/net/${name}/device/driver`);
  const mac = await run(`cat /sys/class/net/${name}/address`);
  await run(`ip link set ${name} netns $(cat /tmp/computer)`);
  await inside(`ifconfig ${name} up`);
  return { name, driver: driver.split('/').at(-1), mac };
}

/** What Windows and old computers do, each in its own way. */
export async function chooseConfiguration(number) {
  await run("for d in /sys/bus/usb/devices/*; do grep -qs '^camera mimamori$' $d/product && echo " + number + ' >$d/bConfigurationValue; done; true');
  return takeCard();
}

/** Asks for an address, and takes it: what the lease says. */
export async function askForAddress({ name }) {
  await run(`printf '${LEASE}' >/tmp/lease.sh; chmod +x /tmp/lease.sh; rm -f /tmp/lease`);
  await inside(`udhcpc -i ${name} -n -q -t 10 -T 1 -s /tmp/lease.sh`, 30_000);
  const lines = (await run('cat /tmp/lease')).split('\n').map((line) => line.split('='));
  return Object.fromEntries(lines);
}

/** The records that come until nobody has said anything for two seconds, or for five seconds. */
export async function ask({ name }, what, type) {
  const query = question(what, type).toString('base64');
  const group = `UDP4-DATAGRAM:224.0.0.251:5353,bind=:5353,reuseaddr,ip-add-membership=224.0.0.251:${name}`;
  const heard = await inside(`echo ${query} | base64 -d | timeout 5 socat -t 2 - ${group} | base64 -w 0`, 20_000);
  return answers(Buffer.from(heard, 'base64')).filter((record) => record.type === type && record.name === what);
}
