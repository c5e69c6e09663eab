// One call to the camera: UV4L's signalling over a WebSocket, and the
// RTCPeerConnection it sets up. A call is made once and ends once; calling
// again is another Connection.

export class Connection {
  #socket;
  #on;
  #peer = null;
  #opened = false;
  #ended = false;
  #refusal = null;
  #steps = Promise.resolve();
  #early = [];

  /**
   * @param url the signalling WebSocket's address
   * @param options of the call: `vformat` or nothing
   * @param iceServers a promise of the list for RTCPeerConnection
   * @param on `track(stream, receiver)`, `transport(state)`, `message(text)`,
   *   `ended(reason)`: 'unreachable', 'refused' (a message, then no call), 'closed' or 'error'
   */
  constructor({ url, options = {}, iceServers = Promise.resolve([]), on }) {
    this.#on = on;
    this.#socket = new WebSocket(url);
    this.#socket.onopen = () => {
      this.#opened = true;
      this.#say({ what: 'call', options: { force_hw_vcodec: true, trickle_ice: true, ...options } });
    };
    this.#socket.onmessage = ({ data }) => this.#hear(data, iceServers);
    this.#socket.onclose = () => this.#end(this.#refusal ?? (this.#opened ? 'closed' : 'unreachable'));
  }

  /** Says good-bye and frees everything. `on.ended` is not called. */
  close() {
    this.#on = null;
    this.#say({ what: 'hangup' });
    this.#end(null);
  }

  /** The browser's statistics, or null before there is a peer connection. */
  async stats() {
    return this.#peer && this.#peer.connectionState !== 'closed' ? this.#peer.getStats() : null;
  }

  #say(message) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #hear(text, iceServers) {
    const message = parse(text);
    switch (message?.what) {
      case 'offer':
        this.#step(() => this.#answer(parse(message.data), iceServers), true);
        break;
      case 'iceCandidate':
        this.#step(() => this.#addCandidates([parse(message.data)]));
        break;
      case 'iceCandidates':
        this.#step(() => this.#addCandidates(parse(message.data)));
        break;
      case 'message':
        if (!this.#peer) this.#refusal = 'refused';
        this.#on?.message(String(message.data ?? ''));
        break;
      default: // nothing else is ours to understand
    }
  }

  // One at a time and in order: a candidate may come before its offer is applied.
  #step(work, vital = false) {
    this.#steps = this.#steps.then(() => (this.#ended ? null : work())).catch((error) => {
      console.warn('mimamori:', error);
      if (vital) this.#end('error');
    });
  }

  async #answer(offer, iceServers) {
    if (!this.#peer) {
      const servers = await iceServers;
      if (this.#ended) return;
      this.#peer = this.#makePeer(servers);
      this.#refusal = null;
    }
    const peer = this.#peer;
    await peer.setRemoteDescription(offer);
    await this.#addCandidates(this.#early.splice(0));
    await peer.setLocalDescription(await peer.createAnswer());
    const { type, sdp } = peer.localDescription;
    this.#say({ what: 'answer', data: JSON.stringify({ type, sdp }) });
    // Without any candidate of the camera the browser itself would stay at 'new'.
    if (peer.connectionState === 'new') this.#on?.transport('connecting');
  }

  async #addCandidates(candidates) {
    if (!Array.isArray(candidates)) return;
    if (!this.#peer?.remoteDescription) {
      if (this.#early.length < 64) this.#early.push(...candidates);
      return;
    }
    for (const candidate of candidates) {
      // The empty end mark, and candidates of a kind this browser does not
      // know, must not end a call that other candidates can carry.
      if (candidate?.candidate) await this.#peer.addIceCandidate(candidate).catch(() => {});
    }
  }

  #makePeer(iceServers) {
    const peer = newPeer(iceServers);
    peer.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate) this.#say({ what: 'addIceCandidate', data: JSON.stringify(candidate) });
    };
    peer.ontrack = ({ track, receiver, streams }) => {
      if (track.kind !== 'video') return;
      askForNoDelay(receiver);
      this.#on?.track(streams[0] ?? new MediaStream([track]), receiver);
    };
    peer.onconnectionstatechange = () => this.#on?.transport(peer.connectionState);
    return peer;
  }

  #end(reason) {
    if (this.#ended) return;
    this.#ended = true;
    // Told first: the last picture can still be kept.
    if (reason) this.#on?.ended(reason);
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    if (this.#peer) {
      this.#peer.onicecandidate = this.#peer.ontrack = this.#peer.onconnectionstatechange = null;
      this.#peer.close();
    }
  }
}

function newPeer(iceServers) {
  try {
    return new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle' });
  } catch {
    // A mistyped server in the camera's settings must not cost the picture.
    return new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  }
}

// A camera is watched live: show each picture when it is there.
function askForNoDelay(receiver) {
  if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = 0;
  if ('playoutDelayHint' in receiver) receiver.playoutDelayHint = 0;
}

function parse(value) {
  if (typeof value !== 'string') return value ?? null;
  try {
    return JSON.parse(value);
  } catch {
    return null;
  }
}
