// A bundle's way to the camera, with a stand-in for the network and a clock of its own.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Upload, wordsOf } from '../../web/upload.js';

const SIZE = 2500;
const file = new Blob([Uint8Array.from({ length: SIZE }, (_, at) => at % 251)]);
const limits = { piece: 1000, broken: 100_000, pause: 1000 };

/** A camera; `mishap(method, number)` may break an exchange: 'before', 'after', or an answer. */
class Camera {
  got = new Uint8Array(0);
  id = null;
  asked = [];
  now = 0;

  constructor(mishap = () => null) {
    this.mishap = mishap;
  }

  upload(onProgress) {
    const fetch = (...all) => this.fetch(...all);
    const sleep = async (ms) => { this.now += ms; };
    return new Upload(file, { fetch, now: () => this.now, sleep, limits, onProgress });
  }

  async fetch(path, { method, headers, body, signal }) {
    signal.throwIfAborted();
    this.now += 10;
    this.asked.push(method);
    const mishap = this.mishap(method, this.asked.filter((each) => each === method).length, this);
    if (mishap === 'before') throw new TypeError('network error');
    if (mishap instanceof Response) return mishap;
    assert.equal(headers['Tus-Resumable'], '1.0.0');
    const answer = this.answer(method, path, headers, body);
    if (mishap === 'after') throw new TypeError('network error');
    return answer;
  }

  answer(method, path, headers, body) {
    if (method === 'POST') {
      assert.equal(headers['Upload-Length'], String(SIZE));
      this.id = 'a-1_b';
      return new Response(null, { status: 201, headers: { Location: '/api/update/a-1_b' } });
    }
    assert.equal(path, '/api/update/a-1_b');
    if (!this.id) return new Response('{"error":"ended"}', { status: 410 });
    if (method === 'DELETE') {
      this.id = null;
      return new Response(null, { status: 204 });
    }
    if (method === 'PATCH') {
      assert.equal(headers['Content-Type'], 'application/offset+octet-stream');
      if (Number(headers['Upload-Offset']) !== this.got.length) return new Response('{"error":"no"}', { status: 409 });
      this.got = new Uint8Array([...this.got, ...new Uint8Array(body)]);
    }
    const status = method === 'HEAD' ? 200 : 204;
    return new Response(null, { status, headers: { 'Upload-Offset': String(this.got.length) } });
  }

  async check() {
    assert.deepEqual(this.got, new Uint8Array(await file.arrayBuffer()));
  }
}

const refuse = (status, why) => new Response(JSON.stringify({ error: why }), { status });

test('a bundle goes in pieces', async () => {
  const camera = new Camera();
  const seen = [];
  assert.deepEqual(await camera.upload(({ sent }) => seen.push(sent)).run(), { end: 'sent' });
  await camera.check();
  assert.deepEqual(camera.asked, ['POST', 'HEAD', 'PATCH', 'PATCH', 'PATCH']);
  assert.deepEqual(seen, [0, 1000, 2000, 2500]);
});

for (const when of ['before', 'after']) {
  test(`a connection that breaks ${when} the camera took a piece is taken up again`, async () => {
    const camera = new Camera((method, number) => (method === 'PATCH' && number === 2 ? when : null));
    const broken = [];
    assert.deepEqual(await camera.upload((now) => broken.push(now.broken)).run(), { end: 'sent' });
    await camera.check();
    assert.equal(camera.asked.filter((each) => each === 'HEAD').length, 2);
    assert.equal(broken.filter(Boolean).length, 1);
  });
}

test('an upload that was begun before goes on where it was', async () => {
  const camera = new Camera();
  camera.id = 'a-1_b';
  camera.got = new Uint8Array(await file.slice(0, 1700).arrayBuffer());
  assert.deepEqual(await camera.upload().run('a-1_b'), { end: 'sent' });
  await camera.check();
  assert.deepEqual(camera.asked, ['HEAD', 'PATCH']);
});

test('what the camera refuses at once is told in its words', async () => {
  const camera = new Camera((method) => (method === 'POST' ? refuse(409, 'It is being updated.') : null));
  assert.deepEqual(await camera.upload().run(), { end: 'refused', words: 'It is being updated.' });
  assert.deepEqual(camera.asked, ['POST']);
});

test('a refused bundle is not sent on', async () => {
  const camera = new Camera((method, number) => (method === 'PATCH' && number === 2 ? refuse(422, 'The signature is wrong.') : null));
  assert.deepEqual(await camera.upload().run(), { end: 'refused', words: 'The signature is wrong.' });
  assert.equal(camera.asked.filter((each) => each === 'PATCH').length, 2);
});

test('an offset that does not fit is asked for, without haste', async () => {
  let others = 3;
  const camera = new Camera((method) => (method === 'PATCH' && others-- > 0 ? refuse(409, 'not there') : null));
  assert.deepEqual(await camera.upload().run(), { end: 'sent' });
  assert.ok(camera.now >= 3000, `${camera.now}`);
  await camera.check();
});

test('an upload that the camera has given up is gone', async () => {
  const camera = new Camera((method, number, self) => {
    if (method === 'PATCH' && number === 2) self.id = null;
    return null;
  });
  assert.deepEqual(await camera.upload().run(), { end: 'gone' });
});

test('a connection that stays broken is given up', async () => {
  const camera = new Camera((method, number) => (number > 1 || method === 'PATCH' ? 'before' : null));
  assert.deepEqual(await camera.upload().run(), { end: 'broken' });
  assert.ok(camera.now >= 100_000 && camera.now < 110_000, `${camera.now}`);
  const dead = new Camera(() => 'before');
  assert.deepEqual(await dead.upload().run(), { end: 'broken' });
});

test('a busy camera is asked again', async () => {
  const camera = new Camera((method, number) => (method === 'PATCH' && number < 4 ? refuse(503, 'busy') : null));
  assert.deepEqual(await camera.upload().run(), { end: 'sent' });
});

test('stopping gives it up in the camera, too', async () => {
  const camera = new Camera();
  const upload = camera.upload(({ sent }) => { if (sent === 1000) stopped = upload.stop(); });
  let stopped;
  assert.deepEqual(await upload.run(), { end: 'stopped' });
  await stopped;
  assert.equal(camera.id, null);
  assert.equal(camera.asked.at(-1), 'DELETE');
});

test('a file that is gone is not taken for a broken connection', async () => {
  const camera = new Camera();
  const gone = { size: SIZE, slice: () => ({ arrayBuffer: () => Promise.reject(new Error('NotFoundError')) }) };
  const upload = new Upload(gone, { fetch: (...all) => camera.fetch(...all), limits });
  assert.deepEqual(await upload.run(), { end: 'unreadable' });
});

test('nonsense is no offset', async () => {
  const bad = ['-1', '1e3', '2501', '', 'NaN'];
  const camera = new Camera((method, number) => {
    if (method !== 'HEAD' || number > bad.length) return null;
    return new Response(null, { status: 200, headers: { 'Upload-Offset': bad[number - 1] } });
  });
  assert.deepEqual(await camera.upload().run(), { end: 'sent' });
  await camera.check();
  assert.deepEqual(wordsOf('<html>'), '');
  assert.deepEqual(wordsOf('{"error":5}'), '');
});
