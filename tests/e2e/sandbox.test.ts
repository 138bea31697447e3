/** The sandbox as a person starts it: a chain that mines by itself, is spoken to over RPC, and outlives a kill. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ChildStatus, Tree } from "../../bus/contracts/supervisor.ts";
import { Home } from "../harness/cli/command.ts";
import { findBitcoind } from "../harness/node/bitcoind.ts";
import { waitFor } from "../harness/wait-for.ts";

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.close());

async function childOf(id: string): Promise<ChildStatus> {
  const { stdout } = await home.run("status", "--json");
  const { children } = (JSON.parse(stdout) as Tree).root;
  const staged = children.flatMap((child) => child.children);
  const child = [...children, ...staged].find((candidate) => candidate.id === id);
  if (child === undefined) throw new Error(`there is no ${id} in the tree`);
  return child;
}

async function call(node: ChildStatus, method: string, ...params: unknown[]): Promise<unknown> {
  const cookie = readFileSync(join(home.data, "actors", "node", "regtest", ".cookie"), "utf8");
  const response = await fetch(node.doors[0]?.address ?? "", {
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from(cookie).toString("base64")}` },
    body: JSON.stringify({ method, params, id: 1 }),
  });
  return ((await response.json()) as { result: unknown }).result;
}

/** Its own chain, and the one of a real node that stands by. */
const keepers = ["none", findBitcoind()].filter((keeper) => keeper !== undefined);
const startSandbox = (keeper: string) =>
  home.start(
    ...["--sandbox", "--data", home.data],
    ...["--set", "sandbox.block_interval_ms=3600000"],
    ...["--set", `sandbox.bitcoind=${keeper}`],
  );

describe.each(keepers)("with the chain kept by %s", (keeper) => {
  test("the sandbox has a chain with coins to spend, mines on demand, and loses no block to kill -9", async () => {
    await startSandbox(keeper);
    const before = await childOf("node");
    const height = await call(before, "getblockcount");

    const [hash] = (await call(
      before,
      "generatetoaddress",
      1,
      "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk",
    )) as string[];
    process.kill(before.pid ?? 0, "SIGKILL");
    await waitFor("the node's next life", async () => {
      const { state, restarts } = await childOf("node");
      return state === "ready" && restarts === 1;
    });
    const after = await childOf("node");

    expect(height).toBe(120);
    expect(before.placement).toMatch(/^process \d+$/);
    expect(await call(after, "getbestblockhash")).toBe(hash);
    expect(after.progress).toBe("block 121");
  });

  test("the index is level with the chain at the start, follows it, and outlives a kill of node and indexer", async () => {
    const started = await startSandbox(keeper);
    await started.says(/^Ready in/m);
    const node = await childOf("node");
    const indexer = await childOf("indexer");
    const mempool = await childOf("mempool");

    process.kill(node.pid ?? 0, "SIGKILL");
    process.kill(indexer.pid ?? 0, "SIGKILL");
    await waitFor("the node's next life", async () => (await childOf("node")).restarts === 1);
    await waitFor("its door", async () => (await childOf("node")).doors.length === 1);
    await call(await childOf("node"), "generatetoaddress", 3, "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk");
    await waitFor(
      "the index at the new tip",
      async () => (await childOf("indexer")).progress === "block 123",
    );

    // The mempool waits for the node and needs no new life.
    await waitFor(
      "the mempool over the node's new life",
      async () => (await childOf("mempool")).state === "ready",
    );

    expect(indexer.progress).toBe("block 120");
    expect(mempool).toMatchObject({ state: "ready", progress: "0 unconfirmed" });
    expect((await childOf("mempool")).restarts).toBe(0);
    expect((await childOf("indexer")).restarts).toBe(1);
    expect((await childOf("node")).doors).toEqual(node.doors);
  });
});
