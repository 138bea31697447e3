/** Suites that need the shared data folder, skipped with the reason where it is absent. */
import { describe } from "vitest";
import { findSharedData, SharedData } from "./shared-data.ts";

/** Tests that need the shared data: skipped, with the reason printed, where it is absent. */
export function describeWithSharedData(name: string, tests: (data: SharedData) => void): void {
  const folder = findSharedData();
  if (folder === undefined) {
    process.stderr.write(`skipped: ${name}: no shared/data folder (set TROUPE_SHARED_DATA)\n`);
  }
  describe.skipIf(folder === undefined)(name, () => tests(new SharedData(folder ?? "")));
}
