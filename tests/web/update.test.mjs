// What the update page says, and how it judges what became of an update.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { look, readStart } from '../../web/bundle.js';
import { Follow } from '../../web/follow.js';
import { textFor } from '../../web/update_text.js';
import { duration, ending, goesOn, last, megabytes, steps, versions, view } from '../../web/update_words.js';

const en = textFor('en');
const ja = textFor('ja');
const bytes = (text) => new TextEncoder().encode(text);
const good = '070702AA' + '0'.repeat(100) + 'sw-description\0software =\n{\n  version = "2.0.1-rc.1";\n  hardware-compatibility: ["1.0"];\n';
const idle = { version: '1.0.0', slot: 'a', state: 'idle', other: { slot: 'b', version: '0.9.0' }, can_roll_back: true, last: null };
const known = (more) => ({ facts: idle, answered: true, silent: false, chosen: null, problem: null, sending: null, follow: null, told: null, ...more });
const chosen = { name: 'mimamori-2.0.0.swu', size: 1000, version: '2.0.0' };

test('both languages have every word', () => {
  const shape = (table) => Object.entries(table).map(([key, value]) => [
    key, value && typeof value === 'object' ? shape(value) : typeof value]);
  assert.deepEqual(shape(ja), shape(en));
});

test('every text of the page is there', () => {
  const html = readFileSync(new URL('../../web/update.html', import.meta.url), 'utf8');
  const keys = [...html.matchAll(/data-text="(\w+)"/g)];
  assert.ok(keys.length > 8);
  for (const [, key] of keys) assert.equal(typeof en[key], 'string', key);
});

test('a bundle is known by its first bytes', async () => {
  assert.deepEqual(readStart(bytes(good)), { version: '2.0.1-rc.1' });
  assert.deepEqual(readStart(bytes(good.replace('070702', '070701'))), { version: '2.0.1-rc.1' });
  assert.deepEqual(readStart(bytes('PK\x03\x04')), { problem: 'notBundle' });
  assert.deepEqual(readStart(bytes('')), { problem: 'notBundle' });
  assert.deepEqual(readStart(bytes(good.replace('version', 'ver'))), { problem: 'noVersion' });
  assert.deepEqual(readStart(bytes(`${good.slice(0, 100)}x version = "1"`)), { problem: 'noVersion' });
  assert.deepEqual(await look(new Blob([good])), { version: '2.0.1-rc.1' });
  const broken = { slice: () => ({ arrayBuffer: () => Promise.reject(new Error('gone')) }) };
  assert.deepEqual(await look(broken), { problem: 'unreadable' });
});

test('at rest a file can be chosen, then sent', () => {
  const before = view(known(), en);
  assert.deepEqual([before.message, before.step, before.choose, before.send, before.back], [null, null, true, null, true]);
  assert.equal(view(known({ chosen }), en).send, 'begin');
  assert.equal(view(known({ facts: { ...idle, can_roll_back: false } }), en).back, false);
  assert.equal(view(known({ problem: 'notBundle' }), en).message.text, en.problems.notBundle);
});

