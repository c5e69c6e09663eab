// The card of the emulated board, as this machine sees it: the board writes through to it.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const call = promisify(execFile);
const MIB = 1 << 20;
const PIECE = 4 * MIB;
/** Where things lie, in bytes: buildroot/board/rpi0w/genimage.cfg. */
export const SLOTS = { A: 76 * MIB, B: 124 * MIB };
export const SLOT_SIZE = 48 * MIB;
export const BOOT = 12 * MIB;
const DATA = 172 * MIB;
const DATA_SIZE = 84 * MIB;
const ENVIRONMENTS = [4 * MIB, 8 * MIB];
const ENVIRONMENT_SIZE = 0x4000;
const CRC_TABLE = Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? 0xedb88320 ^ (rest >>> 1) : rest >>> 1;
  return rest;
});

/** The checksum of a slot's first `size` bytes. */
export async function slotSum(slot, size = SLOT_SIZE, card = process.env.EMULATOR_CARD) {
  return sum(card, SLOTS[slot], size);
}

/** SHA-256 of `size` bytes of a file from `start` on. */
export async function sum(path, start, size) {
  const hash = createHash('sha256');
  const file = await open(path);
  try {
    const piece = Buffer.alloc(PIECE);
    for (let at = 0; at < size;) {
      const { bytesRead } = await file.read(piece, 0, Math.min(PIECE, size - at), start + at);
      if (bytesRead === 0) throw new Error(`${path} ends at ${start + at}`);
      hash.update(piece.subarray(0, bytesRead));
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

/** U-Boot's environment as the board would read it: the newer one of the copies that are whole. */
export async function environment(card = process.env.EMULATOR_CARD) {
  const file = await open(card);
  try {
    const copies = [];
    for (const start of ENVIRONMENTS) {
      const bytes = Buffer.alloc(ENVIRONMENT_SIZE);
      await file.read(bytes, 0, bytes.length, start);
      copies.push({ whole: crc32(bytes.subarray(5)) === bytes.readUInt32LE(0), flag: bytes[4], bytes });
    }
    const whole = copies.filter((copy) => copy.whole);
    if (whole.length === 0) throw new Error('both copies of the environment are damaged');
    // The flag counts up, and begins anew behind 255.
    whole.sort((a, b) => (b.flag - a.flag) << 24 >> 24);
    const lines = whole[0].bytes.subarray(5).toString('latin1').split('\0\0')[0].split('\0');
    return { ...Object.fromEntries(lines.map((line) => line.split(/=(.*)/s))), copies: whole.length };
  } finally {
    await file.close();
  }
}

/** The slot that would be started, as buildroot/board/rpi0w/boot.cmd chooses it. */
export function nextSlot({ slot, try: tried, tries }) {
  if (tried && Number(tries || 0) < 2) return tried;
  return slot === 'B' ? 'B' : 'A';
}

/** /data of the card, copied into a folder and repaired as the board does at its start. */
export async function dataOf(folder, card = process.env.EMULATOR_CARD) {
  const data = join(folder, 'data');
  await call('dd', [`if=${card}`, `of=${data}`, 'bs=1M', `skip=${DATA / MIB}`, `count=${DATA_SIZE / MIB}`, 'conv=sparse', 'status=none']);
  const { code, stdout } = await call('e2fsck', ['-p', data]).then((done) => ({ code: 0, ...done }), (error) => error);
  if (!(code <= 1)) throw new Error(`e2fsck -p does not do: ${stdout}`);
  const read = async (name) => (await call('debugfs', ['-R', `cat /${name}`, data])).stdout;
  return { replayed: /recovering journal/.test(stdout), read };
}

/** As zlib has it. */
function crc32(bytes) {
  let rest = ~0;
  for (const byte of bytes) rest = CRC_TABLE[(rest ^ byte) & 255] ^ (rest >>> 8);
  return ~rest >>> 0;
}
