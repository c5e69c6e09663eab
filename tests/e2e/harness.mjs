// A test runner of one page: tests run one after another, every wait has a
// limit, figures are printed as they come, and the last line counts.

const tests = [];
const failures = [];
let file = '';

/** Registers a test. `limit`: milliseconds until it has failed. */
export function test(name, run, { limit = 60_000 } = {}) {
  tests.push({ name, run, limit, file });
}

/** Imports test files of a folder in order, so that each test knows the name of its own. */
export async function load(names, folder = import.meta.url) {
  for (const name of names) {
    file = name;
    await import(new URL(`${name}.mjs`, folder));
  }
}

/** Thrown by a test that can't run here; says why. */
export class Skip extends Error {}

/** A figure for the reader, not judged. */
export function figure(name, value) {
  console.log(`      ${name}: ${value}`);
}

/** Runs what was registered; true if nothing failed. */
export async function runAll(wanted) {
  let passed = 0;
  for (const { name, run, limit, file: from } of tests) {
    if (wanted && !`${from}: ${name}`.includes(wanted)) continue;
    const cleanups = [];
    const started = performance.now();
    const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
    try {
      await within(limit, name, run({ after: (cleanup) => cleanups.unshift(cleanup) }));
      passed += 1;
      console.log(`ok    ${from}: ${name} (${seconds()})`);
    } catch (error) {
      if (error instanceof Skip) {
        console.log(`skip  ${from}: ${name}: ${error.message}`);
      } else {
        failures.push(name);
        console.log(`FAIL  ${from}: ${name} (${seconds()})\n${indent(error.stack ?? String(error))}`);
      }
    }
    // Cleaning up may fail where the test already has; the next one starts anew.
    for (const cleanup of cleanups) await within(10_000, 'cleaning up', cleanup()).catch(console.error);
  }
  console.log(`${passed} passed, ${failures.length} failed`);
  return failures.length === 0 && passed > 0;
}

/** The promise's value, or an error after `limit` ms. */
export function within(limit, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${limit} ms`)), limit);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Asks `probe` until it gives something truthy; returns that. */
export async function until(what, limit, probe) {
  const end = performance.now() + limit;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (performance.now() > end) throw new Error(`${what}: not within ${limit} ms`);
    await sleep(25);
  }
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** Median and maximum in words; `values` in ms. */
export function spread(values) {
  return `median ${Math.round(median(values))} ms, max ${Math.round(Math.max(...values))} ms of ${values.length}`;
}

const indent = (text) => text.replace(/^/gm, '        ');
