// Sends a bundle to the camera in pieces, by tus 1.0.0: a broken connection is taken up
// again where the camera says that it has got to. Clock and network are parameters.

const PLACE = '/api/update';
const VERSION = { 'Tus-Resumable': '1.0.0' };

export const LIMITS = Object.freeze({
  piece: 512 * 1024, // bytes; the camera confirms each
  answer: 60_000, // ms for one request
  broken: 100_000, // ms without progress; the camera itself gives up after two minutes
  pause: 1000, // ms between two tries
});

export class Upload {
  #file;
  #fetch;
  #now;
  #sleep;
  #limits;
  #onProgress;
  #stop = new AbortController();
  #path = null;
  #offset = 0;

  /**
   * @param onProgress called with `{sent, broken}`: bytes that the camera has, and whether
   *   the connection is broken just now
   */
  constructor(file, { onProgress = () => {}, fetch = (...all) => globalThis.fetch(...all),
    now = () => performance.now(), sleep = wait, limits = {} } = {}) {
    this.#file = file;
    this.#onProgress = onProgress;
    this.#fetch = fetch;
    this.#now = now;
    this.#sleep = sleep;
    this.#limits = { ...LIMITS, ...limits };
  }

  /** The camera's name for it; null until it has one. */
  get id() {
    return this.#path && this.#path.slice(PLACE.length + 1);
  }

  /**
   * Sends it all. `id`: of an upload that was begun before and is taken up again.
   * @returns `{end}`: 'sent'; 'refused' with the camera's `words`; 'gone' if the camera
   *   knows nothing of it any more; 'broken'; 'unreadable'; 'stopped'
   */
  async run(id = null) {
    const refused = id ? this.#take(id) : await this.#announce();
    return refused ?? this.#send();
  }

  /** Gives it up, here and in the camera. */
  async stop() {
    this.#stop.abort();
    if (this.#path) await this.#ask('DELETE', this.#path, {}, undefined, true);
  }

  #take(id) {
    this.#path = `${PLACE}/${id}`;
    return null;
  }

  async #announce() {
    const answer = await this.#ask('POST', PLACE, { 'Upload-Length': String(this.#file.size) });
    if (this.#stopped) return { end: 'stopped' };
    if (answer.status !== 201) return refusal(answer);
    const path = new URL(answer.header('Location') ?? '', 'http://camera/').pathname;
    if (!/^\/api\/update\/[\w-]+$/.test(path)) return { end: 'refused', words: '' };
    this.#path = path;
    return null;
  }

  async #send() {
    let known = false; // where the camera has got to
    let good = this.#now();
    for (;;) {
      const answer = known ? await this.#piece() : await this.#ask('HEAD', this.#path);
      if (this.#stopped) return { end: 'stopped' };
      if (answer.unreadable) return { end: 'unreadable' };
      if (final(answer.status, known)) return refusal(answer);
      const before = this.#offset;
      known = this.#learn(answer, known);
      if (known && this.#offset !== before) good = this.#now();
      this.#onProgress({ sent: this.#offset, broken: !known });
      if (known && this.#offset >= this.#file.size) return { end: 'sent' };
      if (this.#now() - good >= this.#limits.broken) return { end: 'broken' };
      if (!known) await this.#sleep(this.#limits.pause);
    }
  }

  // True if the camera has said how far it has got.
  #learn({ status, header }) {
    const offset = header('Upload-Offset');
    const said = status >= 200 && status < 300 && /^\d{1,15}$/.test(offset ?? '') && Number(offset) <= this.#file.size;
    if (said) this.#offset = Number(offset);
    return said;
  }

  async #piece() {
    const end = this.#offset + this.#limits.piece;
    let body;
    try {
      body = await this.#file.slice(this.#offset, end).arrayBuffer();
    } catch {
      return { unreadable: true, status: 0, header: () => null };
    }
    const headers = { 'Upload-Offset': String(this.#offset), 'Content-Type': 'application/offset+octet-stream' };
    return this.#ask('PATCH', this.#path, headers, body);
  }

  // Never fails: status 0 means that there was no answer.
  async #ask(method, path, headers = {}, body = undefined, anyway = false) {
    const late = AbortSignal.timeout(this.#limits.answer);
    const signal = anyway ? late : AbortSignal.any([late, this.#stop.signal]);
    try {
      const response = await this.#fetch(path, { method, headers: { ...VERSION, ...headers }, body, signal, cache: 'no-store' });
      const text = method === 'HEAD' ? '' : await response.text();
      return { status: response.status, text, header: (name) => response.headers.get(name) };
    } catch {
      return { status: 0, text: '', header: () => null };
    }
  }

  get #stopped() {
    return this.#stop.signal.aborted;
  }
}

// A refusal that another try would not change. What a piece is refused with may be for
// its offset only, and then HEAD tells more.
function final(status, ofPiece) {
  if (status === 410) return true;
  if (status === 404) return !ofPiece;
  return status >= 400 && status < 500 && ![408, 409].includes(status);
}

function refusal({ status, text }) {
  if (status === 410 || status === 404) return { end: 'gone' };
  if (status === 0) return { end: 'broken' };
  return { end: 'refused', words: wordsOf(text) };
}

/** What the camera says is wrong; empty if it says nothing. */
export function wordsOf(text) {
  try {
    const { error } = JSON.parse(text);
    return typeof error === 'string' ? error : '';
  } catch {
    return '';
  }
}

function wait(ms) {
  return new Promise((resolve) => { setTimeout(resolve, ms); });
}
