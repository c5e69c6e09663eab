// Simulated radios on the emulated board (mac80211_hwsim): the camera's own, one of a
// router and one of a telephone, these two each in a network of its own.

import { sleep, until } from '../e2e/harness.mjs';
import { run } from './board.mjs';

const FOLDER = '/tmp/radios';
const API = 'http://127.0.0.1:8080/api/network';

export const router = station('router', 1);
export const phone = station('phone', 2);

/** Plugs the radios in, and gives two of them away. */
export async function plugRadiosIn() {
  await run(`mkdir -p ${FOLDER}`);
  await run(`while read -r name; do options=; [ $name = mac80211_hwsim ] && options=radios=3; \
    grep -q "^$name " /proc/modules || insmod /lib/modules/radios/$name.ko $options; done </lib/modules/radios/order`);
  for (const each of [router, phone]) await each.begin();
}

/** A namespace with a radio. The process that keeps it is told in a file. */
function station(name, number) {
  const pid = `${FOLDER}/${name}.pid`;
  const inside = (command) => `nsenter -t $(cat ${pid}) -n sh -c '${command.replaceAll("'", `'\\''`)}'`;
  return {
    interface: `wlan${number}`,
    run: (command, limit) => run(inside(command), limit),
    async begin() {
      await run(`unshare -n sh -c 'echo $$ >${pid}; exec sleep 100000' >/dev/null 2>&1 &`);
      await until('a namespace', 10_000, () => run(`test -s ${pid} && echo yes || true`));
      // Its first number was given when the module was loaded.
      await run(`iw phy $(cat /sys/class/net/wlan${number}/phy80211/name) set netns $(cat ${pid})`);
      await run(inside(`ifconfig lo up; ifconfig wlan${number} up`));
    },
  };
}

/** The router opens this network, and gives out addresses; anything before it ends. */
export async function openRouter(ssid, passphrase, { channel = 1, hidden = 0 } = {}) {
  await closeRouter();
  const lines = [
    `interface=${router.interface}`, `ssid=${ssid}`, 'hw_mode=g', `channel=${channel}`,
    `ignore_broadcast_ssid=${hidden}`, 'ctrl_interface=/tmp/radios/hostapd',
    ...(passphrase ? ['wpa=2', 'wpa_key_mgmt=WPA-PSK', 'rsn_pairwise=CCMP', `wpa_passphrase=${passphrase}`] : []),
  ];
  await run(`printf '%s\\n' ${lines.map((line) => `'${line}'`).join(' ')} >${FOLDER}/hostapd.conf`);
  await router.run(`hostapd -B -P ${FOLDER}/hostapd.pid ${FOLDER}/hostapd.conf >${FOLDER}/hostapd.log`);
  await router.run(`ifconfig ${router.interface} 192.168.77.1 netmask 255.255.255.0 up`);
  await router.run(`dnsmasq --conf-file=/dev/null --pid-file=${FOLDER}/dnsmasq.pid --user=root --leasefile-ro --port=0 \
    --interface=${router.interface} --bind-interfaces --dhcp-range=192.168.77.50,192.168.77.99,1h --dhcp-authoritative`);
}

export async function closeRouter() {
  await run(`for name in hostapd dnsmasq; do [ ! -e ${FOLDER}/$name.pid ] || kill $(cat ${FOLDER}/$name.pid) || true; \
    rm -f ${FOLDER}/$name.pid; done; sleep 1`);
}

/** The telephone joins that open network and asks for an address; the address. */
export async function joinWithPhone(ssid) {
  const device = phone.interface;
  await run(`printf 'ctrl_interface=${FOLDER}/wpa\\nnetwork={\\nssid="${ssid}"\\nkey_mgmt=NONE\\n}\\n' >${FOLDER}/phone.conf`);
  await phone.run(`wpa_supplicant -B -i ${device} -c ${FOLDER}/phone.conf -P ${FOLDER}/phone-wpa.pid >/dev/null`);
  await run(`printf '#!/bin/sh\\n[ "$1" != bound ] || ifconfig $interface $ip netmask $subnet\\n' >${FOLDER}/lease; chmod +x ${FOLDER}/lease`);
  await until('the telephone to be in', 60_000, () => phone.run(
    `wpa_cli -p ${FOLDER}/wpa -i ${device} status | grep -c COMPLETED || true`).then((count) => count === '1'));
  await phone.run(`udhcpc -i ${device} -n -q -t 10 -T 2 -s ${FOLDER}/lease 2>&1`, 60_000);
  return (await phone.run(`ifconfig ${device} | sed -n "s/.*inet addr:\\([0-9.]*\\).*/\\1/p"`)).trim();
}

/** What the camera says of its networks to somebody on the board itself. */
export async function facts() {
  const said = JSON.parse(await run(`wget -q -O - ${API}`));
  // So the camera's server speaks for a steward that is not there (yet).
  if (!said.station) throw new Error(`nobody knows of networks: ${JSON.stringify(said)}`);
  return said;
}

/** Waits until the camera's networks are so; what it says then. */
export async function networksAre(what, limit, probe) {
  let last;
  return until(what, limit, async () => {
    last = await facts().catch(() => last);
    if (last && probe(last)) return last;
    // Asking costs the board time that it needs for what is awaited.
    return sleep(500);
  }).catch((error) => Promise.reject(new Error(`${error.message}; ${JSON.stringify(last)}`)));
}

/** Asks for something over HTTP from there: "run" of the board, the router or the phone. */
export async function post(from, address, body) {
  return from(`wget -q -O - --header 'Content-Type: application/json' --post-data '${JSON.stringify(body)}' \
    http://${address}/api/network`);
}
