// The board has no clock of its own: what it makes of the time.

import assert from 'node:assert/strict';
import { tab } from '../e2e/browser.mjs';
import { figure, test, until } from '../e2e/harness.mjs';
import { run, url } from './board.mjs';

const MARK = '/run/mimamori/clock-is-right';
const DAY = 86_400;

const clock = async () => Number(await run('date +%s'));
const built = async () => Number(await run('cat /etc/build-date'));

async function tell(seconds) {
  const body = JSON.stringify({ ms: seconds * 1000 });
  const response = await fetch(`${url}/api/time`, { method: 'POST', body, signal: AbortSignal.timeout(10_000) });
  return { status: response.status, ...await response.json() };
}

test('a board without a clock starts no earlier than its system was built', async () => {
  const late = await clock() - await built();
  figure('seconds after', late);
  assert.ok(late >= 0 && late < DAY, `${late} s`);
});

test('what was written down last comes back', async () => {
  const later = await built() + 3 * DAY;
  await run(`date -s @${later} && /usr/lib/mimamori/clock save && date -s @0 && /usr/lib/mimamori/clock restore`);
  assert.ok(Math.abs(await clock() - later) < 60);
  for (const broken of ['', 'soon', '99999999999999999999', '-5', '4294967296']) {
    await run(`printf '%s\\n' '${broken}' >/data/clock; date -s @0; /usr/lib/mimamori/clock restore`);
    assert.ok(Math.abs(await clock() - await built()) < 60, `with "${broken}"`);
  }
});

test('a browser says what time it is, where the network does not', async (context) => {
  const start = await built();
  assert.equal((await tell(start + DAY)).status, 200);
  assert.ok(Math.abs(await clock() - start - DAY) < 60);
  assert.ok(Math.abs(Number(await run('cat /data/clock')) - start - DAY) < 60, 'written down at once');
  const refused = await tell(start - DAY);
  figure('a time that can not be', JSON.stringify(refused));
  assert.ok(refused.error);
  assert.ok(await clock() >= start + DAY);
  context.after(() => run(`rm -f ${MARK}`));
  await run(`touch ${MARK}`);
  assert.equal((await tell(start + 5 * DAY)).synchronised, true);
  assert.ok(await clock() < start + 2 * DAY, 'the network knows better');
});

test('the page tells the time by itself', async (context) => {
  await run(`date -s @${await built()}`);
  const page = await tab(context);
  await page.goto(url);
  await until("the browser's time", 30_000, async () => Math.abs(await clock() - Date.now() / 1000) < 20);
}, { limit: 60_000 });
