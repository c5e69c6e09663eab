// As much of DNS as a question by mDNS and its answers need.

export const A = 1;
export const PTR = 12;
export const SRV = 33;
const IN = 1;
const ANSWER = 0x8000;

/** One question, for the multicast group. */
export function question(name, type) {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(1, 4);
  const labels = name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
  const tail = Buffer.alloc(5);
  tail.writeUInt16BE(type, 1);
  tail.writeUInt16BE(IN, 3);
  return Buffer.concat([head, ...labels, tail]);
}

/** All records of the answers in `bytes`, which are messages one after another. */
export function answers(bytes) {
  const records = [];
  for (let at = 0; at + 12 <= bytes.length;) {
    const reader = new Reader(bytes.subarray(at));
    const message = reader.message();
    if (message.flags & ANSWER) records.push(...message.records);
    at += reader.at;
  }
  return records;
}

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  message() {
    const [, flags, questions, ...others] = Array.from({ length: 6 }, () => this.number(2));
    for (let i = 0; i < questions; i += 1) {
      this.name();
      this.at += 4;
    }
    const count = others.reduce((sum, each) => sum + each);
    return { flags, records: Array.from({ length: count }, () => this.record()) };
  }

  record() {
    const [name, type] = [this.name(), this.number(2)];
    this.at += 6;
    const length = this.number(2);
    const end = this.at + length;
    const value = this.value(type, length);
    this.at = end;
    return { name, type, value };
  }

  value(type, length) {
    if (type === A) return Array.from({ length: 4 }, () => this.number(1)).join('.');
    if (type === PTR) return this.name();
    if (type !== SRV) return this.bytes.subarray(this.at, this.at + length);
    this.at += 4;
    return { port: this.number(2), target: this.name() };
  }

  number(size) {
    this.at += size;
    return this.bytes.readUIntBE(this.at - size, size);
  }

  /** A pointer leads back to where the rest was written before. */
  name() {
    const labels = [];
    let back = 0;
    for (let hops = 0; hops < 128; hops += 1) {
      const length = this.number(1);
      if (length >= 0xc0) {
        const to = ((length & 0x3f) << 8) | this.number(1);
        back ||= this.at;
        this.at = to;
      } else if (length === 0) {
        break;
      } else {
        labels.push(this.bytes.toString('utf8', this.at, this.at + length));
        this.at += length;
      }
    }
    if (back) this.at = back;
    return labels.join('.');
  }
}