test('everything that a trial waits for has its name', () => {
  const source = readFileSync(new URL('../../src/core/update/trial.rs', import.meta.url), 'utf8');
  const names = [...source.matchAll(/Condition::new\(\s*"(\w+)"/g)].map(([, name]) => name);
  assert.ok(names.length >= 4);
  assert.deepEqual(Object.keys(en.waits).sort(), names.sort());
});

test('where there are no slots, nothing can be done', () => {
  const pc = view(known({ facts: { version: '1.0.0', slot: null, state: 'idle', other: null } }), en);
  assert.deepEqual([pc.choose, pc.send, pc.back, pc.message.text], [false, false, false, en.noSlots]);
  assert.equal(view(known({ facts: null }), en).message.text, en.asking);
  assert.equal(view(known({ facts: null, answered: false }), en).message.text, en.unknown);
  assert.equal(view(known({ silent: true }), en).message.text, en.unreachable);
  assert.equal(view(known({ silent: true }), en).choose, false);
});

test('while this page sends, the bar says how far', () => {
  const sending = { sent: 250, broken: false, left: 61_000 };
  const now = view(known({ chosen, sending, facts: { ...idle, state: 'receiving', id: 'x', received: 0, size: 1000 } }), en);
  assert.deepEqual([now.step, now.bar.value, now.stop, now.choose, now.giveUp], ['send', 25, true, false, false]);
  assert.match(now.bar.text, /25 %.*about 61 seconds left/);
  assert.match(now.message.text, /Sending 2\.0\.0/);
  const broken = view(known({ chosen, sending: { ...sending, broken: true } }), en);
  assert.deepEqual([broken.message.tone, broken.message.text], ['wait', en.broken]);
});

test('an upload of elsewhere is shown, given up, or gone on with', () => {
  const facts = { ...idle, state: 'receiving', id: 'x', received: 400, size: 1000 };
  const now = view(known({ facts }), en);
  assert.deepEqual([now.step, now.bar.value, now.choose, now.send, now.giveUp], ['send', 40, true, false, true]);
  assert.equal(view(known({ facts, chosen }), en).send, 'goOn');
  assert.equal(view(known({ facts, chosen: { ...chosen, size: 999 } }), en).send, false);
  assert.equal(goesOn(facts, chosen), true);
  assert.equal(goesOn(idle, chosen), false);
});

test('install, restart and trial have their words', () => {
  for (const [state, step] of [['installing', 'install'], ['restarting', 'restart'], ['trial', 'trial']]) {
    const now = view(known({ facts: { ...idle, state } }), en);
    assert.deepEqual([now.step, now.message.text, now.choose, now.back], [step, en.doing[step], false, false]);
    assert.equal(now.bar.value, null);
  }
  const trial = { waits_for: ['camera', 'something new'], seconds_left: 42 };
  const now = view(known({ facts: { ...idle, state: 'trial', trial } }), ja);
  assert.equal(now.detail, '確認待ち：カメラの映像、something new（残り42秒）');
  assert.deepEqual(steps('restart', en).map(({ state }) => state), ['done', 'done', 'now', 'to come']);
});

test('slots and the last result are told', () => {
  assert.deepEqual(versions(idle, en), { running: '1.0.0 (slot A)', other: '0.9.0 (slot B)' });
  assert.equal(versions({ ...idle, other: { slot: 'b', version: null } }, en).other, en.nothing);
  assert.deepEqual(versions({ version: '1', slot: null, other: null }, en), { running: '1', other: '' });
  assert.equal(last(idle, en), null);
  const facts = (result) => ({ last: { result, version: '2.0.0', from: '1.0.0', reason: 'it hung', at: 1_800_000_000 } });
  assert.deepEqual(last(facts('updated'), en), { good: true, text: 'Version 2.0.0, from 1.0.0.', reason: '', at: 1_800_000_000_000 });
  assert.equal(last(facts('rolled_back'), en).reason, 'it hung');
  for (const result of ['refused', 'failed']) assert.match(last(facts(result), ja).text, /2\.0\.0/);
  assert.equal(last(facts('new kind'), en).text, 'new kind');
  // A board without a clock counts from 1970.
  assert.equal(last({ last: { result: 'updated', version: '2', at: 55 } }, en).at, null);
});

test('every end has its words', () => {
  const end = { version: '1.0.0', wanted: '2.0.0', before: '1.0.0', reason: 'why', words: 'because' };
  for (const kind of ['updated', 'rolled_back', 'refused', 'another', 'unclear', 'rejected', 'gone', 'broken', 'stopped', 'unreadable']) {
    const { tone, text } = ending({ ...end, kind }, en);
    assert.ok(text.length > 10, kind);
    assert.equal(tone === 'good', kind === 'updated', kind);
    assert.notEqual(ending({ ...end, kind }, ja).text, text);
  }
  assert.equal(ending({ kind: 'rejected', words: 'because' }, en).reason, 'because');
  assert.equal(ending({ kind: 'rejected', words: '' }, en).text, en.ends.nobody);
  assert.match(ending({ ...end, kind: 'updated', rollBack: true }, en).text, /running again/);
});

test('numbers are for people', () => {
  assert.equal(megabytes(41_943_040, 'en'), '41.9');
  assert.equal(duration(400, 'en'), '1 second');
  assert.equal(duration(89_000, 'en'), '89 seconds');
  assert.equal(duration(150_000, 'ja'), '3 分');
});

const result = (name, more = {}) => ({ result: name, version: '2.0.0', from: '1.0.0', reason: 'it hung', at: 1_800_000_000, ...more });

function follow(...heard) {
  const following = new Follow(0, idle, '2.0.0');
  const seen = heard.map(([now, facts]) => {
    following.hear(now, facts);
    return following.step;
  });
  return { seen, end: following.end };
}

test('an update is followed to its good end', () => {
  const elsewhere = { ...idle, version: '2.0.0', slot: 'b', other: { slot: 'a', version: '1.0.0' } };
  const { seen, end } = follow(
    [1000, { ...idle, state: 'installing' }], [2000, idle], [3000, { ...idle, state: 'restarting' }], [4000, null], [9000, null],
    [30_000, { ...elsewhere, state: 'trial' }], [31_000, null], [40_000, { ...elsewhere, last: result('updated') }]);
  assert.deepEqual(seen, ['install', 'install', 'restart', 'restart', 'restart', 'trial', 'trial', 'end']);
  assert.deepEqual([end.kind, end.version, end.before], ['updated', '2.0.0', '1.0.0']);
});

test('success is only what the camera itself runs', () => {
  const at = (facts) => follow([1000, { ...idle, ...facts }]).end;
  assert.equal(at({ last: result('rolled_back') }).kind, 'rolled_back');
  assert.equal(at({ last: result('rolled_back') }).reason, 'it hung');
  assert.equal(at({ last: result('refused') }).kind, 'refused');
  assert.equal(at({ last: result('failed') }).kind, 'refused');
  assert.equal(at({ last: result('updated') }).kind, 'rolled_back');
  assert.equal(at({ version: '3.0.0', slot: 'b', last: result('updated') }).kind, 'another');
  assert.equal(at({ version: '2.0.0', slot: 'b', last: result('rolled_back') }).kind, 'rolled_back');
  assert.equal(at({}), null);
});

test('an old system that says nothing of it is believed after a while', () => {
  const old = { ...idle, version: '2.0.0', slot: 'b' };
  assert.equal(follow([1000, old], [20_000, old]).end, null);
  assert.equal(follow([1000, old], [20_000, old], [31_000, old]).end.kind, 'updated');
  assert.equal(follow([1000, old], [20_000, idle], [31_000, old]).end, null);
});

test('nothing is waited for without end', () => {
  assert.equal(follow([899_000, null]).end, null);
  assert.equal(follow([900_000, null]).end.kind, 'unclear');
  assert.equal(follow([900_000, { ...idle, state: 'trial' }]).end.kind, 'unclear');
});

test('going back is followed likewise', () => {
  const following = new Follow(0, idle, '0.9.0', { rollBack: true });
  assert.equal(following.step, 'restart');
  following.hear(60_000, { ...idle, version: '0.9.0', slot: 'b', last: result('updated', { version: '0.9.0' }) });
  assert.deepEqual([following.end.kind, following.end.rollBack], ['updated', true]);
});
