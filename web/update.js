// The update page: shows what the camera says of its versions, sends it a bundle, and
// follows what becomes of it.

import { look } from './bundle.js';
import { Follow, resultKey } from './follow.js';
import { fillIn, pickLanguage } from './text.js';
import { textFor } from './update_text.js';
import { goesOn, last, steps, versions, view } from './update_words.js';
import { Upload, wordsOf } from './upload.js';

const EVERY = 1500; // ms between two questions
const LIMIT = 4000; // ms; a camera that restarts gives no answer
const SILENT = 6000; // ms without an answer until the page says so
const SETTLED = 3000; // ms of sending until the rest can be told

const $ = (id) => document.getElementById(id);
const language = pickLanguage(navigator.languages);
const text = textFor(language);
const known = { facts: null, answered: true, silent: false, chosen: null, problem: null, sending: null, follow: null, told: null };
let file = null;
let upload = null;
let lastAnswer = performance.now();

document.documentElement.lang = language;
document.title = text.title;
fillIn(document, text);

$('file').addEventListener('change', ({ target }) => {
  choose(target.files);
  target.value = ''; // so that the same file can be chosen again
});
$('send').addEventListener('click', send);
$('stop').addEventListener('click', () => upload?.stop());
$('give-up').addEventListener('click', giveUp);
$('back').addEventListener('click', askWhetherBack);
$('sure-no').addEventListener('click', () => $('sure').close());
$('sure-yes').addEventListener('click', goBack);
$('reload').addEventListener('click', () => location.reload());
takeDrops();
window.addEventListener('beforeunload', (event) => {
  if (known.sending) event.preventDefault();
});
poll();

async function poll() {
  await refresh();
  setTimeout(poll, EVERY);
}

async function refresh() {
  try {
    const response = await fetch('/api/update', { signal: AbortSignal.timeout(LIMIT), cache: 'no-store' });
    if (response.ok) hear(await response.json());
    else known.answered = response.status !== 404;
  } catch {
    // It comes back, or the page says so.
  }
  const now = performance.now();
  known.silent = now - lastAnswer > SILENT;
  if (known.follow && lastAnswer < now - LIMIT) known.follow.hear(now, null);
  ended();
  show();
}

function hear(facts) {
  lastAnswer = performance.now();
  known.answered = true;
  known.facts = facts;
  known.follow?.hear(lastAnswer, facts);
}

function ended() {
  if (!known.follow?.end) return;
  known.told = known.follow.end;
  known.follow = null;
  file = null;
  known.chosen = null;
}

async function choose(files) {
  if (!files.length || !view(known, text).choose) return;
  const [first] = files;
  const { version, problem } = files.length > 1 ? { problem: 'several' } : await look(first);
  file = problem ? null : first;
  known.chosen = problem ? null : { name: first.name, size: first.size, version };
  known.problem = problem ?? null;
  known.told = null;
  show();
  if (!problem) $('send').focus();
}

async function send() {
  const before = known.facts;
  const { version } = known.chosen;
  const began = performance.now();
  let from = null;
  upload = new Upload(file, {
    onProgress: ({ sent, broken }) => {
      from ??= { sent, at: performance.now() };
      known.sending = { sent, broken, left: timeLeft(from, sent) };
      show();
    },
  });
  known.told = null;
  known.sending = { sent: 0, broken: false, left: null };
  show();
  const result = await upload.run(goesOn(before, known.chosen) ? before.id : null);
  known.sending = null;
  if (result.end === 'sent') known.follow = new Follow(performance.now(), before, version);
  else if (result.end === 'gone') await findOut(before, version, began);
  else known.told = { kind: result.end === 'refused' ? 'rejected' : result.end, words: result.words };
  await refresh();
}

function timeLeft(from, sent) {
  const took = performance.now() - from.at;
  if (took < SETTLED || sent <= from.sent) return null;
  return (took / (sent - from.sent)) * (file.size - sent);
}

// The camera has ended the upload: refused while the answer was on its way, or given up;
// or all is there.
async function findOut(before, version, began) {
  await refresh();
  const { facts } = known;
  if (lastAnswer > began && ['installing', 'restarting', 'trial'].includes(facts.state)) {
    known.follow = new Follow(performance.now(), before, version);
  } else if (resultKey(facts.last) !== resultKey(before.last)) {
    known.told = { kind: 'refused', version: facts.version, reason: facts.last.reason };
  } else {
    known.told = { kind: 'gone' };
  }
}

async function giveUp() {
  await ask('DELETE', `/api/update/${known.facts.id}`);
  await refresh();
}

