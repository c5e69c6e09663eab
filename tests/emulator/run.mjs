// Runs the system tests on the emulated board that scripts/emulate --check has
// started; the order counts, for they share the one board.

import { load, runAll } from '../e2e/harness.mjs';
import { closeBrowser } from '../e2e/browser.mjs';
import { answers, closeConsole, shellAnswers } from './board.mjs';

await load(['boot', 'usb', 'time', 'picture', 'camera', 'guard', 'network', 'system', 'engine', 'slots', 'update', 'data', 'cuts', 'updatecuts', 'off'], import.meta.url);
// Else the browser's driver would take the signal, close the browser and go on.
process.once('SIGTERM', async () => {
  await closeBrowser().catch(() => {});
  process.exit(143);
});

const wanted = process.argv[2];
if (wanted) await answers(240_000).then(() => shellAnswers(60_000));
const good = await runAll(wanted);
await closeBrowser();
closeConsole();
process.exit(good ? 0 : 1);
