import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { findProgram } from "./tests/harness/electrum/debian-program.ts";
import { OVER_PROSODY } from "./tests/harness/xmpp/wire/suites.ts";

/**
 * Unit tests stand beside the code and run from source; the suites of the XMPP door run once more with a real Prosody between
 * the door and everybody else; e2e tests run the built program in real threads and processes.
 */
// In CI the tests themselves say what is missing, one by one.
const hasProsody = Boolean(process.env["CI"]) || findProgram("prosody") !== undefined;

/** Short files that take long. The runner begins with large files; begun last, such a one has the machine for itself. */
const LONG =
  /e2e\/(?:chaos-|hosts|cli|index-verify|wallet-browser|walletd-kill|sandbox|xmpp|first-hour|psbt|endings\/giving-up)|taker\/(?:faults|actor)|maker\/accidents|ledger\/bank\/mixing/;

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const bySize = await super.sort(files);
    const projects = [...new Set(bySize.map(({ project }) => project.name))];
    const isLong = ({ moduleId }: TestSpecification) => LONG.test(moduleId);
    return projects.flatMap((name) => {
      const own = bySize.filter(({ project }) => project.name === name);
      return [...own.filter(isLong), ...own.filter((file) => !isLong(file))];
    });
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongFirst },
    projects: [
      {
        test: {
          name: "unit",
          include: [
            "{runtime,bus,supervisor,cli,actors,bitcoin,bitcoind,joinmarket}/**/*.test.ts",
            "tests/*.test.ts",
          ],
          environment: "node",
          setupFiles: ["tests/harness/seeded-properties.ts"],
          // One more than small machines have cores: many tests wait for sockets and disks.
          maxWorkers: 3,
          // On a machine that does much else a test may get a twentieth of a core; what hangs is still found.
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "prosody",
          include: hasProsody ? [...OVER_PROSODY] : [],
          environment: "node",
          env: { TROUPE_XMPP_WIRE: "prosody" },
          setupFiles: ["tests/harness/seeded-properties.ts", "tests/harness/xmpp/wire/over-prosody.ts"],
          maxWorkers: 3,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "e2e",
          include: ["tests/e2e/**/*.test.ts"],
          environment: "node",
          testTimeout: 120_000,
          hookTimeout: 120_000,
          setupFiles: ["tests/harness/seeded-properties.ts"],
          // Most of them wait for a process most of the time.
          maxWorkers: 2,
          // After the unit tests, which fill the machine.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
