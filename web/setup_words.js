// From what the camera says of its networks to what the set-up page shows. Pure.

/** Signal in dBm as 1 to 4 bars. */
export function bars(signal) {
  return [-80, -70, -60].filter((limit) => signal >= limit).length + 1;
}

/** The small words behind a network's name. */
export function notes({ ssid, signal, lock }, known, text) {
  const locks = { open: text.open, passphrase: text.locked, unsupported: text.unsupported };
  const words = known.includes(ssid) ? [text.known] : [];
  return [...words, locks[lock] ?? '', text.signal(bars(signal))].filter(Boolean).join(' · ');
}

/** Where the camera is now. */
export function state(facts, text) {
  if (!facts.radio) return text.noRadio;
  const { state: name, ssid, address } = facts.station;
  return name === 'online' ? text.online(ssid, address) : text.offline;
}

/** What becomes of the network that was asked for; null if none was. */
export function progress(facts, text) {
  const { wish } = facts;
  if (!wish) return null;
  const { step, why, address } = wish.progress;
  if (step === 'done') return { tone: 'good', text: text.done(wish.ssid, address, facts.name), busy: false };
  if (step === 'failed') {
    return { tone: 'bad', text: text.failed(wish.ssid, text.why[why?.kind] ?? text.failedAnyhow), busy: false };
  }
  return { tone: 'busy', text: text[step]?.(wish.ssid) ?? '', busy: true };
}

/** Why that can't be sent, or null. */
export function refuse({ ssid, passphrase }, text) {
  if (!ssid) return text.name;
  const length = passphrase?.length ?? 0;
  if (passphrase && (length < 8 || (length > 63 && !/^[0-9a-f]{64}$/i.test(passphrase)))) return text.wrongLength;
  return null;
}
