// A clean end with viewers connected.

import assert from 'node:assert/strict';
import { clientPage, watch } from './browser.mjs';
import { figure, test } from './harness.mjs';
import { Server } from './server.mjs';

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`${signal} ends it at once and leaves nothing behind`, async (context) => {
    const server = await Server.start(context);
    const own = await watch(context, server);
    const foreign = await clientPage(context);
    await foreign.evaluate((url) => callWhep(url), `${server.url}/whep`);
    await server.viewers(2);
    const raw = await fetch(`${server.url}/stream/video.h264`);
    assert.equal(raw.status, 200);
    const readToItsEnd = raw.arrayBuffer().catch(() => {});

    const ended = await server.stop(signal);
    figure('ended', `after ${ended.ms} ms`);
    assert.deepEqual([ended.code, ended.signal], [0, null]);
    assert.ok(ended.ms < 2000, `it took ${ended.ms} ms`);
    assert.deepEqual(await server.leftovers(), []);
    await readToItsEnd;

    await own.waitForFunction(() => window.mimamori.state === 'waiting', null, { timeout: 2000 });
    await own.waitForFunction(() => document.querySelector('#status-text').textContent.length > 0);
    figure('the page says', await own.textContent('#status-text'));
    const since = performance.now();
    await foreign.waitForFunction(() => calls[0].peer.getReceivers()[0].transport.state === 'closed', null, { timeout: 2000 });
    figure('the WHEP client knows', `after ${Math.round(performance.now() - since)} ms more`);
  });
}
