// The board's updates over HTTP, as tus 1.0.0 has them, and scripts/ota.

import { execFile } from 'node:child_process';
import { request } from 'node:http';
import { createServer, connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { until } from '../e2e/harness.mjs';
import { url } from './board.mjs';

const SCRIPT = fileURLToPath(new URL('../../scripts/ota', import.meta.url));
const PLACE = '/api/update';

/** What the board says of its updates. */
export async function facts() {
  const response = await fetch(`${url}${PLACE}`, { signal: AbortSignal.timeout(5000) });
  return response.json();
}

/** Waits for a state of updates, as the board tells it; what it says then. */
export async function factsSay(what, limit, holds) {
  let last;
  return until(what, limit, async () => {
    last = await facts().catch((error) => ({ error: String(error) }));
    return !last.error && holds(last) && last;
  }).catch((error) => Promise.reject(new Error(`${error.message}; ${JSON.stringify(last)}`)));
}

/** Begins an upload of so many bytes; the answer's status, and where the bytes go. */
export async function announce(size) {
  const { status, headers, text } = await ask('POST', PLACE, { 'Upload-Length': size });
  return { status, place: headers.location?.replace(/^http:\/\/[^/]*/, ''), error: wordsOf(text) };
}

/** One piece. `cutAfter`: the connection breaks off behind so many of its bytes. */
export async function send(place, offset, piece, { cutAfter } = {}) {
  const head = { 'Upload-Offset': offset, 'Content-Type': 'application/offset+octet-stream' };
  const { status, headers, text } = await ask('PATCH', place, head, piece, cutAfter);
  return { status, offset: Number(headers['upload-offset']), error: wordsOf(text) };
}

/** How far an upload has got, by the board's own word. */
export async function offsetThere(place) {
  const { status, headers } = await ask('HEAD', place);
  return { status, offset: Number(headers['upload-offset']) };
}

export const giveUp = (place) => ask('DELETE', place);
export const rollBack = () => ask('POST', `${PLACE}/roll-back`);

function wordsOf(text) {
  try {
    return JSON.parse(text).error;
  } catch {
    return text || undefined;
  }
}

function ask(method, path, head = {}, body = '', cutAfter = undefined) {
  return new Promise((resolve, reject) => {
    const headers = { 'Tus-Resumable': '1.0.0', 'Content-Length': body.length, ...head };
    const asked = request(`${url}${path}`, { method, headers, timeout: 60_000, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (more) => { text += more; });
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
      response.on('error', reject);
    });
    asked.on('error', reject).on('timeout', () => asked.destroy(new Error(`${method} ${path}: no answer`)));
    if (cutAfter === undefined) asked.end(body);
    // What has been written goes out before the connection ends.
    else asked.write(body.subarray(0, cutAfter), () => setTimeout(() => asked.destroy(new Error('cut off')), 500));
  });
}

/** Runs scripts/ota; its exit code and what it has said. */
export function ota(...words) {
  const env = { ...process.env, MIMAMORI_OTA_LIMIT: '600' };
  return new Promise((resolve) => {
    execFile(SCRIPT, words, { env }, (error, stdout, stderr) => resolve({ code: error ? error.code : 0, said: stdout + stderr }));
  });
}

/** The board's address, for scripts/ota. */
export const host = new URL(url ?? 'http://127.0.0.1').host;

/**
 * A way to the board that breaks once, when `after` bytes have gone there, and lets nobody
 * through for `pause` ms.
 */
export async function breakingWay(context, after, pause) {
  const open = new Set();
  let [gone, broken] = [0, false];
  const server = createServer((client) => {
    if (broken === 'now') return void client.destroy();
    const there = connect(Number(new URL(url).port), new URL(url).hostname);
    for (const [from, to] of [[client, there], [there, client]]) {
      open.add(from);
      from.on('error', () => {}).on('close', () => { open.delete(from); to.destroy(); }).pipe(to);
    }
    client.on('data', (bytes) => { gone += bytes.length; if (gone > after && !broken) breakOff(); });
  });
  const breakOff = () => {
    broken = 'now';
    for (const socket of open) socket.destroy();
    setTimeout(() => { broken = 'once'; }, pause);
  };
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(async () => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return { host: `127.0.0.1:${server.address().port}`, broken: () => broken !== false };
}
