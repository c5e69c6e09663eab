// Settings as a computer writes them onto the card, numbered, so that old and new ones can be
// told apart.

import assert from 'node:assert/strict';
import { until } from '../e2e/harness.mjs';
import { run } from './board.mjs';

/** A computer writes settings number `n` onto the card's first partition; the steward begins anew, and reads them. */
export async function give(n) {
  const lines = ['[wifi]', `ssid = "network ${n}"`, `passphrase = "${secret(n)}"`, 'country = "JP"', '[camera]', `name = "cut-${n}"`];
  await run(`mount -o rw,sync /boot && printf '%s\\n' ${lines.map((line) => `'${line}'`).join(' ')} >/boot/mimamori.toml && umount /boot`);
  await run("kill -9 $(ps -o pid,args | awk '/[m]imamori steward/{print $1; exit}')");
}

/** The board has them, all of them, and the card's file has the pass phrase no more. */
export async function takenIn(n) {
  await until(`settings ${n} in /data`, 60_000, async () => {
    const text = await run('cat /data/network.json 2>/dev/null || true');
    return text.includes(secret(n));
  });
  assert.equal(await run('cat /data/hostname'), `cut-${n}`);
  await until('a blanked card', 60_000, async () => {
    const text = await run('mount -o ro /boot; cat /boot/mimamori.toml; umount /boot');
    return text.includes(`network ${n}`) && !text.includes(secret(n));
  });
}

/** The pass phrase of settings `n`. */
export const secret = (n) => `pass phrase ${String(n).padStart(6, '0')}`;
