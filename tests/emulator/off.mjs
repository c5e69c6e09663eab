// The end.

import { test } from '../e2e/harness.mjs';
import { run } from './board.mjs';

test('power off', async () => {
  await run('(sleep 1; poweroff) >/dev/null 2>&1 &');
});
