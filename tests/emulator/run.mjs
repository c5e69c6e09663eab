// Runs the system tests on the emulated board that scripts/emulate --check has
// started; the order counts, for they share the one board.

import { load, runAll } from '../e2e/harness.mjs';
import { closeBrowser } from '../e2e/browser.mjs';
import { closeConsole } from './board.mjs';

await load(['boot', 'picture', 'camera', 'system'], import.meta.url);
const good = await runAll(process.argv[2]);
await closeBrowser();
closeConsole();
process.exit(good ? 0 : 1);
