// From what the camera says, and what this page is doing, to what the page shows. Pure.

const STEPS = ['send', 'install', 'restart', 'trial'];
const OF_STATE = { receiving: 'send', installing: 'install', restarting: 'restart', trial: 'trial' };

/**
 * @param known `{facts, answered, silent, chosen, problem, sending, follow, told}`:
 *   `facts`: the last GET /api/update, or null; `answered`: false if something answers, but
 *   not that; `silent`: no answer for some time; `chosen`: `{name, size, version}`; `problem`
 *   of the last choice; `sending`: `{sent, broken, left}` while this page sends; `follow`: a
 *   Follow, or null; `told`: the end that this page has come to, `{kind, ...}`
 * @returns what there is to see: `message` `{tone, text, reason}`, `step` (or null), `bar`
 *   `{value, text}` (value null: it is not known how far), `detail`, and what can be done:
 *   `choose`, `send`, `stop`, `giveUp`, `back`
 */
export function view(known, text) {
  const { facts, chosen, sending } = known;
  const step = stepOf(known);
  const updatable = Boolean(facts?.slot);
  const idle = updatable && step === null && !known.silent;
  const elsewhere = step === 'send' && !sending;
  return {
    message: message(known, step, text),
    step,
    bar: step === 'send' ? bar(known, text) : step && { value: null, text: '' },
    detail: detail(known, step, text),
    choose: idle || (elsewhere && !known.silent),
    send: idle ? chosen && 'begin' : elsewhere && goesOn(facts, chosen) && !known.silent && 'goOn',
    stop: Boolean(sending),
    giveUp: elsewhere && !known.silent,
    back: idle && Boolean(facts.can_roll_back),
  };
}

/** True if the chosen file may be the one that is half there. */
export function goesOn(facts, chosen) {
  return Boolean(chosen) && facts?.state === 'receiving' && Boolean(facts.id) && facts.size === chosen.size;
}

/** The steps' names, with 'done', 'now' or 'to come' for each. */
export function steps(step, text) {
  const at = STEPS.indexOf(step);
  return STEPS.map((name, index) => ({
    label: text.steps[name],
    state: index < at ? 'done' : index === at ? 'now' : 'to come',
  }));
}

/** Which versions the slots have. */
export function versions(facts, text) {
  if (!facts) return { running: '–', other: '' };
  const { version, slot, other } = facts;
  return {
    running: slot ? text.inSlot(version, letter(slot)) : version,
    other: other?.slot ? (other.version ? text.inSlot(other.version, letter(other.slot)) : text.nothing) : '',
  };
}

/** How the last update went: `{text, reason, at}`, or null. */
export function last(facts, text) {
  const found = facts?.last;
  if (!found) return null;
  const { result, version, from, reason, at } = found;
  const words = {
    updated: () => text.lastUpdated(version, from),
    rolled_back: () => text.lastRolledBack(version ?? '?'),
    refused: () => text.lastRefused(version),
    failed: () => text.lastFailed(version),
  };
  const good = result === 'updated';
  return { good, text: words[result]?.() ?? String(result), reason: good ? '' : reason ?? '', at: at > 1e9 ? at * 1000 : null };
}

/** The end of an update, `{tone, text, reason}`. */
export function ending(end, text) {
  const words = text.ends;
  switch (end.kind) {
    case 'updated':
      return said('good', end.rollBack ? words.wentBack(end.version) : words.updated(end.version, end.before));
    case 'rolled_back': return said('bad', words.rolled_back(end.version, end.wanted), end.reason);
    case 'refused': return said('bad', words.refused(end.version), end.reason);
    case 'another': return said('bad', words.another(end.version, end.wanted), end.reason);
    case 'rejected': return end.words ? said('bad', words.rejected, end.words) : said('bad', words.nobody);
    case 'unreadable': return said('bad', text.problems.unreadable);
    case 'stopped': return said('wait', words.stopped);
    default: return said('bad', words[end.kind] ?? words.unclear);
  }
}

export function megabytes(bytes, language) {
  const options = { minimumFractionDigits: 1, maximumFractionDigits: 1 };
  return new Intl.NumberFormat(language, options).format(bytes / 1e6);
}

/** Milliseconds for people: seconds below a minute and a half, then minutes. */
export function duration(ms, language) {
  const seconds = Math.max(1, Math.round(ms / 1000));
  const [value, unit] = seconds < 90 ? [seconds, 'second'] : [Math.round(seconds / 60), 'minute'];
  return new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' }).format(value);
}

function stepOf({ facts, sending, follow }) {
  if (sending) return 'send';
  if (follow && !follow.end) return follow.step;
  return OF_STATE[facts?.state] ?? null;
}

function message(known, step, text) {
  const { facts, told } = known;
  if (known.answered === false) return said('bad', text.unknown);
  if (known.problem) return said('bad', text.problems[known.problem]);
  if (step === 'send' && known.sending) {
    return known.sending.broken ? said('wait', text.broken) : said('busy', text.doing.send(known.chosen.version));
  }
  if (step === 'restart' || (step && !known.silent)) return said('busy', step === 'send' ? text.othersUpload(percent(facts.received, facts.size)) : text.doing[step]);
  if (known.silent) return said('bad', text.unreachable);
  if (told) return ending(told, text);
  if (!facts) return said('busy', text.asking);
  return facts.slot ? null : said('wait', text.noSlots);
}

function detail({ facts, silent }, step, text) {
  const trial = facts?.trial;
  if (step !== 'trial' || silent || !trial?.waits_for?.length) return '';
  const names = trial.waits_for.map((name) => text.waits[name] ?? String(name));
  return text.waitsFor(names.join(text.comma), trial.seconds_left);
}

function bar({ facts, chosen, sending }, text) {
  const size = sending ? chosen.size : facts.size;
  const sent = sending ? sending.sent : facts.received;
  const share = percent(sent, size);
  const figures = text.sent(text.megabytes(sent), text.megabytes(size), share);
  return { value: share, text: sending?.left ? `${figures} · ${text.left(text.duration(sending.left))}` : figures };
}

function percent(part, whole) {
  return whole > 0 ? Math.floor((part / whole) * 100) : 0;
}

function letter(slot) {
  return String(slot).toUpperCase();
}

function said(tone, text, reason = '') {
  return { tone, text, reason };
}
