/** `supervisor index` as a person uses it: over a sandbox that mines all the time, and over a store that was damaged. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { open } from "lmdb";
import { afterEach, beforeEach, expect, test } from "vitest";
import { INDEX_PLACES } from "../../actors/indexer/config.ts";
import { openTables } from "../../actors/indexer/store/tables.ts";
import { WELL_KNOWN_ADDRESS } from "../../actors/node/config.ts";
import { regtest } from "../../bitcoin/network.ts";
import { scriptOfAddress } from "../../bitcoin/script/address.ts";
import { scriptHashOf } from "../../bitcoin/script/scripthash.ts";
import { parseTransaction, txidOf } from "../../bitcoin/transaction.ts";
import type { ChildStatus } from "../../bus/contracts/supervisor.ts";
import { Home } from "../harness/cli/command.ts";
import { RawClient } from "../harness/electrum/raw-client.ts";
import { putFormat } from "../harness/indexer/put-format.ts";
import { waitFor } from "../harness/wait-for.ts";

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.close());

function find(child: ChildStatus, id: string): ChildStatus | undefined {
  if (child.id === id) return child;
  return child.children.map((each) => find(each, id)).find((found) => found !== undefined);
}

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
  expect(stdout).toMatch(/^ {2}supervisor index rebuild$/m);

  const unasked = await home.run("index", "rebuild");
  expect([unasked.exitCode, unasked.stderr]).toEqual([2, expect.stringContaining("add --yes")]);
  expect((await home.run("index", "verify", "--all")).exitCode).toBe(1);
  const rebuilt = await home.run("index", "rebuild", "--yes", "--keep", "--json");
  expect(JSON.parse(rebuilt.stdout)).toMatchObject({ isSynced: true, height: expect.any(Number) });
  expect((await home.run("index", "verify", "--all")).stdout).toMatch(/^Sound: /);
  const kept = readdirSync(join(home.data, "actors", "indexer")).filter((name) => name !== "index");
  expect(kept).toEqual([expect.stringMatching(/^index\.kept-\d+$/)]);
  expect(JSON.parse(rebuilt.stdout).kept).toBe(join(home.data, "actors", "indexer", kept[0] ?? ""));
}, 120_000);

test("an index is built anew while a wallet stays, begun without waiting, and at the next start where nothing runs", async () => {
  await home.start(...sandbox(3_600_000));
  const door = find((await home.tree()).root, "gateway")?.doors.find(({ name }) => name === "electrum tcp");
  const client = await RawClient.greeted({
    carrier: "tcp",
    port: Number(new URL(door?.address ?? "").port),
  });
  const scripthash = scriptHashOf(scriptOfAddress(WELL_KNOWN_ADDRESS, regtest));
  const status = await client.call("blockchain.scripthash.subscribe", [scripthash]);
  expect(status).toMatch(/^[0-9a-f]{64}$/);

  const { stdout, exitCode } = await home.run("index", "rebuild", "--yes");
  expect(stdout).toMatch(/indexer +stopped[\s\S]*indexer +started[\s\S]*^Built anew: 1\d\d blocks with /m);
  expect(exitCode).toBe(0);
  await waitFor(
    "the wallet to be told what it knew",
    async () => (await client.call("blockchain.scripthash.subscribe", [scripthash])) === status,
  );
  client.close();

  expect((await home.run("index", "rebuild", "--yes", "--no-wait")).stdout).toContain("is being built");
  const beside = await home.run("index", "rebuild", "--yes", "--data", join(home.path, "nothing"));
  expect([beside.exitCode, beside.stderr]).toEqual([2, expect.stringContaining("There is no index in")]);
  await home.run("stop");
  expect((await home.run("index", "rebuild", "--yes")).stdout).toContain("at the next start");
  const again = await home.start(...sandbox(3_600_000));
  await again.says(/^Ready in/m);
  expect((await home.run("logs", "indexer", "--level", "warn", "-n", "1")).stdout).toContain("built anew");
  expect(readdirSync(join(home.data, "actors", "indexer"))).toEqual(["index"]);
}, 120_000);

test("transactions are read out of the node's block files in the gateway's own thread, those of new blocks too", async () => {
  await home.start(...sandbox(500));
  const { doors } = find((await home.tree()).root, "gateway") ?? { doors: [] };
  const addressOf = (name: string) => doors.find((door) => door.name === name)?.address ?? "";
  const port = Number(new URL(addressOf("electrum tcp")).port);
  const client = await RawClient.greeted({ carrier: "tcp", port });
  const readInGateway = async (): Promise<number> => {
    const metrics = await (await fetch(`${addressOf("http")}/metrics`)).text();
    const line = /^troupe_indexer_raw_transactions_total\{from="files",actor="gateway".*\} (\d+)$/m;
    return Number(line.exec(metrics)?.[1] ?? 0);
  };
  const statusNow = async () => JSON.parse((await home.run("index", "status", "--json")).stdout);
  const first = await statusNow();
  for (const height of [0, 1, first.tip.height, first.tip.height + 1]) {
    await waitFor(
      "the block to be found in the files",
      async () => (await statusNow()).placedBlocks > height,
    );
    const txid = await client.call("blockchain.transaction.id_from_pos", [height, 0]);
    const before = await readInGateway();
    const hex = (await client.call("blockchain.transaction.get", [txid])) as string;
    expect(txidOf(parseTransaction(Buffer.from(hex, "hex")))).toBe(txid);
    await waitFor("it to be counted", async () => (await readInGateway()) > before);
  }
  client.close();
}, 120_000);

test("an index of another release's format is built anew on a private chain, where that takes seconds", async () => {
  await home.start(...sandbox(3_600_000));
  await home.run("stop");
  const directory = join(home.data, "actors", "indexer");
  await putFormat(join(directory, INDEX_PLACES.index), 1);
  const again = await home.start(...sandbox(3_600_000));
  await again.says(/^Ready in/m);
  expect((await home.run("logs", "indexer", "--level", "warn", "-n", "1")).stdout).toContain(
    "has another release's format",
  );
  expect(readdirSync(directory)).toEqual([INDEX_PLACES.index]);
  expect((await home.run("index", "verify", "--all")).stdout).toMatch(/^Sound: /);
}, 120_000);

test("without a supervisor it says so", async () => {
  const { exitCode, stderr } = await home.run("index", "verify");
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/not running|no supervisor/i);
});
