// When the page calls the camera, gives up, and calls again.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LIMITS, Reconnect } from '../../web/reconnect.js';

const steady = () => new Reconnect({ random: () => 0 });

function playing(machine = steady(), now = 0) {
  machine.start(now);
  assert.deepEqual(machine.poll(now), ['connect']);
  machine.transport(now, 'connected');
  machine.picture(now);
  assert.equal(machine.phase, 'playing');
  return machine;
}

// Polls every 250 ms as the page does; returns the moments of each action.
function run(machine, from, to, during = () => {}) {
  const actions = [];
  for (let now = from; now <= to; now += 250) {
    during(now);
    for (const action of machine.poll(now)) actions.push([action, now]);
  }
  return actions;
}

test('calls at once when the page opens', () => {
  const machine = steady();
  machine.start(100);
  assert.equal(machine.phase, 'connecting');
  assert.deepEqual(machine.poll(100), ['connect']);
  assert.deepEqual(machine.poll(100), []);
});

test('waits twice as long after each failure, and never longer than eight seconds', () => {
  const machine = steady();
  let now = 0;
  machine.start(now);
  const waits = [];
  for (let i = 0; i < 8; i += 1) {
    machine.poll(now);
    machine.ended(now, 'unreachable');
    const { retryIn } = machine.view(now);
    waits.push(retryIn);
    now += retryIn;
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 8000, 8000, 8000]);
});

test('jitter shortens the wait by at most a quarter', () => {
  for (const [random, wait] of [[0, 500], [0.5, 437.5], [1, 375]]) {
    const machine = new Reconnect({ random: () => random });
    machine.start(0);
    machine.ended(0, 'closed');
    assert.equal(machine.view(0).retryIn, wait);
  }
});

test('forgets past failures only after ten good seconds', () => {
  for (const [good, wait] of [[9000, 1000], [10_250, 500]]) {
    const machine = steady();
    machine.start(0);
    machine.ended(0, 'closed');
    assert.deepEqual(machine.poll(1000).at(-1), 'connect');
    machine.transport(1000, 'connected');
    machine.picture(1000);
    run(machine, 1000, 1000 + good, (now) => machine.picture(now));
    machine.ended(1000 + good, 'closed');
    assert.equal(machine.view(1000 + good).retryIn, wait);
  }
});

test('a standing picture is said after three seconds and ends the call after eight', () => {
  const machine = playing();
  run(machine, 250, 2750);
  assert.equal(machine.phase, 'playing');
  run(machine, 3000, 3000);
  assert.equal(machine.phase, 'stalled');
  assert.deepEqual(run(machine, 3250, 7750), []);
  assert.deepEqual(run(machine, 8000, 8000), [['close', 8000]]);
  assert.equal(machine.reason, 'no-picture');
});

test('a picture that comes back in time ends the stall', () => {
  const machine = playing();
  run(machine, 250, 5000);
  machine.picture(5000);
  assert.equal(machine.phase, 'playing');
  assert.deepEqual(run(machine, 5250, 12_750), []);
});

test('no first picture within eight seconds of the connection ends the call', () => {
  const machine = steady();
  machine.start(0);
  machine.poll(0);
  machine.transport(1000, 'connected');
  assert.equal(machine.phase, 'opening');
  assert.deepEqual(run(machine, 1000, 9000), [['close', 9000]]);
});

test('a camera that says it is lost is waited for longer', () => {
  const machine = playing();
  machine.cameraLost(true);
  assert.deepEqual(run(machine, 250, 59_750), []);
  assert.deepEqual(run(machine, 60_000, 60_000), [['close', 60_000]]);
});

test('a broken transport may mend itself for two seconds', () => {
  const machine = playing();
  machine.transport(1000, 'disconnected');
  run(machine, 1000, 2750, (now) => machine.picture(now));
  machine.transport(2900, 'connected');
  assert.deepEqual(run(machine, 3000, 6000, (now) => machine.picture(now)), []);
  machine.transport(6000, 'disconnected');
  const actions = run(machine, 6000, 8000, (now) => machine.picture(now));
  assert.deepEqual(actions, [['close', 8000]]);
  assert.equal(machine.reason, 'lost');
});

test('a failed transport ends the call at once, and says whether it ever worked', () => {
  const machine = playing();
  machine.transport(500, 'failed');
  assert.deepEqual([machine.phase, machine.reason], ['waiting', 'lost']);
  const fresh = steady();
  fresh.start(0);
  fresh.transport(500, 'failed');
  assert.equal(fresh.reason, 'no-media');
});

test('a call that nobody answers is given up after ten seconds', () => {
  const machine = steady();
  machine.start(0);
  machine.poll(0);
  assert.deepEqual(run(machine, 250, 10_000), [['close', 10_000]]);
  assert.equal(machine.reason, 'no-answer');
  const blocked = steady();
  blocked.start(0);
  blocked.transport(100, 'connecting');
  run(blocked, 250, 10_000);
  assert.equal(blocked.reason, 'no-media');
});

test('a full camera is asked every five seconds, however often it was full', () => {
  const machine = steady();
  let now = 0;
  machine.start(now);
  for (let i = 0; i < 6; i += 1) {
    machine.poll(now);
    machine.ended(now, 'full');
    assert.equal(machine.view(now).retryIn, 5000);
    now += 5000;
  }
});

test('learning later that the camera was full lengthens the wait', () => {
  const machine = steady();
  machine.start(0);
  machine.poll(0);
  machine.ended(1000, 'refused');
  machine.explain('full');
  assert.deepEqual([machine.reason, machine.view(1000).retryIn], ['full', 5000]);
});

test('the network coming back ends the wait, but calls keep their distance', () => {
  const machine = steady();
  machine.start(0);
  machine.poll(0);
  machine.ended(100, 'full');
  machine.retryNow(200);
  assert.deepEqual(machine.poll(499), ['close']);
  assert.deepEqual(machine.poll(500), ['connect']);
});

test('after a sleep the picture must come within a second and a half', () => {
  const dead = playing();
  dead.suspect(1000);
  assert.deepEqual(run(dead, 1000, 2500), [['close', 2500]]);
  const alive = playing();
  alive.suspect(1000);
  assert.deepEqual(run(alive, 1000, 4000, (now) => alive.picture(now)), []);
  const stale = playing();
  stale.suspect(1000);
  stale.picture(1100); // decoded before the sleep, counted after it
  assert.deepEqual(run(stale, 1250, 2500), [['close', 2500]]);
});

test('while hidden a missing picture means nothing, and afterwards it gets its full time', () => {
  const machine = playing();
  machine.hold(1000, true);
  assert.deepEqual(run(machine, 1000, 60_000), []);
  machine.hold(60_000, false);
  assert.deepEqual(run(machine, 60_000, 67_750), []);
  assert.deepEqual(run(machine, 68_000, 68_000), [['close', 68_000]]);
});

test('a page that goes away hangs up and stays silent until it is shown again', () => {
  const machine = playing();
  machine.stop();
  assert.deepEqual(machine.poll(100), ['close']);
  machine.transport(200, 'failed');
  machine.ended(200, 'closed');
  machine.retryNow(300);
  assert.deepEqual(run(machine, 500, 30_000), []);
  machine.start(30_000);
  assert.deepEqual(machine.poll(30_000), ['connect']);
});

test('news of a call that is over changes nothing', () => {
  const machine = playing();
  machine.ended(100, 'closed');
  machine.picture(150);
  machine.transport(150, 'connected');
  assert.equal(machine.phase, 'waiting');
});
