/** Kill rounds in a sandbox, as an operator or CI runs them: a few here, as many as are wanted by `npm run chaos -- coinjoin`. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { builtUrl } from "../harness/built.ts";

const ROUNDS = 3;
const GIVE_UP_MS = 600_000;

test(
  "whoever dies in the midst of a coinjoin, it goes through or is done anew, and every satoshi is accounted for",
  () => {
    const program = fileURLToPath(builtUrl("tests/chaos/coinjoin.js"));
    const run = spawnSync(process.execPath, [program, "--rounds", String(ROUNDS), "--seed", "36", "--json"], {
      encoding: "utf8",
      timeout: GIVE_UP_MS,
    });

    expect(run.stdout, `it ended early: ${run.stderr}`).not.toBe("");
    const report = JSON.parse(run.stdout) as { onChain: number };
    expect(report).toMatchObject({ rounds: ROUNDS, violations: [], passed: true });
    expect(report.onChain).toBe(ROUNDS);
    expect(run.status).toBe(0);
  },
  GIVE_UP_MS,
);
