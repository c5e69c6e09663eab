// Update bundles for the board, good and bad: made by emulator/bundle, and then spoilt.

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const call = promisify(execFile);
const MAKER = fileURLToPath(new URL('../../emulator/bundle', import.meta.url));
const HEADER = 110;

const made = new Map();

/** A bundle, of the kinds that emulator/bundle knows; its path. `settings`: that script's variables. */
export function makeBundle(kind, version, settings = {}) {
  const name = JSON.stringify([kind, version, settings]);
  if (!made.has(name)) made.set(name, make(kind, version, settings));
  return made.get(name);
}

// They lie in the folder of scripts/emulate, which is deleted in the end.
async function make(kind, version, settings) {
  const folder = await mkdtemp(join(tmpdir(), 'bundle.'));
  await call(MAKER, [process.env.EMULATOR_WORK, kind, version, folder], { env: { ...process.env, ...settings } });
  return join(folder, (await readdir(folder))[0]);
}

/** A spoilt copy of the bundle `path`; `spoil` gets its bytes, and gives others. */
export async function spoilt(path, spoil) {
  const copy = path.replace(/\.swu$/, `-${Math.random().toString(36).slice(2)}.swu`);
  await writeFile(copy, spoil(await readFile(path)));
  return copy;
}

/** One bit flipped in the middle of a member; in its header with `where` = 'header'. */
export const flipped = (name, where = 'data') => (bytes) => {
  const { start, data, size } = members(bytes).find((member) => member.name === name);
  const copy = Buffer.from(bytes);
  copy[where === 'header' ? start + 3 : data + (size >> 1)] ^= 1;
  return copy;
};

/** The same in a member, by somebody who has mended the archive's own checksum behind it. */
export const forged = (name) => (bytes) => {
  const copy = flipped(name)(bytes);
  const { start, data, size } = members(bytes).find((member) => member.name === name);
  const sum = copy.subarray(data, data + size).reduce((all, byte) => (all + byte) >>> 0, 0);
  copy.write(sum.toString(16).padStart(8, '0').toUpperCase(), start + 102, 'latin1');
  return copy;
};

/** A member taken out. */
export const without = (name) => (bytes) => {
  const { start, end } = members(bytes).find((member) => member.name === name);
  return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
};

/** Cut off within a member. */
export const cutIn = (name) => (bytes) => {
  const { data, size } = members(bytes).find((member) => member.name === name);
  return bytes.subarray(0, data + (size >> 1));
};

/** A member's bytes. */
export function member(bytes, name) {
  const { data, size } = members(bytes).find((each) => each.name === name);
  return bytes.subarray(data, data + size);
}

/** What lies where in a cpio archive ("newc" or "crc": fields of eight hexadecimal digits). */
function members(bytes) {
  const found = [];
  const even = (at) => (at + 3) & ~3;
  for (let start = 0; start + HEADER <= bytes.length;) {
    const field = (n) => parseInt(bytes.toString('latin1', start + 6 + 8 * n, start + 14 + 8 * n), 16);
    const [size, nameSize] = [field(6), field(11)];
    const name = bytes.toString('latin1', start + HEADER, start + HEADER + nameSize - 1);
    const data = even(start + HEADER + nameSize);
    const end = even(data + size);
    found.push({ name, start, data, size, end });
    if (name === 'TRAILER!!!') break;
    start = end;
  }
  return found;
}
