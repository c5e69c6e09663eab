// The camera's HTTP interface, as far as the page reads it.

const LIMIT = 2500; // ms; a camera on the local network answers in a few

/** GET /api/status, or null when it does not come. */
export function readStatus() {
  return getJson('/api/status');
}

/** True where the camera lets this page set up its network. */
export async function mayNetwork() {
  return Boolean((await getJson('/api/network'))?.radio);
}

/** True where the camera can be updated over the network. */
export async function mayUpdate() {
  return Boolean((await getJson('/api/update'))?.slot);
}

/**
 * Tells the camera what time it is, for one that has neither a clock nor a network that
 * knows. Whether it listens is its own affair.
 */
export function tellTime() {
  const body = JSON.stringify({ ms: Date.now() });
  fetch('/api/time', { method: 'POST', body, headers: { 'Content-Type': 'application/json' } }).catch(() => {});
}

/** The ICE servers the camera names, perhaps none; null when it does not answer. */
export async function readIceServers() {
  const settings = await getJson('/api/webrtc/settings', 1000);
  return settings && usableIceServers(settings.ice_servers);
}

/** Keeps only what RTCPeerConnection can take. */
export function usableIceServers(list) {
  if (!Array.isArray(list)) return [];
  return list
    .filter((server) => server && typeof server === 'object')
    .map(({ urls, url, username, credential }) => ({
      urls: [urls ?? url].flat().filter((one) => /^(stun|turn)s?:/i.test(one)),
      ...(username ? { username, credential: credential ?? '' } : {}),
    }))
    .filter(({ urls }) => urls.length > 0);
}

async function getJson(path, limit = LIMIT) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), limit);
  try {
    const response = await fetch(path, { signal: abort.signal, cache: 'no-store' });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}
