// The two protocols, spoken by pages that are not the camera's.

import assert from 'node:assert/strict';
import { clientPage } from './browser.mjs';
import { figure, sleep, spread, test, until } from './harness.mjs';
import { Server } from './server.mjs';

for (const from of ['origin', 'file']) {
  const whose = from === 'file' ? 'a local HTML file' : 'a page of another origin';
  for (const trickle of [true, false]) {
    test(`UV4L, ${trickle ? 'trickle' : 'no trickle'}, from ${whose}`, async (context) => {
      const { server, page } = await setUp(context, from);
      const url = `${server.url.replace('http', 'ws')}/stream/webrtc`;
      await page.evaluate(([url, trickle]) => callUv4l(url, { trickle }), [url, trickle]);
      await decodes(page, 0);
      const heard = await page.evaluate(() => calls[0].heard);
      assert.deepEqual([...new Set(heard)], ['offer', trickle ? 'iceCandidate' : 'iceCandidates']);
      await page.evaluate(() => calls[0].socket.close());
      figure('place free after closing the socket, in ms', await server.viewers(0, 1000));
    });
  }

  test(`WHEP with PATCH, ICE restart and DELETE, from ${whose}`, async (context) => {
    const { server, page } = await setUp(context, from);
    await page.evaluate((url) => callWhep(url, { trickle: true }), `${server.url}/whep`);
    await decodes(page, 0);
    assert.deepEqual(await page.evaluate(() => [...new Set(calls[0].patches)]), [204]);

    assert.equal(await page.evaluate(() => restartIce(0)), 200);
    await page.waitForFunction(() => calls[0].peer.signalingState === 'stable');
    await sleep(500);
    await decodes(page, 0);

    assert.equal(await page.evaluate(() => deleteWhep(0)), 200);
    assert.equal((await server.status()).viewers, 0, 'DELETE frees the place at once');
  });
}

test('WHEP: time from POST to the first frame', async (context) => {
  const { server, page } = await setUp(context, 'origin');
  const times = [];
  for (let i = 0; i < 10; i += 1) {
    await page.evaluate((url) => callWhep(url), `${server.url}/whep`);
    times.push(await page.evaluate((i) => calls[i].firstFrameAfter, i));
    await page.evaluate((i) => deleteWhep(i), i);
  }
  figure('WHEP POST to first frame', spread(times));
});

async function setUp(context, from) {
  return { server: await Server.start(context), page: await clientPage(context, { from }) };
}

/** Frames go on being decoded. */
async function decodes(page, number) {
  const frames = () => page.evaluate((number) => framesDecoded(number), number);
  const before = await frames();
  await until('15 more frames', 10_000, async () => (await frames()) >= before + 15);
}
