// The real program as a child process, in a folder of its own.

import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until, within } from './harness.mjs';

const BINARY = process.env.MIMAMORI_BIN;

export class Server {
  #child = null;
  #ended = null;
  #folder;
  #settings;
  log = '';
  port = 0;

  /** Starts the program on a port that the kernel chooses; `context` stops it after the test. */
  static async start(context, settings = {}) {
    const server = new Server();
    server.#folder = await mkdtemp(join(tmpdir(), 'mimamori-e2e-'));
    server.#settings = { camera: 'test', width: 640, height: 480, maxViewers: 8, config: '', ...settings };
    context.after(() => server.#remove());
    await server.launch();
    return server;
  }

  get pid() {
    return this.#child.pid;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Where it looks for the steward's sockets. */
  get run() {
    return join(this.#folder, 'run');
  }

  /** Starts it, or starts it again on the same port. */
  async launch() {
    const { camera, width, height, maxViewers, config: more } = this.#settings;
    const config = join(this.#folder, 'mimamori.toml');
    const state = JSON.stringify(join(this.#folder, 'state'));
    await writeFile(config, `state_directory = ${state}\n[video]\nwidth = ${width}\nheight = ${height}\n${more}`);
    const options = ['--config', config, '--listen', `127.0.0.1:${this.port}`, '--camera', camera, '--max-viewers', `${maxViewers}`];
    const env = { PATH: process.env.PATH, TMPDIR: this.#folder, MIMAMORI_RUN: this.run, RUST_LOG: process.env.RUST_LOG ?? 'info' };
    this.log = '';
    this.#child = spawn(BINARY, options, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child.stderr.setEncoding('utf8').on('data', (text) => { this.log += text; });
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => resolve({ code, signal }));
      this.#child.once('error', (error) => resolve({ code: String(error) }));
    });
    const listening = () => until('listening', 10_000, () => /watch at http:\/\/127\.0\.0\.1:(\d+)/.exec(this.log));
    const early = this.#ended.then(({ code }) => Promise.reject(new Error(`ended at once (${code}): ${this.log}`)));
    early.catch(() => {});
    this.port = Number((await Promise.race([listening(), early]))[1]);
  }

  async status() {
    const response = await fetch(`${this.url}/api/status`, { signal: AbortSignal.timeout(5000) });
    return response.json();
  }

  /** Waits until exactly so many watch; returns how many ms it took. */
  async viewers(count, limit = 5000) {
    const started = performance.now();
    let last;
    await until(`${count} viewers`, limit, async () => (last = (await this.status()).viewers) === count)
      .catch((error) => Promise.reject(new Error(`${error.message}; ${last} are there`)));
    return Math.round(performance.now() - started);
  }

  /** Sends a signal; how it ended, after how many ms. */
  async stop(signal = 'SIGTERM', limit = 5000) {
    const started = performance.now();
    this.#child.kill(signal);
    const ended = await within(limit, `ending on ${signal}`, this.#ended);
    return { ...ended, ms: Math.round(performance.now() - started) };
  }

  /** What it has left in its folder for temporary files. */
  async leftovers() {
    return (await readdir(this.#folder)).filter((name) => !['state', 'mimamori.toml'].includes(name));
  }

  async #remove() {
    this.#child.kill('SIGKILL');
    await this.#ended;
    await rm(this.#folder, { recursive: true, force: true });
  }
}
