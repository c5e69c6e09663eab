// The set-up page: shows who is heard, asks the camera to join, tells what came of it.

import { fillIn, pickLanguage } from './text.js';
import { textFor } from './setup_text.js';
import { notes, progress, refuse, state } from './setup_words.js';

const EVERY = 1500; // ms
const LIMIT = 4000; // ms; while the access point moves, nothing comes through
const SILENT = 10_000; // ms without an answer until the page says so
const HIDDEN = '\0';

const $ = (id) => document.getElementById(id);
const language = pickLanguage(navigator.languages);
const text = textFor(language);
let facts = null;
let chosen = null;
let sending = false;
let lastAnswer = performance.now();
let refused = '';

document.documentElement.lang = language;
document.title = text.title;
fillIn(document, text);
if (language === 'ja') $('country').value = 'JP';

$('rescan').addEventListener('click', () => send({ ask: 'scan' }));
$('finish').addEventListener('click', () => send({ ask: 'close_access_point' }));
$('reveal').addEventListener('change', ({ target }) => {
  $('passphrase').type = target.checked ? 'text' : 'password';
});
$('form').addEventListener('submit', (event) => {
  event.preventDefault();
  join();
});
send({ ask: 'scan' });
setInterval(refresh, EVERY);

function refresh() {
  if (!sending) ask('GET');
}

async function send(wish) {
  sending = true;
  await ask('POST', wish);
  sending = false;
}

async function ask(method, wish) {
  const headers = wish ? { 'Content-Type': 'application/json' } : {};
  const body = wish && JSON.stringify(wish);
  try {
    const signal = AbortSignal.timeout(LIMIT);
    const response = await fetch('/api/network', { method, headers, body, signal, cache: 'no-store' });
    const answer = await response.json();
    lastAnswer = performance.now();
    if (response.ok) facts = answer;
    refused = response.ok ? '' : answer.error;
  } catch {
    // It comes back, or the page says so.
  }
  show();
}

async function join() {
  const heard = facts?.heard.find(({ ssid }) => ssid === chosen);
  const wish = { ask: 'join', ssid: chosen === HIDDEN ? $('ssid').value : chosen, hidden: chosen === HIDDEN };
  if ($('passphrase').value && heard?.lock !== 'open') wish.passphrase = $('passphrase').value;
  if ($('country').value) wish.country = $('country').value.toUpperCase();
  const why = refuse(wish, text);
  if (why) return tell({ tone: 'bad', text: why });
  await send(wish);
  if (!refused) $('passphrase').value = '';
}

function show() {
  const silent = performance.now() - lastAnswer > SILENT;
  const now = facts && progress(facts, text);
  if (silent) tell({ tone: 'bad', text: text.unreachable });
  else if (refused) tell({ tone: 'bad', text: refused });
  else if (now) tell(now);
  if (!facts) return;
  put($('state'), state(facts, text));
  showNetworks();
  $('fields').disabled = Boolean(now?.busy);
  $('rescan').disabled = facts.scanning;
  $('finish').hidden = now?.tone !== 'good' || !facts.access_point.open;
  if (facts.country && !$('country').value) $('country').value = facts.country;
}

function tell(what) {
  $('progress').hidden = false;
  $('progress').dataset.tone = what.tone;
  put($('progress'), what.text);
}

function showNetworks() {
  const list = facts.heard.map((heard) => ({ ...heard, note: notes(heard, facts.known, text) }));
  list.push({ ssid: HIDDEN, label: text.other, note: '', lock: 'passphrase' });
  const box = $('networks');
  // Built anew only when there is news: a choice must not move under the finger.
  const key = JSON.stringify(list);
  if (box.dataset.key !== key) {
    box.dataset.key = key;
    box.replaceChildren(...list.map(row));
  }
  put($('none'), facts.scanning ? text.looking : text.none);
  $('none').hidden = facts.heard.length > 0;
  showFields(list.find(({ ssid }) => ssid === chosen));
}

function row({ ssid, label, note, lock }) {
  const input = document.createElement('input');
  Object.assign(input, { type: 'radio', name: 'network', value: ssid, checked: ssid === chosen });
  input.disabled = lock === 'unsupported';
  input.addEventListener('change', () => {
    chosen = ssid;
    showNetworks();
  });
  const row = document.createElement('label');
  row.append(input, span('ssid', label ?? ssid), span('note', note));
  return row;
}

function span(name, words) {
  const element = document.createElement('span');
  element.className = name;
  element.textContent = words;
  return element;
}

function showFields(network) {
  const locked = network?.lock === 'passphrase';
  $('hidden-name').hidden = chosen !== HIDDEN;
  $('secret').hidden = !locked;
  $('reveal-row').hidden = !locked;
  const kept = facts.known.includes(chosen);
  put($('secret').firstElementChild, kept ? text.keptPassphrase : text.passphrase);
  $('join').disabled = !network;
}

function put(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
