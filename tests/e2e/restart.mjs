// The program ends and comes back: the page returns by itself.

import assert from 'node:assert/strict';
import { playing, watch } from './browser.mjs';
import { figure, sleep, test } from './harness.mjs';
import { Server } from './server.mjs';

for (const signal of ['SIGTERM', 'SIGKILL']) {
  test(`the page returns by itself after a restart by ${signal}`, async (context) => {
    const server = await Server.start(context);
    const page = await watch(context, server);
    const ended = performance.now();
    await server.stop(signal);
    await page.waitForFunction(() => window.mimamori.state !== 'playing');
    const noticed = Math.round(performance.now() - ended);
    await page.waitForFunction(() => document.querySelector('#status-text').textContent.length > 0);
    figure('noticed', `after ${noticed} ms; the page says "${await page.textContent('#status-text')}"`);
    await sleep(1000);

    const started = performance.now();
    await server.launch();
    const up = Math.round(performance.now() - started);
    await playing(page);
    figure('plays again', `${Math.round(performance.now() - started)} ms after the start (listening after ${up} ms)`);
    assert.equal(await page.textContent('#status-text'), '');
    await server.viewers(1);
  });
}
