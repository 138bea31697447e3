import { defineConfig } from "vitest/config";
import { findProgram } from "./tests/harness/electrum/debian-program.ts";
import { OVER_PROSODY } from "./tests/harness/xmpp/wire/suites.ts";

/**
 * Unit tests stand beside the code and run from source; the suites of the XMPP door run once more with a real Prosody between
 * the door and everybody else; e2e tests run the built program in real threads and processes.
 */
// In CI the tests themselves say what is missing, one by one.
const hasProsody = Boolean(process.env["CI"]) || findProgram("prosody") !== undefined;

export default defineConfig({
  test: {
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
