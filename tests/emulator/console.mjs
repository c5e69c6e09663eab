// The board's serial port, where the emulator's initramfs offers a shell: for each
// line "NUMBER COMMAND" it answers "NUMBER> OUTPUT" lines and "NUMBER= CODE". See
// emulator/guest/shell. Whatever else comes from there is somebody else's.

import { connect } from 'node:net';

export class Console {
  #socket;
  #rest = '';
  #waiting = new Map();
  #next = 1;
  closed = false;

  static async open(path) {
    const opened = new Console();
    opened.#socket = connect(path);
    opened.#socket.setEncoding('latin1').on('data', (text) => opened.#hear(text));
    opened.#socket.on('error', () => {}).on('close', () => { opened.closed = true; });
    await new Promise((resolve, reject) => opened.#socket.once('connect', resolve).once('error', reject));
    return opened;
  }

  /** Runs a command as root on the board; its output. An error if it fails or takes too long. */
  run(command, limit = 30_000) {
    const number = this.#next++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(number);
        reject(new Error(`on the board, within ${limit} ms no answer to: ${command}`));
      }, limit);
      const done = (code, lines) => {
        clearTimeout(timer);
        if (code === 0) resolve(lines.join('\n'));
        else reject(new Error(`on the board, code ${code} from: ${command}\n${lines.join('\n')}`));
      };
      this.#waiting.set(number, { lines: [], done });
      this.#socket.write(`${number} ${command}\n`);
    });
  }

  close() {
    this.#socket.destroy();
  }

  #hear(text) {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop();
    for (const line of lines) this.#meet(line.replace(/\r/g, ''));
  }

  #meet(line) {
    const [, number, mark, rest] = /^(\d+)([>=]) ?(.*)$/.exec(line) ?? [];
    const call = this.#waiting.get(Number(number));
    if (!call) return;
    if (mark === '>') {
      call.lines.push(rest);
    } else {
      this.#waiting.delete(Number(number));
      call.done(Number(rest), call.lines);
    }
  }
}
