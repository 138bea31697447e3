/** The chaos command, as an operator or CI runs it. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { builtUrl } from "../harness/built.ts";

const KILLS = 300;
const GIVE_UP_MS = 900_000;

test(
  `${KILLS} kills under load lose nothing that was acknowledged, run nothing twice, leave nothing pending and nobody behind`,
  () => {
    const program = fileURLToPath(builtUrl("tests/chaos/chaos.js"));
    const run = spawnSync(process.execPath, [program, "--kills", String(KILLS), "--seed", "20", "--json"], {
      encoding: "utf8",
      timeout: GIVE_UP_MS,
    });

    expect(run.stdout, `it ended early: ${run.stderr}`).not.toBe("");
    const report = JSON.parse(run.stdout) as Record<string, unknown>;
    expect(report).toMatchObject({ kills: KILLS, lost: 0, twice: 0, pending: 0, orphans: 0, passed: true });
    expect(report["keyedAcknowledged"]).toBeGreaterThan(KILLS);
    expect(report["deaths"]).toBeGreaterThanOrEqual(KILLS);
    expect(run.status).toBe(0);
  },
  GIVE_UP_MS,
);

test("refuses arguments that mean nothing", () => {
  const program = fileURLToPath(builtUrl("tests/chaos/chaos.js"));
  const run = spawnSync(process.execPath, [program, "--kills", "many"], { encoding: "utf8" });

  expect(run.status).toBe(2);
  expect(run.stderr).toContain("Usage: npm run chaos");
});
