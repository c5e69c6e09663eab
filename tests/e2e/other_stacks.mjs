// Receivers that share no code with Chromium: aiortc (OpenSSL, libsrtp, FFmpeg)
// and ffmpeg on the raw stream.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Skip, figure, test } from './harness.mjs';
import { Server } from './server.mjs';

const RECEIVER = fileURLToPath(new URL('clients/aiortc_receiver.py', import.meta.url));

for (const protocol of ['uv4l', 'whep']) {
  test(`aiortc receives through ${protocol === 'whep' ? 'WHEP' : 'UV4L'}`, async (context) => {
    const server = await Server.start(context, { width: 320, height: 240 });
    const before = (await server.status()).camera.frames;
    const { out } = await run(process.env.E2E_PYTHON, [RECEIVER, protocol, server.url, '4'], 30_000);
    const heard = JSON.parse(out);
    const given = (await server.status()).camera.frames - before;
    figure('aiortc', `${out.trim()}; the camera gave ${given} frames meanwhile`);
    assert.deepEqual([heard.width, heard.height], [320, 240]);
    assert.ok(heard.frames >= 40, `only ${heard.frames} frames were decoded`);
    await server.viewers(0, 7000);
  });
}

test('ffmpeg decodes the raw stream', async (context) => {
  const server = await Server.start(context);
  const url = `${server.url}/stream/video.h264`;
  const { code, err } = await run('ffmpeg', ['-v', 'error', '-xerror', '-i', url, '-frames:v', '60', '-f', 'null', '-'], 30_000)
    .catch(missing);
  assert.deepEqual([code, err], [0, '']);
  const probe = await run('ffprobe', ['-v', 'error', '-show_entries', 'stream=codec_name,profile,level,width,height', '-of', 'csv', url], 20_000)
    .catch(missing);
  figure('ffprobe', probe.out.trim());
  assert.match(probe.out, /h264,.*640,480/);
});

function missing(error) {
  throw error.code === 'ENOENT' ? new Skip('ffmpeg is not installed') : error;
}

/** Runs a program to its end; an error if it can't be started or takes longer than `limit` ms. */
function run(program, options, limit) {
  return new Promise((resolve, reject) => {
    execFile(program, options, { timeout: limit }, (error, out, err) => {
      if (error?.killed) reject(new Error(`${program} took longer than ${limit} ms: ${err}`));
      else if (error && typeof error.code !== 'number') reject(error);
      else if (error && program !== 'ffmpeg') reject(new Error(`${program} failed: ${err}`));
      else resolve({ code: error?.code ?? 0, out, err });
    });
  });
}
