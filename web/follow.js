// How an update goes on once the bundle is there: install, restart, trial, and how it
// ended. Pure: `now` is a parameter, what the camera says is handed in.

export const LIMITS = Object.freeze({
  all: 900_000, // ms; two starts that hang and the way back take the Zero five minutes
  elsewhere: 30_000, // ms at rest in another slot, without a word about it
  silent: 4000, // ms without an answer, and the camera restarts
});

/** What tells one result from another; null if there is none. */
export function resultKey(last) {
  return last ? [last.at, last.result, last.version, last.reason].join('/') : null;
}

export class Follow {
  #before;
  #version;
  #rollBack;
  #limits;
  #since;
  #heard;
  #elsewhereSince = null;

  /** 'install', 'restart', 'trial' or 'end'. */
  step;
  /** At the end: `{kind, version, reason}`; see `judge`. */
  end = null;

  /**
   * @param before what the camera said before anything changed
   * @param version that it shall have; null if that is not known
   * @param rollBack true if nothing is installed, but the other slot started
   */
  constructor(now, before, version, { rollBack = false, limits = {} } = {}) {
    this.#before = before;
    this.#version = version;
    this.#rollBack = rollBack;
    this.#limits = { ...LIMITS, ...limits };
    this.#since = now;
    this.#heard = now;
    this.step = rollBack ? 'restart' : 'install';
  }

  /** What the camera says; null if it does not answer. */
  hear(now, facts) {
    if (this.end) return;
    if (now - this.#since >= this.#limits.all) this.#finish({ kind: 'unclear' });
    else if (!facts) this.#miss(now);
    else this.#see(now, facts);
  }

  #miss(now) {
    if (now - this.#heard >= this.#limits.silent) this.step = 'restart';
  }

  #see(now, facts) {
    this.#heard = now;
    const steps = { receiving: this.step, installing: 'install', restarting: 'restart', trial: 'trial' };
    this.step = steps[facts.state] ?? this.step;
    if (facts.state === 'idle' && this.#settled(now, facts)) this.#finish(this.#judge(facts));
  }

  // At rest because it has ended, not because it has yet to begin. A camera that was
  // started by its old system need not know how to say that.
  #settled(now, facts) {
    if (resultKey(facts.last) !== resultKey(this.#before.last)) return true;
    this.#elsewhereSince = facts.slot === this.#before.slot ? null : this.#elsewhereSince ?? now;
    return this.#elsewhereSince !== null && now - this.#elsewhereSince >= this.#limits.elsewhere;
  }

  // 'updated', 'rolled_back' (tried and given up), 'refused' (never tried), or 'another'
  // (version than the one that was sent).
  #judge({ version, slot, last }) {
    const reason = last?.reason ?? '';
    if (slot === this.#before.slot) {
      const never = ['refused', 'failed'].includes(last?.result);
      return { kind: never ? 'refused' : 'rolled_back', version, reason };
    }
    if (last?.result === 'rolled_back') return { kind: 'rolled_back', version, reason };
    const asWished = this.#version === null || version === this.#version;
    return { kind: asWished ? 'updated' : 'another', version, reason };
  }

  #finish(end) {
    this.step = 'end';
    this.end = { wanted: this.#version, before: this.#before.version, rollBack: this.#rollBack, ...end };
  }
}
