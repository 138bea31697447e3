/** A vitest reporter that counts what passed, failed and was skipped, for `scripts/test.mjs` to print as its last line. */
import { writeFileSync } from "node:fs";

/** Where the counts go; without it the reporter is silent. */
const COUNTS_FILE = "TROUPE_TEST_COUNTS";

export default class CountReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const path = process.env[COUNTS_FILE];
    if (path !== undefined) writeFileSync(path, JSON.stringify(count(modules, unhandledErrors)));
  }
}

/**
 * A file that cannot be loaded, a hook that throws and an error that nobody caught each count as one failure:
 * vitest itself lists the tests behind them as skipped or not at all.
 */
export function count(modules, unhandledErrors) {
  const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
  for (const module of modules) {
    counts.failed += module.errors().length;
    for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
    for (const test of module.children.allTests()) counts[outcome(test)] += 1;
  }
  return counts;
}

/** A test still pending at the end was cut off: that is a failure, not a skip. */
function outcome(test) {
  const { state } = test.result();
  return state === "passed" || state === "skipped" ? state : "failed";
}
