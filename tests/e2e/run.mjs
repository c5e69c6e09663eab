// Runs all end-to-end tests, or those whose name contains the first argument.

import { load, runAll } from './harness.mjs';
import { closeBrowser } from './browser.mjs';

await load(['page', 'signalling', 'viewers', 'restart', 'update', 'delay', 'stop', 'other_stacks']);
const good = await runAll(process.argv[2]);
await closeBrowser();
process.exit(good ? 0 : 1);
