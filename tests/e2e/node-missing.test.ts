/** A start outside the sandbox: what it says when there is no Bitcoin node, one that is away, and one that is there. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ChildStatus } from "../../bus/contracts/supervisor.ts";
import { Home } from "../harness/cli/command.ts";
import { findBitcoind, RealNode } from "../harness/node/bitcoind.ts";
import { CoinOwner } from "../harness/node/coin-owner.ts";

/** As they run by default. */
const DEFAULTS = { TROUPE_PLACEMENT__INDEXER: "process", TROUPE_PLACEMENT__MEMPOOL: "stage:main" };
const bitcoind = findBitcoind();

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.close());

const start = (...parameters: string[]) => home.spawnWith(DEFAULTS, "start", ...home.anyPort, ...parameters);
const indexerOf = async (): Promise<ChildStatus | undefined> =>
  (await home.tree()).root.children.find(({ id }) => id === "indexer");

test("without a trace of a node nothing is started, and each way on is named", async () => {
  const { exitCode, stdout, stderr } = await start().ended;

  expect(exitCode).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toMatch(/A Bitcoin node on regtest is needed by: indexer, mempool. None is named/);
  expect(stderr).toMatch(/supervisor config init/);
  expect(stderr).toMatch(/supervisor start --sandbox/);
  expect(stderr).toMatch(/--set placement.indexer=off/);
});

test("a node that is away is waited for, and the start says so", async () => {
  mkdirSync(join(home.path, ".bitcoin", "regtest"), { recursive: true });
  const started = start();

  await started.says(/^Started, not everything is ready yet/m);
  await started.says(/indexer is syncing: .*cookie/);
  expect((await indexerOf())?.state).toBe("syncing");
});

describe.skipIf(bitcoind === undefined)("beside a real node", () => {
  test("the index is level soon after a start with nothing but the node's address and data directory", async () => {
    const node = await RealNode.start(bitcoind as string);
    try {
      await node.rpc("generatetoaddress", 3, new CoinOwner("missing").address("p2wpkh"));
      const started = start(
        ...["--set", `node.rpc=["${node.rpcUrl}"]`, "--set", `node.data_directory=${node.dataDirectory}`],
      );
      await started.says(/^Ready in/m);
      expect(await indexerOf()).toMatchObject({ state: "ready", progress: "block 3" });
    } finally {
      await home.run("stop");
      await node.stop();
    }
  });
});
