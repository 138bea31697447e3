/** Suites that need the shared data folder, skipped with the reason where it is absent. */
import { describe } from "vitest";
import { findSharedData, SharedData } from "./shared-data.ts";

/** Tests that need the shared data: skipped, with the reason printed, where it is absent. */
export function describeWithSharedData(name: string, tests: (data: SharedData) => void): void {
  const folder = findSharedData();
  if (folder !== undefined) {
    describe(name, () => tests(new SharedData(folder)));
    return;
  }
  process.stderr.write(`skipped: ${name}: no shared/data folder (set TROUPE_SHARED_DATA)\n`);
  describe.skip(`${name} (no shared/data folder)`, () => tests(new SharedData("")));
}
