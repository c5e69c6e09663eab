// One Chromium for all tests, with a fresh profile; each test has tabs of its own.

import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const CLIENT = fileURLToPath(new URL('clients/browser.html', import.meta.url));
const FLAGS = [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

let browser;

/** A new tab with nothing in it. */
export async function tab(context, options = {}) {
  browser ??= await chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS, timeout: 30_000 });
  const profile = await browser.newContext({ locale: 'en', ...options });
  context.after(() => profile.close());
  const page = await profile.newPage();
  page.setDefaultTimeout(15_000);
  page.on('pageerror', (error) => console.log(`      an error in the page: ${error.stack}`));
  return page;
}

/** The camera's own page, playing. */
export async function watch(context, server, { path = '/', ...options } = {}) {
  const page = await tab(context, options);
  await page.addInitScript(() => {
    addEventListener('DOMContentLoaded', () => {
      const video = document.querySelector('video');
      video?.requestVideoFrameCallback((now) => { window.firstFrameAt = now; });
    });
  });
  await page.goto(server.url + path);
  await playing(page);
  await page.waitForFunction(() => window.firstFrameAt);
  return page;
}

/** Waits for the camera's own page to play. */
export function playing(page, limit = 15_000) {
  return page.waitForFunction(() => window.mimamori?.state === 'playing', null, { timeout: limit, polling: 25 });
}

/** A page that is not the camera's: of another origin, or a file (`Origin: null`). */
export async function clientPage(context, { from = 'origin' } = {}) {
  const page = await tab(context);
  await page.goto(from === 'file' ? `file://${CLIENT}` : await otherOrigin(context));
  return page;
}

export async function closeBrowser() {
  await browser?.close();
}

async function otherOrigin(context) {
  const html = await readFile(CLIENT);
  const server = createServer((_, response) => response.setHeader('Content-Type', 'text/html').end(html));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(async () => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}/`;
}
