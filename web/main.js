// Wires the parts together: what happens goes into the reconnect machine,
// what the machine says is done and told.

import { mayNetwork, mayUpdate, readIceServers, readStatus, tellTime } from './api.js';
import { Connection } from './connection.js';
import { fadeWhenIdle, listenToKeys } from './controls.js';
import { canFullScreen, onFullScreenChange, toggleFullScreen } from './full_screen.js';
import { LastPicture } from './last_picture.js';
import { Panel } from './panel.js';
import { Player } from './player.js';
import { Reconnect } from './reconnect.js';
import { takeSnapshot } from './snapshot.js';
import { DelayMeter, Rates } from './stats.js';
import { fillIn, pickLanguage, textFor } from './text.js';
import { cameraName, describe, knownMessage, problemsOf, saysFull } from './words.js';

const TICK = 250; // ms
const SILENCE = 1000; // ms; a first picture takes less
const STATUS_EVERY = 2000; // ms, while the panel is open or no picture comes
const SLEPT = 5000; // ms that a tick may come late before the device must have slept

const $ = (id) => document.getElementById(id);
const page = document.body;
const video = $('video');
const language = pickLanguage(navigator.languages);
const text = textFor(language);

const machine = new Reconnect();
const known = { status: null, reached: null, message: '', online: navigator.onLine, blocked: false };
let connection = null;
let rates = new Rates();
let figures = null;
let iceServers = null;
let ticker = 0;
let lastTick = 0;
let lastStatus = -Infinity;
let lastMessage = -Infinity;
let noticeTimer = 0;

document.documentElement.lang = language;
document.title = text.title;
fillIn(document, text);

const delays = new DelayMeter(video);
const player = new Player(video, $('play'), (blocked) => {
  known.blocked = blocked;
  update();
});
const lastPicture = new LastPicture(video, $('still'));
const panel = new Panel($('panel'), $('details'), {
  language,
  text,
  onToggle: (open) => {
    page.classList.toggle('with-panel', open);
    if (open) refreshStatus();
    showPanel();
  },
});

// Only who is near the camera may, and then is told so.
mayNetwork().then((may) => { $('set-up').hidden = !may; });
mayUpdate().then((may) => { $('update').hidden = !may; });
// Waits its turn behind the picture.
window.setTimeout(tellTime, 3000);
const wake = fadeWhenIdle(page, () => panel.open || machine.phase !== 'playing' || player.blocked);
listenToPerson();
listenToDevice();
if (window.RTCPeerConnection && window.WebSocket) start();
else showStatus({ tone: 'bad', text: text.unsupported, detail: '', spoken: text.unsupported });

// For tests, and for the curious in the console.
window.mimamori = {
  get state() { return machine.phase; },
  get connection() { return connection; },
  stats: () => ({ ...figures, delay: delays.read(performance.now(), figures) }),
};
if (new URLSearchParams(location.search).has('clock')) {
  const { ClockReader } = await import('./clock_strip.js');
  const reader = new ClockReader(video);
  window.mimamori.readClock = () => reader.read();
}

function start() {
  machine.start(performance.now());
  lastTick = Date.now();
  clearInterval(ticker);
  ticker = setInterval(tick, TICK);
  update();
}

function stop() {
  clearInterval(ticker);
  machine.stop();
  update();
}

function tick() {
  const now = performance.now();
  const wall = Date.now();
  if (wall - lastTick > SLEPT && !document.hidden) machine.suspect(now);
  lastTick = wall;
  countPictures(now);
  if (panel.open && now - lastStatus >= STATUS_EVERY) refreshStatus();
  update();
}

// Does what the machine asks, then tells the person.
function update() {
  const now = performance.now();
  machine.hold(now, document.hidden || player.blocked);
  for (const action of machine.poll(now)) {
    if (action === 'close') hangUp();
    else call();
  }
  showStatus(describe(machine.view(performance.now()), known, text));
}

function call() {
  hangUp();
  rates = new Rates();
  iceServers ??= askForIceServers();
  const mine = new Connection({
    url: `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}/stream/webrtc`,
    options: callOptions(),
    iceServers,
    on: {
      track: (stream) => showStream(stream, mine),
      transport: (state) => {
        machine.transport(performance.now(), state);
        update();
      },
      message: hearMessage,
      ended: callEnded,
    },
  });
  connection = mine;
}

async function askForIceServers() {
  const list = await readIceServers();
  if (!list) iceServers = null; // no answer: the next call asks again
  return list ?? [];
}

function hangUp() {
  if (connection) lastPicture.keep();
  connection?.close();
  connection = null;
  figures = null;
  showPanel();
}

function callOptions() {
  const vformat = Number.parseInt(new URLSearchParams(location.search).get('vformat'), 10);
  return Number.isFinite(vformat) ? { vformat } : {};
}

function showStream(stream, from) {
  player.show(stream);
  // The first frame is news for the machine at once, not at the next tick.
  video.requestVideoFrameCallback?.(() => from === connection && pictureCame());
}

