// The camera's own page, from the built card, in a browser on the host. tests/image/run
// has put a film on the card, as the camera that QEMU has not.

import assert from 'node:assert/strict';
import { closeBrowser, playing, tab } from '../e2e/browser.mjs';
import { figure, load, runAll, sleep, test } from '../e2e/harness.mjs';

await load([], import.meta.url);

test('Chromium shows the page, with a picture that moves', async (context) => {
  const page = await tab(context);
  await page.goto(process.env.IMAGE_URL);
  await playing(page, 60_000);
  const shown = () => page.evaluate(() => {
    const video = document.querySelector('video');
    return { width: video.videoWidth, height: video.videoHeight, frames: video.getVideoPlaybackQuality().totalVideoFrames };
  });
  const before = await shown();
  await sleep(8000);
  const after = await shown();
  figure('shown', `${after.width}x${after.height}, ${after.frames - before.frames} frames in 8 s of the host's time`);
  if (process.env.IMAGE_SCREENSHOT) await page.screenshot({ path: process.env.IMAGE_SCREENSHOT });
  // On the real board the firmware keeps 128 MiB for itself and the camera (config.txt); QEMU has no firmware.
  const { memory_available_bytes: free } = await (await fetch(`${process.env.IMAGE_URL}/api/status`)).json();
  figure('memory that is free meanwhile', `${(free / 1e6).toFixed(0)} MB of 512, of which the real board's camera has ${(128 * 1.048576).toFixed(0)} for itself`);
  assert.ok(free > 0, 'the status does not say how much memory is free');
  assert.ok(after.width > 0 && after.height > 0, 'no picture');
  assert.ok(after.frames - before.frames > 20, 'the picture stands still');
}, { limit: 120_000 });

const good = await runAll();
await closeBrowser();
process.exit(good ? 0 : 1);
