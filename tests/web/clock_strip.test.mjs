// The clock in the test picture, read from pixels.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { COLUMNS, ROWS, ROW_DIVISOR, crc16, readBlocks, readTime } from '../../web/clock_strip.js';

const bitsOf = (value, length) => [...value.toString(2).padStart(length, '0')].map(Number);

function encode(ms) {
  const time = bitsOf(ms, 48);
  return [...time, ...bitsOf(crc16(time), 16)];
}

// `white` and `black` as an encoder's limited range and blur would leave them.
function draw(bits, width, height, white = 235, black = 16) {
  const strip = Math.ceil((height * ROWS) / ROW_DIVISOR);
  const rgba = new Uint8ClampedArray(width * strip * 4);
  for (let y = 0; y < strip; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const row = Math.min(ROWS - 1, Math.floor((y * ROW_DIVISOR) / height));
      const block = row * COLUMNS + Math.floor((x * COLUMNS) / width);
      rgba.fill(bits[block] ? white : black, (y * width + x) * 4, (y * width + x) * 4 + 4);
    }
  }
  return rgba;
}

test('the checksum is CRC-16/IBM-3740', () => {
  const check = [...'123456789'].flatMap((digit) => bitsOf(digit.charCodeAt(0), 8));
  assert.equal(crc16(check), 0x29b1);
});

test('a drawn clock reads back at every size the camera gives', () => {
  const ms = 1_795_332_399_123;
  for (const [width, height] of [[320, 240], [640, 360], [640, 480], [1280, 720], [1536, 768], [1640, 1232], [1920, 1080]]) {
    assert.equal(readTime(readBlocks(draw(encode(ms), width, height), width, height)), ms, `${width}x${height}`);
  }
});

test('a torn strip gives no time', () => {
  for (const block of [0, 31, 47, 48, 63]) {
    const bits = encode(1_795_332_399_123);
    bits[block] ^= 1;
    assert.equal(readTime(bits), null);
  }
});

test('a picture without the strip gives no time', () => {
  for (const grey of [0, 90, 255]) {
    const rgba = new Uint8ClampedArray(320 * 20 * 4).fill(grey);
    assert.equal(readTime(readBlocks(rgba, 320, 240)), null);
  }
});