function pictureCame() {
  const first = machine.phase === 'opening' || machine.phase === 'connecting';
  machine.picture(performance.now());
  lastPicture.drop();
  if (first) refreshStatus();
  update();
}

async function callEnded(reason) {
  // An old notice does not explain a new end.
  if (performance.now() - lastMessage > 5000) known.message = '';
  const refusedFull = reason === 'refused' && saysFull(known.message, null);
  machine.ended(performance.now(), refusedFull ? 'full' : reason);
  update();
  await refreshStatus();
  if (machine.reason === 'refused' && saysFull(known.message, known.status)) machine.explain('full');
  update();
}

function hearMessage(message) {
  lastMessage = performance.now();
  known.message = knownMessage(message, text) ?? message.slice(0, 300);
  if (machine.phase !== 'connecting') notice(known.message);
}

async function countPictures(now) {
  const from = connection;
  const report = await from?.stats();
  if (!report || from !== connection) return;
  const before = figures?.framesDecoded ?? 0;
  figures = rates.add(report, now);
  if (figures.framesDecoded > before) pictureCame();
  showPanel();
}

async function refreshStatus() {
  lastStatus = performance.now();
  const status = await readStatus();
  known.reached = status !== null;
  if (status) {
    known.status = status;
    machine.cameraLost(status.camera?.state === 'lost');
  }
  showCamera();
  showProblems();
  showPanel();
}

function showStatus({ tone, text: words, detail, spoken, canRetry }) {
  // Whoever has to be told something finds the controls, too.
  if (page.dataset.tone !== tone) wake();
  page.dataset.phase = machine.phase;
  page.dataset.tone = tone;
  put($('status-text'), tone === 'quiet' ? '' : words);
  put($('status-detail'), detail);
  $('retry').hidden = !canRetry;
  if (spoken !== null) put($('announce'), spoken);
  $('snapshot').disabled = !video.videoWidth;
  // A picture that stands still must first be asked about, then explained.
  const now = performance.now();
  const silent = machine.view(now).silentFor >= SILENCE;
  if (silent && now - lastStatus >= STATUS_EVERY) refreshStatus();
}

function showCamera() {
  const camera = known.status?.camera;
  const name = camera ? cameraName(camera, text) : '';
  page.classList.toggle('test-picture', camera?.kind === 'test');
  put($('camera'), name);
  put($('camera-kind'), text.kinds[camera?.kind] ?? text.kinds.v4l2);
  put($('camera-name'), name || '–');
  put($('camera-problem'), camera?.problem ?? '');
  $('camera-problem').hidden = !camera?.problem;
}

// What the board says is wrong with it; it says so in English.
function showProblems() {
  const problems = problemsOf(known.status);
  const list = $('problems');
  if (problems.join('\n') === [...list.children].map((item) => item.textContent).join('\n')) return;
  list.replaceChildren(...problems.map((problem) => {
    const item = document.createElement('li');
    item.textContent = problem;
    return item;
  }));
  list.hidden = problems.length === 0;
  page.classList.toggle('with-problems', problems.length > 0);
  if (problems.length) notice(text.problemsNotice);
}

function showPanel() {
  if (!panel.open) return;
  const size = figures && { width: video.videoWidth, height: video.videoHeight };
  panel.show({ figures, delay: delays.read(performance.now(), figures), size, status: known.status });
}

function notice(words) {
  put($('notice'), words);
  page.classList.add('with-notice');
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => page.classList.remove('with-notice'), 6000);
}

async function snapshot() {
  const name = await takeSnapshot(video).catch(() => null);
  notice(name ? text.snapshotSaved(name) : text.snapshotFailed);
}

function listenToPerson() {
  const fullScreen = () => toggleFullScreen(document.documentElement, video);
  $('snapshot').addEventListener('click', snapshot);
  $('full-screen').addEventListener('click', fullScreen);
  $('full-screen').hidden = !canFullScreen(document.documentElement, video);
  video.addEventListener('dblclick', fullScreen);
  $('retry').addEventListener('click', () => {
    machine.retryNow(performance.now());
    update();
  });
  onFullScreenChange((full) => {
    put($('full-screen-label'), full ? text.leaveFullScreen : text.fullScreen);
    page.classList.toggle('full', full);
  });
  listenToKeys({ f: fullScreen, s: snapshot, i: () => panel.toggle(), Escape: () => panel.toggle(false) });
}

function listenToDevice() {
  const network = (online) => {
    known.online = online;
    if (online) machine.suspect(performance.now());
    update();
  };
  window.addEventListener('online', () => network(true));
  window.addEventListener('offline', () => network(false));
  navigator.connection?.addEventListener?.('change', () => network(navigator.onLine));
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) return update();
    machine.suspect(performance.now());
    if (video.srcObject && video.paused) player.play();
    wake();
    update();
  });
  // Hung up, the page may be kept by the browser and shown again as it was.
  window.addEventListener('pagehide', stop);
  window.addEventListener('pageshow', (event) => event.persisted && start());
}

function put(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
