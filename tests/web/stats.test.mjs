// Figures from the browser's counters and from frames.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { DelayMeter, Rates, RecentMedian, describeProfile } from '../../web/stats.js';

function report({ frames = 0, bytes = 0, received = 0, lost = 0, roundTrip, codec = true } = {}) {
  return new Map(Object.entries({
    v: {
      type: 'inbound-rtp', kind: 'video', codecId: 'c', framesDecoded: frames, bytesReceived: bytes,
      packetsReceived: received, packetsLost: lost, jitterBufferDelay: frames * 0.004,
      jitterBufferEmittedCount: frames, totalDecodeTime: frames * 0.002,
    },
    a: { type: 'inbound-rtp', kind: 'audio', framesDecoded: 7 },
    t: { type: 'transport', selectedCandidatePairId: 'p2' },
    p1: { id: 'p1', type: 'candidate-pair', nominated: true, state: 'succeeded', currentRoundTripTime: 9 },
    p2: { id: 'p2', type: 'candidate-pair', currentRoundTripTime: roundTrip },
    ...(codec ? { c: { id: 'c', type: 'codec', mimeType: 'video/H264', sdpFmtpLine: 'profile-level-id=42e01f' } } : {}),
  }));
}

test('rates are taken over the last three seconds', () => {
  const rates = new Rates();
  for (let s = 0; s < 5; s += 1) rates.add(report({ frames: 10 * s, bytes: 1000 * s }), s * 1000);
  const figures = rates.add(report({ frames: 100, bytes: 29_000, received: 95, lost: 5 }), 5000);
  assert.equal(figures.frameRate, 80 / 3);
  assert.equal(figures.bitrate, (27_000 * 8) / 3);
  assert.equal(figures.loss, 0.05);
});

test('the round trip is that of the candidate pair in use, in milliseconds', () => {
  assert.equal(new Rates().add(report({ roundTrip: 0.012 }), 0).roundTrip, 12);
  assert.equal(new Rates().add(report(), 0).roundTrip, null);
});

test('one sample gives no rates, and an empty or missing report breaks nothing', () => {
  const figures = new Rates().add(new Map(), 0);
  assert.deepEqual([figures.frameRate, figures.bitrate, figures.loss], [null, null, null]);
  assert.equal(new Rates().add(undefined, 0).framesDecoded, 0);
});

test('counters that start again do not give negative rates', () => {
  const rates = new Rates();
  rates.add(report({ frames: 500, bytes: 9000 }), 0);
  assert.equal(rates.add(report({ frames: 3, bytes: 10 }), 500).frameRate, null);
});

test('packets that turn up after all are no negative loss', () => {
  const rates = new Rates();
  rates.add(report({ received: 10, lost: 5 }), 0);
  assert.equal(rates.add(report({ received: 30, lost: 2 }), 1000).loss, 0);
});

test('the median forgets what is older than three seconds', () => {
  const median = new RecentMedian();
  median.add(900, 0);
  for (const [value, now] of [[30, 3500], [10, 3600], [20, 3700]]) median.add(value, now);
  assert.equal(median.read(4000), 20);
  assert.equal(median.read(9000), null);
});

test('a capture time makes the delay a measured one', () => {
  const meter = new DelayMeter(null);
  meter.frame(1000, { expectedDisplayTime: 1010, captureTime: 930, receiveTime: 1000 });
  assert.deepEqual(meter.read(1000, { roundTrip: 4 }), { ms: 80, measured: true });
});

test('without one it is put together from round trip and time in the browser', () => {
  const meter = new DelayMeter(null);
  meter.frame(1000, { expectedDisplayTime: 1010, receiveTime: 1000 });
  assert.deepEqual(meter.read(1000, { roundTrip: 4 }), { ms: 12, measured: false });
  assert.deepEqual(new DelayMeter(null).read(0, { roundTrip: 4, bufferAndDecode: 6 }), { ms: 8, measured: false });
  assert.equal(new DelayMeter(null).read(0, { roundTrip: null, bufferAndDecode: 6 }), null);
  assert.equal(new DelayMeter(null).read(0, null), null);
});

test('a capture time in the future or of another clock is not believed', () => {
  const meter = new DelayMeter(null);
  meter.frame(1000, { expectedDisplayTime: 1010, captureTime: 1500 });
  meter.frame(1000, { expectedDisplayTime: 1_000_000, captureTime: 10 });
  assert.equal(meter.read(1000, null), null);
});

test('profiles are named as RFC 6184 has them', () => {
  assert.equal(describeProfile('packetization-mode=1;profile-level-id=42e01f'), 'Constrained Baseline 3.1');
  assert.equal(describeProfile('profile-level-id=42001f'), 'Baseline 3.1');
  assert.equal(describeProfile('profile-level-id=4D0028'), 'Main 4.0');
  assert.equal(describeProfile('profile-level-id=640020'), 'High 3.2');
  assert.equal(describeProfile(undefined), '');
});
