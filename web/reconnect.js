// When to call the camera, when to give a call up, and when to try again.
//
// Pure: no timers, no sockets, no clock. `now` is a parameter (milliseconds of
// a clock that only moves forward), `poll(now)` says what to do, `view(now)`
// says what a person should know.

export const LIMITS = Object.freeze({
  firstDelay: 500, // the first wait; doubled for each failure in a row
  maxDelay: 8000,
  fullDelay: 5000, // a full camera is asked again at this steady pace
  minGap: 500, // never two calls closer together than this
  jitter: 0.25, // up to this share is taken off, so that viewers do not return as one
  good: 10_000, // this long with a picture, and the past is forgotten
  connect: 10_000, // call to connected transport
  disconnected: 2000, // ICE may recover by itself within this
  stallSaid: 3000, // no picture for so long is said in words
  stallLimit: 8000, // and for so long, ends the call
  suspectLimit: 1500, // the same after a sleep or a network change,
  suspectStale: 500, // where pictures this soon after may still be from before
  cameraLostLimit: 60_000, // the camera said itself that it is gone: calling again helps nobody
});

// Phases: stopped, connecting, opening (connected, no picture yet), playing,
// stalled (connected, the picture stands still), waiting (for the next call).
export class Reconnect {
  #limits;
  #random;
  #actions = [];
  #failures = 0;
  #retryAt = 0;
  #lostAt = 0;
  #calledAt = -Infinity;
  #agreed = false;
  #playingSince = 0;
  #pictureAt = 0;
  #disconnectedAt = null;
  #suspectedAt = null;
  #held = false;
  #cameraLost = false;

  phase = 'stopped';
  /** Why the last call ended; null after a picture came. */
  reason = null;

  constructor({ random = Math.random, limits = {} } = {}) {
    this.#random = random;
    this.#limits = { ...LIMITS, ...limits };
  }

  /** The page is shown: call at once. */
  start(now) {
    if (this.phase !== 'stopped') return;
    this.#failures = 0;
    this.reason = null;
    this.#call(now);
  }

  /** The page goes away: hang up, and call no more until `start`. */
  stop() {
    if (this.phase === 'stopped') return;
    this.phase = 'stopped';
    this.#actions = ['close'];
  }

  /** The media transport is 'connecting' (offer answered), 'connected', 'disconnected' or 'failed'. */
  transport(now, state) {
    if (!this.#inCall()) return;
    if (state === 'connecting') {
      this.#agreed = true;
    } else if (state === 'connected') {
      this.#disconnectedAt = null;
      if (this.phase === 'connecting') this.#open(now);
    } else if (state === 'disconnected') {
      this.#disconnectedAt ??= now;
    } else if (state === 'failed') {
      this.#lose(now, this.phase === 'connecting' ? 'no-media' : 'lost');
    }
  }

  /** A new picture was decoded. */
  picture(now) {
    if (!this.#inCall()) return;
    this.#pictureAt = now;
    if (this.#suspectedAt !== null && now - this.#suspectedAt >= this.#limits.suspectStale) this.#suspectedAt = null;
    if (this.phase === 'playing') return;
    this.phase = 'playing';
    this.reason = null;
    this.#playingSince = now;
  }

  /** The call ended: 'unreachable', 'closed', 'full', 'refused' or 'error'. */
  ended(now, reason) {
    if (this.#inCall()) this.#lose(now, reason);
  }

  /** A better reason was found out while waiting. */
  explain(reason) {
    if (this.phase !== 'waiting') return;
    this.reason = reason;
    if (reason === 'full') this.#retryAt = this.#lostAt + this.#shorten(this.#limits.fullDelay);
  }

  /** The network is back, the page is visible again, or the person asked: do not wait longer. */
  retryNow(now) {
    if (this.phase === 'waiting') {
      this.#retryAt = Math.min(this.#retryAt, Math.max(now, this.#calledAt + this.#limits.minGap));
    }
  }

  /** The call may be dead (sleep, network change): a picture must come soon. */
  suspect(now) {
    if (this.phase === 'playing' || this.phase === 'stalled') this.#suspectedAt ??= now;
    else this.retryNow(now);
  }

  /** While held (hidden page, autoplay forbidden) a missing picture means nothing. */
  hold(now, held) {
    if (this.#held && !held) this.#pictureAt = Math.max(this.#pictureAt, now);
    this.#held = held;
  }

  /** What the camera says of itself. */
  cameraLost(lost) {
    this.#cameraLost = lost;
  }

  /** What to do now: a list of 'close' and 'connect', in order. */
  poll(now) {
    this.#checkLimits(now);
    if (this.phase === 'waiting' && now >= this.#retryAt) this.#call(now);
    const actions = this.#actions;
    this.#actions = [];
    return actions;
  }

  /** What a person should know. Times in milliseconds. */
  view(now) {
    const waiting = this.phase === 'waiting';
    return {
      phase: this.phase,
      reason: this.reason,
      again: this.#failures > 0,
      retryIn: waiting ? Math.max(0, this.#retryAt - now) : 0,
      wait: waiting ? this.#retryAt - this.#lostAt : 0,
      silentFor: this.phase === 'stalled' || this.phase === 'opening' ? now - this.#pictureAt : 0,
    };
  }

  #inCall() {
    return this.phase !== 'stopped' && this.phase !== 'waiting';
  }

  #call(now) {
    this.phase = 'connecting';
    this.#calledAt = now;
    this.#agreed = false;
    this.#disconnectedAt = null;
    this.#suspectedAt = null;
    this.#actions.push('connect');
  }

  #open(now) {
    this.phase = 'opening';
    this.#pictureAt = now;
  }

  #lose(now, reason) {
    const { firstDelay, maxDelay, fullDelay } = this.#limits;
    const delay = reason === 'full' ? fullDelay : Math.min(maxDelay, firstDelay * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 16);
    this.#lostAt = now;
    this.#retryAt = now + this.#shorten(delay);
    this.phase = 'waiting';
    this.reason = reason;
    this.#actions.push('close');
  }

  #shorten(delay) {
    return delay * (1 - this.#limits.jitter * this.#random());
  }

  #checkLimits(now) {
    const limits = this.#limits;
    if (this.phase === 'connecting') {
      if (now - this.#calledAt >= limits.connect) this.#lose(now, this.#agreed ? 'no-media' : 'no-answer');
    } else if (this.#inCall()) {
      if (this.#disconnectedAt !== null && now - this.#disconnectedAt >= limits.disconnected) {
        this.#lose(now, 'lost');
      } else if (!this.#held) {
        this.#checkPicture(now);
      }
    }
  }

  #checkPicture(now) {
    const limits = this.#limits;
    const silent = now - this.#pictureAt;
    const suspected = this.#suspectedAt !== null && now - this.#suspectedAt >= limits.suspectLimit;
    if (suspected || silent >= (this.#cameraLost ? limits.cameraLostLimit : limits.stallLimit)) {
      this.#lose(now, 'no-picture');
    } else if (this.phase === 'playing') {
      if (silent >= limits.stallSaid) this.phase = 'stalled';
      else if (now - this.#playingSince >= limits.good) this.#failures = 0;
    }
  }
}
