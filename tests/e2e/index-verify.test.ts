/** `supervisor index` as a person uses it: over a sandbox that mines all the time, and over a store that was damaged. */
import { join } from "node:path";
import { open } from "lmdb";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openTables } from "../../actors/indexer/store/tables.ts";
import { Home } from "../harness/cli/command.ts";

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.close());

const sandbox = (intervalMs: number) => [
  ...["--sandbox", "--data", home.data, "--set", `sandbox.block_interval_ms=${intervalMs}`],
];

test("a sound index is found sound while blocks come in, and its status is told", async () => {
  const started = await home.start(...sandbox(300));
  await started.says(/^Ready in/m);

  const status = JSON.parse((await home.run("index", "status", "--json")).stdout);
  expect(status).toMatchObject({ network: "regtest", formatVersion: expect.any(Number), rollbacks: 0 });
  expect(status.tip.height).toBeGreaterThanOrEqual(120);
  expect((await home.run("index", "status")).stdout).toMatch(/^height +\d+/m);

  const all = await home.run("index", "verify", "--all", "--json");
  expect(JSON.parse(all.stdout)).toMatchObject({ mode: "all", isSound: true, differences: [] });
  expect(JSON.parse(all.stdout).blocks).toBeGreaterThanOrEqual(121);
  expect(all.exitCode).toBe(0);

  const sample = await home.run("index", "verify", "--sample", "5", "--seed", "7");
  expect(sample.stdout).toMatch(/^Sound: 5 of \d+ blocks, .*--sample 5 --seed 7/);
  expect(sample.exitCode).toBe(0);
}, 120_000);

test("a damaged index is told with the block and with what to do, and misuse is told apart", async () => {
  await home.start(...sandbox(3_600_000));
  expect((await home.run("index", "verify", "--sample", "none")).exitCode).toBe(2);
  expect((await home.run("index", "verify", "--all", "--seed", "1")).exitCode).toBe(2);
  await home.run("stop");
  const env = open({ path: join(home.data, "actors", "indexer", "index"), noSubdir: false, maxDbs: 16 });
  const { txids } = openTables(env);
  const chunk = Buffer.from(txids.get(0) as Buffer);
  chunk[5 * 32] = (chunk[5 * 32] as number) ^ 1;
  await txids.put(0, chunk);
  await env.close();
  const started = await home.start(...sandbox(3_600_000));
  await started.says(/^Ready in/m);

  const { exitCode, stdout } = await home.run("index", "verify", "--all");
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/^1 difference in /m);
  expect(stdout).toMatch(/block 5, txids: transaction 0 is [0-9a-f]{64}, stored is [0-9a-f]{64}/);
  expect(stdout).toContain(`rm -r '${join(home.data, "actors", "indexer")}'`);
}, 120_000);

test("without a supervisor it says so", async () => {
  const { exitCode, stderr } = await home.run("index", "verify");
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/not running|no supervisor/i);
});
