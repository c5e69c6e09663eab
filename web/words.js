// What is happening, in words. Pure: from the reconnect machine's view and
// what else is known, to the text that the page shows and speaks.

/**
 * @param view from Reconnect.view
 * @param known `{status, reached, message, online, blocked}`: the last /api/status (or null),
 *   whether it could be read, the camera's last message, navigator.onLine, a tap is needed
 * @returns `{tone, text, detail, spoken, canRetry}`: tone 'quiet' (nothing to show),
 *   'tap' (the play button says it), 'busy', 'wait' or 'bad'; `detail` counts down, `spoken` does not
 */
export function describe(view, known, text) {
  if (known.blocked && inCall(view)) return said('tap', text.tapToPlayWhy);
  switch (view.phase) {
    case 'stopped': return said('quiet', '');
    case 'playing': return said('quiet', text.live);
    case 'opening':
      if (cameraLost(known)) return said('bad', text.cameraLost);
      return said('busy', text.opening);
    case 'stalled':
      if (cameraLost(known)) return said('bad', text.cameraLost);
      return { ...said('wait', text.stalled(seconds(view.silentFor))), spoken: text.stalled(3) };
    case 'waiting': return waiting(view, known, text);
    default: return connecting(view, known, text);
  }
}

/** The page's own words for the camera's messages it knows; null for others. */
export function knownMessage(message, text) {
  if (/slow|bandwidth/i.test(message)) return text.slow;
  return null;
}

/** What a person calls the camera: the Pi's driver names itself after its transport. */
export function cameraName({ kind, name }, text) {
  if (kind === 'test') return text.testPicture;
  if (/^(mmal service|bcm2835)/i.test(name ?? '')) return 'Raspberry Pi camera';
  return name || text.kinds[kind] || '';
}

/** True when a refused call was refused because all places are taken. */
export function saysFull(message, status) {
  if (/\bfull\b|already watching|too many/i.test(message ?? '')) return true;
  return Boolean(status?.max_viewers) && status.viewers >= status.max_viewers;
}

function waiting(view, known, text) {
  const countdown = wasPlaying(view) ? text.reconnectIn : text.retryIn;
  const reason = why(view, known, text);
  return {
    tone: view.reason === 'full' ? 'wait' : 'bad',
    text: reason,
    detail: countdown(seconds(view.retryIn)),
    spoken: `${reason} ${countdown(seconds(view.wait))}`,
    // A shorter wait is over before a finger gets there.
    canRetry: view.wait > 1500,
  };
}

function connecting(view, known, text) {
  if (!view.reason) return said('busy', text.connecting);
  const detail = wasPlaying(view) ? text.reconnecting : text.retrying;
  const reason = why(view, known, text);
  // Spoken words stay as they were: a new try is no news until something came of it.
  return { tone: 'busy', text: reason, detail, spoken: null, canRetry: false };
}

function why(view, known, text) {
  if (!known.online) return text.offline;
  switch (view.reason) {
    case 'full': return text.full(known.status?.max_viewers);
    case 'unreachable': return known.reached ? text.noAnswer : text.unreachable;
    case 'no-answer': return known.reached === false ? text.unreachable : text.noAnswer;
    case 'refused': return known.message || text.closed;
    case 'no-media': return text.noMedia;
    case 'no-picture': return cameraLost(known) ? text.cameraLost : text.noPicture;
    case 'error': return text.error;
    case 'closed': return cameraLost(known) ? text.cameraLost : known.message || text.closed;
    default: return text.lost;
  }
}

function inCall({ phase }) {
  return ['opening', 'playing', 'stalled'].includes(phase);
}

function wasPlaying({ reason }) {
  return ['closed', 'lost', 'no-picture'].includes(reason);
}

function cameraLost({ status }) {
  return status?.camera?.state === 'lost';
}

function seconds(ms) {
  return Math.max(1, Math.ceil(ms / 1000));
}

function said(tone, text) {
  return { tone, text, detail: '', spoken: text, canRetry: false };
}

/** What the board's status says is wrong with it; none where it says nothing of that. */
export function problemsOf(status) {
  const list = status?.problems;
  return Array.isArray(list) ? list.filter((problem) => typeof problem === 'string').slice(0, 16) : [];
}
