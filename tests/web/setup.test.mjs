// What the set-up page says of the camera's networks.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { textFor } from '../../web/setup_text.js';
import { bars, notes, progress, refuse, state } from '../../web/setup_words.js';

const en = textFor('en');
const ja = textFor('ja');
const wish = (progress) => ({ name: 'porch', wish: { ssid: 'home', progress } });

test('both languages have every word', () => {
  const shape = (table) => Object.entries(table).map(([key, value]) => [
    key, typeof value === 'object' ? Object.keys(value).sort() : typeof value]);
  assert.deepEqual(shape(ja), shape(en));
});

test('every text of the page is there', () => {
  const html = readFileSync(new URL('../../web/setup.html', import.meta.url), 'utf8');
  for (const [, key] of html.matchAll(/data-text="(\w+)"/g)) assert.equal(typeof en[key], 'string', key);
});

test('every failure of the camera has its words', () => {
  const source = readFileSync(new URL('../../src/core/network/failure.rs', import.meta.url), 'utf8');
  const kinds = [...source.split('}')[0].matchAll(/^ {4}([A-Z]\w+)/gm)]
    .map(([, name]) => name.replace(/(?<!^)[A-Z]/g, '_$&').toLowerCase());
  const all = [...new Set([...kinds, 'no_answer', 'no_address'])].sort();
  assert.deepEqual(Object.keys(en.why).sort(), all);
});

test('signals are bars', () => {
  assert.deepEqual([-95, -80, -75, -65, -50].map(bars), [1, 2, 2, 3, 4]);
});

test('a network is told with what matters', () => {
  const heard = { ssid: 'home', signal: -50, lock: 'passphrase' };
  assert.equal(notes(heard, [], en), 'locked · signal 4 of 4');
  assert.equal(notes({ ...heard, lock: 'open' }, ['home'], en), 'known · open · signal 4 of 4');
});

test('the way of a wish is told to its end', () => {
  assert.equal(progress({ wish: null }, en), null);
  assert.equal(progress(wish({ step: 'joining' }), en).busy, true);
  const done = progress(wish({ step: 'done', address: '192.168.0.7' }), en);
  assert.equal(done.tone, 'good');
  assert.match(done.text, /http:\/\/porch\.local or http:\/\/192\.168\.0\.7/);
  const failed = progress(wish({ step: 'failed', why: { kind: 'wrong_passphrase' } }), ja);
  assert.deepEqual([failed.tone, failed.text], ['bad', '「home」：パスワードが違います。']);
  assert.equal(progress(wish({ step: 'failed', why: { kind: 'new_kind' } }), en).tone, 'bad');
  for (const step of ['waiting', 'searching', 'joining', 'asking_address']) {
    assert.match(progress(wish({ step }), en).text, /home/, step);
  }
});

test('where the camera is', () => {
  assert.equal(state({ radio: false }, en), en.noRadio);
  assert.equal(state({ radio: true, station: { state: 'pausing' } }, en), en.offline);
  assert.match(state({ radio: true, station: { state: 'online', ssid: 'a', address: '1.2.3.4' } }, en), /1\.2\.3\.4/);
});

test('what can not be sent is said before', () => {
  assert.equal(refuse({ ssid: 'a' }, en), null);
  assert.equal(refuse({ ssid: 'a', passphrase: '12345678' }, en), null);
  assert.equal(refuse({ ssid: 'a', passphrase: 'f'.repeat(64) }, en), null);
  for (const passphrase of ['1234567', 'x'.repeat(64)]) {
    assert.equal(refuse({ ssid: 'a', passphrase }, en), en.wrongLength);
  }
  assert.equal(refuse({ ssid: '' }, en), en.name);
});