function askWhetherBack() {
  const version = known.facts.other?.version;
  put($('sure-why'), text.backWhy(version));
  put($('sure-yes'), text.back(version));
  $('sure').showModal();
}

async function goBack() {
  $('sure').close();
  const before = known.facts;
  const { status, body } = await ask('POST', '/api/update/roll-back');
  known.problem = null;
  known.told = null;
  if (status === 202) {
    known.follow = new Follow(performance.now(), before, before.other?.version ?? null, { rollBack: true });
  } else {
    known.told = { kind: status ? 'rejected' : 'broken', words: wordsOf(body) };
  }
  await refresh();
}

// Never fails: status 0 means that there was no answer.
async function ask(method, path) {
  try {
    const headers = { 'Tus-Resumable': '1.0.0' };
    const response = await fetch(path, { method, headers, signal: AbortSignal.timeout(LIMIT) });
    return { status: response.status, body: await response.text() };
  } catch {
    return { status: 0, body: '' };
  }
}

function takeDrops() {
  const carriesFile = (event) => event.dataTransfer?.types.includes('Files');
  // Everywhere: a file that is dropped beside the field must not replace the page.
  document.addEventListener('dragover', (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    const may = view(known, text).choose;
    event.dataTransfer.dropEffect = may ? 'copy' : 'none';
    over(may);
  });
  document.addEventListener('dragleave', (event) => {
    if (!event.relatedTarget) over(false);
  });
  document.addEventListener('drop', (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    over(false);
    choose(event.dataTransfer.files);
  });
}

function over(is) {
  $('drop').classList.toggle('over', is);
  put($('drop-hint'), is ? text.dropNow : text.drop);
}

function show() {
  const focused = document.activeElement;
  const now = view(known, text);
  showVersions();
  showMessage(now.message);
  showWork(now);
  showChoice(now);
  showLast(Boolean(now.step || known.told));
  $('back').hidden = !now.back;
  put($('back'), text.back(known.facts?.other?.version));
  $('reload').hidden = known.told?.kind !== 'updated';
  if (!now.back && $('sure').open) $('sure').close();
  // The keyboard's place must not vanish with what was pressed.
  if (focused?.closest('[hidden]')) (now.stop ? $('stop') : $('message')).focus();
}

function showVersions() {
  const { running, other } = versions(known.facts, text);
  put($('running'), running);
  put($('other'), other);
  $('other-row').hidden = !other;
}

function showMessage(message) {
  $('message').hidden = !message;
  if (!message) return;
  $('message').dataset.tone = message.tone;
  put($('message-text'), message.text);
  put($('message-reason'), message.reason);
  $('message-reason').hidden = !message.reason;
}

function showWork({ step, bar, detail, stop, giveUp }) {
  $('work').hidden = !step;
  if (!step) return;
  const list = steps(step, text);
  const key = JSON.stringify(list);
  if ($('steps').dataset.key !== key) {
    $('steps').dataset.key = key;
    $('steps').replaceChildren(...list.map(stepRow));
  }
  if (bar.value === null) $('bar').removeAttribute('value');
  else $('bar').value = bar.value;
  put($('bar-text'), bar.text);
  put($('detail'), detail);
  $('stop').hidden = !stop;
  $('give-up').hidden = !giveUp;
}

function stepRow({ label, state }) {
  const row = document.createElement('li');
  row.textContent = label;
  row.dataset.state = state;
  if (state === 'now') row.setAttribute('aria-current', 'step');
  if (state === 'done') {
    const word = document.createElement('span');
    word.className = 'unseen';
    word.textContent = ` (${text.stepDone})`;
    row.append(word);
  }
  return row;
}

function showChoice({ choose, send }) {
  const { chosen, facts } = known;
  $('choice').hidden = !choose;
  $('chosen').hidden = !chosen;
  if (!chosen) return;
  put($('chosen-name'), chosen.name);
  put($('chosen-size'), `${text.megabytes(chosen.size)} MB`);
  const same = chosen.version === facts?.version;
  $('chosen-note').hidden = !same;
  put($('chosen-note'), same ? text.sameVersion : '');
  $('send').disabled = !send;
  put($('send'), (send === 'goOn' ? text.goOn : text.send)(chosen.version));
}

function showLast(elsewhere) {
  const found = last(known.facts, text);
  // While the message tells it, or something newer, it would be said twice.
  $('last').hidden = !found || elsewhere;
  if (!found) return;
  put($('last-text'), found.text);
  put($('last-reason'), found.reason);
  $('last-reason').hidden = !found.reason;
  const format = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
  put($('last-at'), found.at ? format.format(found.at) : '');
}

function put(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
