// The update page in a real browser, with the real program and a stand-in for the steward.

import assert from 'node:assert/strict';
import { playing, tab, watch } from './browser.mjs';
import { figure, sleep, test, until } from './harness.mjs';
import { Server } from './server.mjs';
import { ID, Steward } from './steward.mjs';

const SHOTS = process.env.E2E_SHOTS;
const SIZE = 3_000_000;

/** What begins as a bundle does; every place in it can be told from the others. */
function bundle(version = '2.0.0', size = SIZE) {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at += 4) bytes.writeUInt32LE(at, at);
  bytes.write(`070702${'0'.repeat(104)}sw-description\0\0software =\n{\n  version = "${version}";\n`);
  return { name: `mimamori-${version}.swu`, mimeType: 'application/octet-stream', buffer: bytes };
}

async function openPage(context, options = {}, facts = {}) {
  const server = await Server.start(context);
  const steward = await Steward.start(context, server.run, facts);
  const page = await tab(context, options);
  await page.goto(`${server.url}/update`);
  await page.waitForFunction(() => document.querySelector('#running').textContent !== '–');
  return { server, steward, page };
}

const says = (page, words, limit = 20_000) => page.waitForFunction(
  (words) => document.querySelector('#message:not([hidden])')?.innerText.includes(words), words, { timeout: limit });
const step = (page, name) => page.waitForFunction(
  (name) => document.querySelector('#work:not([hidden]) [aria-current]')?.textContent === name, name, { timeout: 20_000 });

test('a bundle becomes the new version while somebody watches', async (context) => {
  const { server, steward, page } = await openPage(context);
  const picture = await watch(context, server);
  assert.equal(await page.textContent('#running'), '1.0.0 (slot A)');
  assert.equal(await page.textContent('#other'), '0.9.0 (slot B)');
  const file = bundle();
  await page.setInputFiles('#file', file);
  await page.click('text="Update to 2.0.0"');
  await step(page, 'Send');

  // The program ends in the middle and comes back: the rest is sent, and no byte twice.
  await until('a part is there', 10_000, () => steward.got.length > 100_000);
  await server.stop('SIGKILL');
  await says(page, 'The connection is broken');
  assert.ok(steward.got.length < SIZE, 'it was not in the middle');
  figure('broken after', `${steward.got.length} of ${SIZE} bytes`);
  await server.launch();
  await until('all is there', 20_000, () => steward.facts.state === 'installing');
  assert.ok(steward.got.equals(file.buffer), 'what arrived is not what was sent');
  await playing(picture);

  await step(page, 'Write');
  steward.facts.state = 'restarting';
  await step(page, 'Restart');
  await server.stop();
  await sleep(2000);
  steward.startOther('2.0.0');
  await server.launch();
  await step(page, 'Trial');
  await page.waitForFunction(() => document.querySelector('#detail').textContent.includes('the camera’s picture, the network'));
  steward.end('updated');
  await says(page, 'Done. Version 2.0.0 is running (before: 1.0.0).');
  assert.equal(await page.textContent('#running'), '2.0.0 (slot B)');
  await playing(picture);
  await page.click('#reload');
  await page.waitForFunction(() => document.querySelector('#last-text').textContent === 'Version 2.0.0, from 1.0.0.');
}, { limit: 120_000 });

test('a refused bundle is refused in the camera’s words, and the camera runs on', async (context) => {
  const { steward, page } = await openPage(context);
  steward.refuseAt = 600_000;
  await page.setInputFiles('#file', bundle());
  await page.click('#send');
  await says(page, steward.reason);
  assert.equal(await page.getAttribute('#message', 'data-tone'), 'bad');
  assert.ok(steward.got.length < SIZE);
  steward.refuses.announce = { error: 'Another update is under way.', status: 409 };
  await page.click('#send');
  await says(page, 'Another update is under way.');
  await page.setInputFiles('#file', { name: 'holiday.zip', mimeType: '', buffer: Buffer.from('PK\x03\x04') });
  await says(page, 'no update bundle');
  assert.ok(await page.isHidden('#send'));
});

