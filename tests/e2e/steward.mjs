// A stand-in for the steward: its two sockets, with what it says in the test's hands.

import { mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

export const ID = '00c0ffee00c0ffee';

export class Steward {
  #servers = [];
  /** What it says of updates; see GET /api/update. */
  facts;
  /** Of the bundle: what has come so far. */
  got = Buffer.alloc(0);
  /** Everything that was asked but the facts. */
  asked = [];
  /** Ask's name to the line that refuses it. */
  refuses = {};
  /** Milliseconds for each chunk, as a card takes its time. */
  pace = 20;
  /** Refuses the bundle when that many bytes are here. */
  refuseAt = Infinity;
  reason = 'The signature is not by a key that this camera knows.';

  /** Listens in `folder`; `context` ends it after the test. */
  static async start(context, folder, facts = {}) {
    const steward = new Steward();
    steward.facts = {
      version: '1.0.0', slot: 'a', state: 'idle', id: null, received: null, size: null,
      other: { slot: 'b', version: '0.9.0' }, can_roll_back: true, trial: null, last: null, ...facts,
    };
    await mkdir(folder, { recursive: true });
    await steward.#listen(join(folder, 'steward'), (socket) => steward.#answer(socket));
    await steward.#listen(join(folder, 'bundle'), (socket) => steward.#take(socket));
    context.after(async () => {
      for (const server of steward.#servers) server.close();
      await rm(folder, { recursive: true, force: true });
    });
    return steward;
  }

  /** The version of the other slot runs now, on trial until `end`. */
  startOther(version, trial = { waits_for: ['camera', 'network'], seconds_left: 100 }) {
    const { version: old, slot } = this.facts;
    Object.assign(this.facts, {
      version, slot: slot === 'a' ? 'b' : 'a', state: 'trial', trial,
      other: { slot, version: old }, id: null, received: null, size: null,
    });
  }

  end(result, more = {}) {
    const last = { result, version: this.facts.version, from: this.facts.other?.version, reason: '', at: Math.floor(Date.now() / 1000), ...more };
    Object.assign(this.facts, { state: 'idle', trial: null, id: null, received: null, size: null, last });
  }

  #listen(path, serve) {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => socket.destroy());
      serve(socket);
    });
    this.#servers.push(server);
    return new Promise((resolve, reject) => server.once('error', reject).listen(path, resolve));
  }

  #answer(socket) {
    socket.once('data', (data) => {
      const ask = JSON.parse(data.toString());
      if (ask.ask !== 'update') this.asked.push(ask);
      socket.end(`${JSON.stringify(this.refuses[ask.ask] ?? { ok: this.#grant(ask) })}\n`);
    });
  }

  #grant({ ask, size }) {
    if (ask === 'announce') {
      this.got = Buffer.alloc(0);
      Object.assign(this.facts, { state: 'receiving', id: ID, received: 0, size });
      return { id: ID };
    }
    if (ask === 'abandon') Object.assign(this.facts, { state: 'idle', id: null, received: null, size: null });
    if (ask === 'roll_back') this.facts.state = 'restarting';
    return ask === 'update' ? this.facts : {};
  }

  // One line, then the bytes. What came counts, however it ended.
  #take(socket) {
    let piece = null;
    let before = Buffer.alloc(0);
    let left = 0;
    socket.on('data', (data) => {
      if (!piece) {
        before = Buffer.concat([before, data]);
        const end = before.indexOf('\n');
        if (end < 0) return;
        piece = JSON.parse(before.subarray(0, end));
        data = before.subarray(end + 1);
        left = piece.length;
        const wrong = this.#misplaced(piece);
        if (wrong) return void socket.end(`${JSON.stringify(wrong)}\n`);
      }
      socket.pause();
      setTimeout(() => socket.resume(), this.pace);
      this.got = Buffer.concat([this.got, data]);
      this.facts.received = this.got.length;
      left -= data.length;
      if (this.got.length >= this.refuseAt) this.#refuse(socket);
      else if (left === 0) this.#arrived(socket);
    });
  }

  #misplaced({ id, offset }) {
    if (id !== this.facts.id) return { error: 'This upload has ended.', status: 410 };
    return offset === this.got.length ? null : { error: 'It does not belong there.', status: 409, offset: this.got.length };
  }

  #refuse(socket) {
    this.end('refused', { version: '2.0.0', reason: this.reason });
    socket.end(`${JSON.stringify({ error: this.reason, status: 422 })}\n`);
  }

  #arrived(socket) {
    if (this.got.length === this.facts.size) this.facts.state = 'installing';
    socket.end(`${JSON.stringify({ ok: { offset: this.got.length } })}\n`);
  }
}
