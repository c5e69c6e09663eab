// Figures of the running picture: from getStats, and from each shown frame.

const WINDOW = 3000; // ms that rates and medians look back

/** Turns the browser's growing counters into rates over the last seconds. */
export class Rates {
  #samples = [];

  /** Takes one RTCStatsReport (or Map), returns the figures. `now` in ms. */
  add(report, now) {
    const sample = { now, ...pickCounters(report) };
    const last = this.#samples.at(-1);
    if (last && sample.framesDecoded < last.framesDecoded) this.#samples = [];
    this.#samples.push(sample);
    while (this.#samples.length > 2 && this.#samples[1].now <= now - WINDOW) this.#samples.shift();
    return figures(this.#samples[0], sample);
  }
}

/** The median of what came in the last seconds. */
export class RecentMedian {
  #values = [];

  add(value, now) {
    this.#values.push({ value, now });
    while (this.#values.length > 512) this.#values.shift();
  }

  /** Null when nothing came lately. */
  read(now) {
    this.#values = this.#values.filter((entry) => now - entry.now <= WINDOW);
    const sorted = this.#values.map((entry) => entry.value).sort((a, b) => a - b);
    return sorted.length ? sorted[sorted.length >> 1] : null;
  }
}

/** Follows the frames a <video> shows and keeps their delay. */
export class DelayMeter {
  #sinceCapture = new RecentMedian();
  #sinceReceipt = new RecentMedian();

  constructor(video) {
    if (!video?.requestVideoFrameCallback) return;
    const frame = (now, metadata) => {
      this.frame(now, metadata);
      video.requestVideoFrameCallback(frame);
    };
    video.requestVideoFrameCallback(frame);
  }

  frame(now, { expectedDisplayTime, captureTime, receiveTime }) {
    const sinceCapture = expectedDisplayTime - captureTime;
    const sinceReceipt = expectedDisplayTime - receiveTime;
    if (sinceCapture >= 0 && sinceCapture < 60_000) this.#sinceCapture.add(sinceCapture, now);
    if (sinceReceipt >= 0 && sinceReceipt < 60_000) this.#sinceReceipt.add(sinceReceipt, now);
  }

  /**
   * Milliseconds from the camera to the screen. `measured` false: put together
   * from the network's half round trip and the time in the browser, without
   * what the camera itself takes. Null when nothing is known.
   */
  read(now, figures) {
    const measured = this.#sinceCapture.read(now);
    if (measured !== null) return { ms: measured, measured: true };
    const inBrowser = this.#sinceReceipt.read(now) ?? figures?.bufferAndDecode ?? null;
    if (inBrowser === null || !Number.isFinite(figures?.roundTrip)) return null;
    return { ms: figures.roundTrip / 2 + inBrowser, measured: false };
  }
}

/** H.264 profile-level-id (RFC 6184, 8.1) in words, for example "Constrained Baseline 3.1". */
export function describeProfile(fmtp) {
  const match = /profile-level-id=([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})/i.exec(fmtp ?? '');
  if (!match) return '';
  const [profile, constraints, level] = match.slice(1).map((hex) => parseInt(hex, 16));
  const names = { 66: 'Baseline', 77: 'Main', 88: 'Extended', 100: 'High' };
  const name = names[profile] ?? `profile ${profile}`;
  const constrained = profile === 66 && constraints & 0x40 ? 'Constrained ' : '';
  return `${constrained}${name} ${Math.floor(level / 10)}.${level % 10}`;
}

function pickCounters(report) {
  const all = [...(report?.values() ?? [])];
  const video = all.find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video') ?? {};
  const transport = all.find(({ type }) => type === 'transport');
  const pairs = all.filter(({ type }) => type === 'candidate-pair');
  const pair = pairs.find(({ id }) => id === transport?.selectedCandidatePairId)
    ?? pairs.find(({ nominated, state }) => nominated && state === 'succeeded');
  const codec = all.find(({ id }) => id === video.codecId);
  return {
    framesDecoded: video.framesDecoded ?? 0,
    bytes: video.bytesReceived ?? 0,
    received: video.packetsReceived ?? 0,
    lost: video.packetsLost ?? 0,
    bufferDelay: video.jitterBufferDelay ?? 0,
    emitted: video.jitterBufferEmittedCount ?? 0,
    decodeTime: video.totalDecodeTime ?? 0,
    roundTrip: pair?.currentRoundTripTime,
    codec: codec?.mimeType?.replace('video/', '').replace('H264', 'H.264') ?? '',
    profile: describeProfile(codec?.sdpFmtpLine),
  };
}

function figures(from, to) {
  const seconds = (to.now - from.now) / 1000;
  const since = (name) => to[name] - from[name];
  const lost = Math.max(0, since('lost'));
  const packets = lost + since('received');
  const frames = since('framesDecoded');
  const emitted = since('emitted');
  return {
    framesDecoded: to.framesDecoded,
    frameRate: seconds > 0 ? frames / seconds : null,
    bitrate: seconds > 0 ? (since('bytes') * 8) / seconds : null,
    loss: packets > 0 ? lost / packets : null,
    roundTrip: Number.isFinite(to.roundTrip) ? to.roundTrip * 1000 : null,
    bufferAndDecode: frames > 0 && emitted > 0
      ? (since('bufferDelay') / emitted + since('decodeTime') / frames) * 1000
      : null,
    codec: to.codec,
    profile: to.profile,
  };
}