test('a dropped file is taken, also after the page was loaded anew in the middle', async (context) => {
  const { steward, page } = await openPage(context);
  const file = bundle();
  const drop = async () => {
    const carried = await page.evaluateHandle(([name, bytes]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name));
      return transfer;
    }, [file.name, file.buffer.toString('base64')]);
    // Beside the field: there, too, it must not replace the page.
    for (const type of ['dragover', 'drop']) await page.dispatchEvent('header', type, { dataTransfer: carried });
  };
  await drop();
  await page.click('text="Update to 2.0.0"');
  await until('a part is there', 10_000, () => steward.got.length > 400_000);
  page.on('dialog', (dialog) => dialog.accept());
  await page.reload();
  await says(page, 'A bundle is being sent from elsewhere');
  const part = steward.got.length;
  assert.ok(part < SIZE, 'it was not in the middle');
  await drop();
  await page.click('text="Go on sending 2.0.0"');
  await until('all is there', 20_000, () => steward.facts.state === 'installing');
  assert.ok(steward.got.equals(file.buffer));
  assert.deepEqual(steward.asked.map(({ ask }) => ask), ['announce']);
});

test('going back is asked once, by keyboard, and a trial that fails is told with its reason', async (context) => {
  const { server, steward, page } = await openPage(context);
  await page.focus('#back');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#sure[open]');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'sure-no');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#sure', { state: 'hidden' });
  assert.equal(await page.evaluate(() => document.activeElement.id), 'back');
  assert.deepEqual(steward.asked, []);
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await until('it was asked', 5000, () => steward.asked.length);
  assert.deepEqual(steward.asked, [{ ask: 'roll_back' }]);
  await step(page, 'Restart');
  await server.stop();
  await sleep(1000);
  steward.end('rolled_back', { version: '0.9.0', reason: 'It gave no picture.' });
  await server.launch();
  await says(page, 'Version 0.9.0 did not prove itself. The camera is back at version 1.0.0.');
  await says(page, 'It gave no picture.');
});

test('an upload can be stopped, and then the camera knows', async (context) => {
  const { steward, page } = await openPage(context);
  await page.setInputFiles('#file', bundle('2.0.0', 20_000_000));
  await page.click('#send');
  await until('a part is there', 10_000, () => steward.got.length > 400_000);
  await page.click('#stop');
  await says(page, 'Stopped.');
  await until('it is given up', 5000, () => steward.facts.state === 'idle');
  assert.deepEqual(steward.asked.at(-1), { ask: 'abandon', id: ID });
  await page.waitForSelector('#send:not([disabled])');
});

test('the picture’s page leads to the update where there is one', async (context) => {
  const server = await Server.start(context);
  const page = await watch(context, server);
  await page.keyboard.press('i');
  await sleep(500);
  assert.ok(await page.isHidden('#update'));
  await page.goto(`${server.url}/update`);
  await says(page, 'does not run on a camera’s own system');
  assert.ok(await page.isHidden('#choice'));
  await Steward.start(context, server.run);
  await page.goto(server.url);
  await page.keyboard.press('i');
  await page.click('#update a');
  await page.waitForURL('**/update');
});

test('the update page says nothing wrong in its console', async (context) => {
  const { page } = await openPage(context);
  const said = [];
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && said.push(message.text()));
  await page.reload();
  await page.setInputFiles('#file', bundle());
  await page.click('#send');
  await step(page, 'Write');
  assert.deepEqual(said, []);
});

test('screenshots of the update page', async (context) => {
  const last = { result: 'rolled_back', version: '1.1.0', from: '1.0.0', reason: 'It gave no picture within 120 seconds.', at: 1_795_790_000 };
  const sizes = {
    desktop: { viewport: { width: 1280, height: 800 } },
    phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
  };
  for (const [size, options] of Object.entries(sizes)) {
    for (const [colorScheme, locale] of [['light', 'en'], ['dark', 'ja']]) {
      const { steward, page } = await openPage(context, { ...options, colorScheme, locale }, { last });
      const wide = () => page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      const shot = async (name) => {
        assert.equal(await wide(), false, `${name}: it has to be scrolled sideways`);
        if (SHOTS) await page.screenshot({ path: `${SHOTS}/update-${size}-${colorScheme}-${locale}-${name}.png`, fullPage: true });
      };
      await page.setInputFiles('#file', bundle());
      await page.waitForSelector('#send:not([disabled])');
      await shot('chosen');
      steward.startOther('2.0.0');
      await page.waitForFunction(() => document.querySelector('#detail').textContent);
      await shot('trial');
    }
  }
});
