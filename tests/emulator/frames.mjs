// When each frame leaves the board, by the board's own clock, against when the camera took it.
//
// tcpdump on the board notes the kernel's time of the last packet of each frame (RTP's marker),
// as it goes to the network card; the packet itself says when the frame was captured.

import { createServer } from 'node:net';
import { until } from '../e2e/harness.mjs';
import { run } from './board.mjs';

const HOST = '10.0.2.2';
const TOOLS = '/tmp/measure';
const RTP_CLOCK = 90_000;
// Packets of version 2 with the marker; RTCP's types look like 64 to 95 (RFC 5761).
const FILTER = 'udp src port 8080 and udp[8] & 0xc0 = 0x80 and udp[9] & 0x80 != 0 and (udp[9] & 0x7f < 64 or udp[9] & 0x7f > 95)';
// Up to the end of RTP's header.
const SNAP = 64;

/** Begins to listen, until the test or the board ends. */
export async function watchFrames(context) {
  let bytes = Buffer.alloc(0);
  const server = createServer((socket) => socket.on('error', () => {}).on('data', (more) => { bytes = Buffer.concat([bytes, more]); }));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(async () => server.close());
  // /data lets nothing be run.
  await run(`[ -e ${TOOLS} ] || cp -r /data/measure ${TOOLS}`);
  const program = `${TOOLS}/lib/ld-linux.so.3 --library-path ${TOOLS}/lib ${TOOLS}/usr/bin/tcpdump`;
  await run(`(${program} -i $(ip route | awk '/^default/{print $5; exit}') -Z root -n -U -s ${SNAP} -w - '${FILTER}' 2>/tmp/tcpdump.log | nc ${HOST} ${server.address().port}) >/dev/null 2>&1 &`);
  context.after(() => run('killall -q tcpdump ld-linux.so.3; true').catch(() => {}));
  const read = () => frames(bytes);
  await until('frames to be noted', 20_000, async () => read().length > 30)
    .catch(async (error) => { throw new Error(`${error.message}: ${await run('cat /tmp/tcpdump.log')}`); });
  return { count: () => read().length, since: (first) => judged(read(), first) };
}

/**
 * Of the frames from number `first` on: how many there were, how many of them were late by more
 * than 100 ms, or never came. Those that are on time are the quickest.
 */
function judged(all, first) {
  const quickest = Math.min(...all.map(({ way }) => way));
  const chosen = all.slice(first);
  let [lost, worst, late] = [0, 0, 0];
  chosen.forEach(({ way, captured }, i) => {
    const over = way - quickest;
    worst = Math.max(worst, over);
    if (over > 0.1) late += 1;
    if (i > 0) lost += Math.max(0, Math.round((captured - chosen[i - 1].captured) * 30) - 1);
  });
  return { frames: chosen.length + lost, late, lost, worst };
}

/** From pcap (little-endian, microseconds): seconds, unwrapped. */
function frames(bytes) {
  const found = [];
  let [stream, last, wraps] = [undefined, 0, 0];
  for (let at = 24; at + 16 <= bytes.length;) {
    const length = bytes.readUInt32LE(at + 8);
    if (at + 16 + length > bytes.length) break;
    const left = bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) / 1e6;
    const rtp = bytes.subarray(at + 16 + rtpAt(bytes.subarray(at + 16)), at + 16 + length);
    at += 16 + length;
    const [stamp, source] = [rtp.readUInt32BE(4), rtp.readUInt32BE(8)];
    stream ??= source;
    // Packets that are sent again have a stream of their own.
    if (source !== stream) continue;
    if (found.length && stamp < last - 2 ** 31) wraps += 1;
    last = stamp;
    const captured = (stamp + wraps * 2 ** 32) / RTP_CLOCK;
    found.push({ captured, way: left - captured });
  }
  return found;
}

/** Ethernet, IPv4 with its options, UDP. */
const rtpAt = (packet) => 14 + (packet[14] & 15) * 4 + 8;
