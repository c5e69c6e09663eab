// What the page says in which situation, in both languages.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { usableIceServers } from '../../web/api.js';
import { Formats } from '../../web/panel.js';
import { fileName } from '../../web/snapshot.js';
import { pickLanguage, textFor } from '../../web/text.js';
import { cameraName, describe, knownMessage, problemsOf, saysFull } from '../../web/words.js';

const en = textFor('en');
const ja = textFor('ja');
const known = { status: null, reached: null, message: '', online: true, blocked: false };
const waiting = (reason, more) => ({ phase: 'waiting', reason, retryIn: 4600, wait: 5000, silentFor: 0, ...more });

test('a full camera is told with its number of places and the time to the next try', () => {
  const status = { viewers: 8, max_viewers: 8 };
  const said = describe(waiting('full'), { ...known, status }, en);
  assert.equal(said.text, '8 people are already watching.');
  assert.equal(said.detail, 'Trying again in 5 s.');
  assert.equal(said.canRetry, true);
  assert.equal(describe(waiting('full'), { ...known, status }, ja).text, 'すでに8人が見ています。');
});

test('the spoken words do not count down', () => {
  const at = (retryIn) => describe(waiting('closed', { retryIn }), known, en);
  assert.notEqual(at(4600).detail, at(1200).detail);
  assert.equal(at(4600).spoken, at(1200).spoken);
  const stalled = (silentFor) => describe({ phase: 'stalled', silentFor }, known, en);
  assert.notEqual(stalled(3000).text, stalled(6000).text);
  assert.equal(stalled(3000).spoken, stalled(6000).spoken);
});

test('each reason has its own words', () => {
  const reasons = ['full', 'unreachable', 'no-answer', 'no-media', 'no-picture', 'closed', 'lost', 'error'];
  for (const text of [en, ja]) {
    const said = reasons.map((reason) => describe(waiting(reason), known, text).text);
    assert.equal(new Set(said).size, reasons.length);
    assert.ok(said.every((words) => typeof words === 'string' && words.length > 5));
  }
});

test('a refusal is told in the camera’s own words', () => {
  assert.equal(describe(waiting('refused'), { ...known, message: 'Back at noon.' }, en).text, 'Back at noon.');
});

test('without a network that is the reason, whatever else failed', () => {
  assert.equal(describe(waiting('lost'), { ...known, online: false }, en).text, en.offline);
});

test('a lost camera is named instead of the standing picture', () => {
  const status = { camera: { state: 'lost' } };
  for (const phase of ['opening', 'stalled']) {
    assert.equal(describe({ phase, silentFor: 4000 }, { ...known, status }, en).text, en.cameraLost);
  }
});

test('while the next call is made its reason stays and nothing new is spoken', () => {
  const said = describe({ phase: 'connecting', reason: 'closed' }, known, en);
  assert.deepEqual([said.text, said.detail, said.spoken], [en.closed, en.reconnecting, null]);
  assert.equal(describe({ phase: 'connecting', reason: null }, known, en).spoken, en.connecting);
});

test('a needed tap is told while there is something to play', () => {
  assert.equal(describe({ phase: 'playing' }, { ...known, blocked: true }, en).tone, 'tap');
  assert.equal(describe(waiting('lost'), { ...known, blocked: true }, en).tone, 'bad');
});

test('full is understood from the message or from the number of viewers', () => {
  assert.ok(saysFull('The camera is full: 8 people are watching', null));
  assert.ok(saysFull('busy', { viewers: 8, max_viewers: 8 }));
  assert.ok(!saysFull('Back at noon.', { viewers: 2, max_viewers: 8 }));
  assert.ok(!saysFull('', null));
});

test('the camera’s message about a slow link is told in the person’s language', () => {
  assert.equal(knownMessage('Your link is too slow for the picture', ja), ja.slow);
  assert.equal(knownMessage('Hello', ja), null);
});

test('the camera is called what a person would call it', () => {
  assert.equal(cameraName({ kind: 'v4l2', name: 'mmal service 16.1' }, en), 'Raspberry Pi camera');
  assert.equal(cameraName({ kind: 'webcam', name: 'HD Pro' }, en), 'HD Pro');
  assert.equal(cameraName({ kind: 'file', name: '' }, ja), '録画');
  assert.equal(cameraName({ kind: 'test', name: 'x' }, en), en.testPicture);
});

test('the first language of the list that the page speaks decides', () => {
  assert.equal(pickLanguage(['fr-FR', 'ja-JP', 'en']), 'ja');
  assert.equal(pickLanguage(['en-GB', 'ja']), 'en');
  assert.equal(pickLanguage(['de', 'constructor']), 'en');
  assert.equal(pickLanguage(undefined), 'en');
});

test('both languages have every word, and every word the page asks for', () => {
  assert.deepEqual(Object.keys(ja), Object.keys(en));
  const html = readFileSync(new URL('../../web/index.html', import.meta.url), 'utf8');
  const asked = [...html.matchAll(/data-(?:text|label)="(\w+)"/g)].map((match) => match[1]);
  assert.ok(asked.length > 10);
  for (const key of asked) assert.equal(typeof en[key], 'string', key);
});

test('numbers are written as people read them', () => {
  const formats = new Formats('en', en);
  assert.equal(formats.bitrate(1_863_000), '1.9 Mbit/s');
  assert.equal(formats.bitrate(94_400), '94 kbit/s');
  assert.equal(formats.percent(0.0123), '1.2 %');
  assert.equal(formats.delay({ ms: 83.6, measured: true }), '84 ms');
  assert.equal(formats.delay({ ms: 83.6, measured: false }), '≈ 84 ms');
  assert.equal(formats.delay(null), '–');
  assert.equal(formats.frameRate(null), '–');
  assert.equal(formats.duration(273_840), '3 days 4 hr');
  assert.equal(formats.duration(59), '59 sec');
  assert.equal(formats.duration(0), '0 sec');
  assert.equal(formats.duration(3600), '1 hr 0 min');
});

test('a snapshot’s name tells its moment and suits every file system', () => {
  const name = fileName(new Date(2026, 0, 5, 7, 4, 9));
  assert.equal(name, 'mimamori_2026-01-05_07-04-09.png');
});

test('only ICE servers that a browser takes are kept', () => {
  assert.deepEqual(usableIceServers([
    { urls: ['stun:a:3478', 'http://b'] }, { url: 'turn:c', username: 'u', credential: 'p' }, {}, null, 'stun:d', { urls: 7 },
  ]), [{ urls: ['stun:a:3478'] }, { urls: ['turn:c'], username: 'u', credential: 'p' }]);
  assert.deepEqual(usableIceServers('nonsense'), []);
});

test('what the board says is wrong is taken only as a list of texts', () => {
  assert.deepEqual(problemsOf({ problems: ['one', 2, null, 'two'] }), ['one', 'two']);
  for (const status of [null, {}, { problems: 'x' }, { problems: { length: 3 } }]) assert.deepEqual(problemsOf(status), []);
  assert.equal(problemsOf({ problems: Array(100).fill('x') }).length, 16);
});
