/** A wallet on every carrier of a running troupe, through what happens to the node behind it and to the troupe itself. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scriptHashOf } from "../../bitcoin/script/scripthash.ts";
import { SandboxNode } from "../../bitcoind/sandbox/node.ts";
import type { ChildStatus } from "../../bus/contracts/supervisor.ts";
import { Home, type Spawned } from "../harness/cli/command.ts";
import { TEST_CARRIERS } from "../harness/electrum/door-under-test.ts";
import { RawClient, type TestCarrier } from "../harness/electrum/raw-client.ts";
import { electrumTarget, everyCarrier } from "../harness/electrum/running-door.ts";
import { WireSession } from "../harness/gateway/wire-sessions.ts";
import { callNode } from "../harness/node/bitcoind.ts";
import { CoinOwner, type OwnedCoin } from "../harness/node/coin-owner.ts";
import { NodeFront } from "../harness/node/node-front.ts";
import { waitFor } from "../harness/wait-for.ts";

const REWARD_SAT = 5_000_000_000n;
/** The first ones may be spent, one by each carrier. */
const BLOCKS = 110;

const owner = new CoinOwner("carriers");
const other = new CoinOwner("elsewhere");
const scripthash = scriptHashOf(owner.scriptPubKey("p2wpkh"));

let home: Home;
let folder: string;
let node: SandboxNode;
let front: NodeFront;
let started: Spawned;
let sessions: Map<TestCarrier, WireSession>;

const ask = async <T>(method: string, ...params: unknown[]) =>
  (await callNode(node.rpcUrl, node.cookiePath, method, params)) as T;
const session = (carrier: TestCarrier) => sessions.get(carrier) as WireSession;
const wallets = () => TEST_CARRIERS.map(session);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "troupe-carriers-"));
  home = new Home();
  node = await SandboxNode.start({ dataDirectory: folder });
  await ask("generatetoaddress", BLOCKS, owner.address("p2wpkh"));
  front = await NodeFront.open(node, { isOpenToAll: false });
  started = start();
  await started.says(/^Ready in/m);
  await connect();
});

afterAll(async () => {
  for (const one of sessions?.values() ?? []) one.close();
  await home.close();
  await front?.leave();
  await node?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function start(): Spawned {
  return home.spawn(
    "start",
    ...home.anyPort,
    ...["--data", home.data, ...everyCarrier(home.path)],
    ...["--set", `node.rpc=["${front.rpcUrl}"]`, "--set", `node.cookie_file=${node.cookiePath}`],
    ...["--set", "placement.indexer=process", "--set", "placement.mempool=stage:main"],
  );
}

/** Whoever follows the tip and one script, on every carrier. */
async function connect(): Promise<void> {
  const tree = await home.tree();
  const made = TEST_CARRIERS.map(async (carrier) => {
    const one = WireSession.over(await RawClient.greeted(electrumTarget(tree, carrier)));
    return [carrier, one] as const;
  });
  sessions = new Map(await Promise.all(made));
}

function coinOf(txid: string): OwnedCoin {
  return { txid, index: 0, amountSat: REWARD_SAT, kind: "p2wpkh" };
}

/** The reward of a block, which nobody has spent yet. */
async function coinAt(height: number): Promise<OwnedCoin> {
  const { tx } = await ask<{ tx: string[] }>("getblock", await ask("getblockhash", height), 1);
  return coinOf(tx[0] as string);
}

function paying(coin: OwnedCoin, feeSat: bigint) {
  return owner.spend([coin], [{ kind: "p2wpkh", amountSat: REWARD_SAT - feeSat }]);
}

async function waiting(of: WireSession): Promise<string[]> {
  const entries = (await of.call("blockchain.scripthash.get_mempool", [scripthash])) as { tx_hash: string }[];
  return entries.map(({ tx_hash }) => tx_hash);
}

function all(child: ChildStatus): ChildStatus[] {
  return [child, ...child.children.flatMap(all)];
}

describe.each(TEST_CARRIERS)("a wallet over %s", (carrier) => {
  it("sends a transaction, twice if it likes, knows it at once, and everybody hears when another replaces it", async () => {
    const own = session(carrier);
    for (const one of wallets()) await one.call("blockchain.scripthash.subscribe", [scripthash]);
    const coin = await coinAt(1 + TEST_CARRIERS.indexOf(carrier));
    const [cheap, dear] = [paying(coin, 1_000n), paying(coin, 50_000n)];
    for (let times = 0; times < 2; times++) {
      expect(await own.call("blockchain.transaction.broadcast", [cheap.hex])).toBe(cheap.txid);
      expect(await waiting(own)).toContain(cheap.txid);
    }
    await expect(own.call("blockchain.transaction.broadcast", ["00"])).rejects.toMatchObject({
      code: 1,
      message: expect.stringContaining("TX decode failed"),
    });
    await waitFor("all to be told", () => statuses().every(([first]) => first !== undefined));

    expect(await own.call("blockchain.transaction.broadcast", [dear.hex])).toBe(dear.txid);
    await waitFor("all to know the second only", async () => {
      const known = await Promise.all(wallets().map(waiting));
      return known.every((txids) => txids.includes(dear.txid) && !txids.includes(cheap.txid));
    });
    await waitFor("all to be told of it", () => new Set(statuses().map((told) => told.at(-1))).size === 1);
    const now = await own.call("blockchain.scripthash.subscribe", [scripthash]);
    await waitFor("all to be told what is true", () => statuses().every((told) => told.at(-1) === now));
    for (const one of wallets()) one.notifications.length = 0;
  });
});

function statuses(): unknown[][] {
  return wallets().map((one) => one.statusesOf(scripthash));
}

describe(`wallets on ${TEST_CARRIERS.join(", ")} at once`, () => {
  it("hear of another block in the place of the tip, and of a chain that only grows shorter", async () => {
    for (const one of wallets()) await one.call("blockchain.headers.subscribe");
    const tips = [await ask<string>("getbestblockhash")];
    await ask("invalidateblock", tips[0]);
    await ask("generatetoaddress", 1, other.address("p2wpkh"));
    tips.push(await ask<string>("getbestblockhash"));
    const lastOf = (one: WireSession) =>
      one.notifications.findLast(({ method }) => method === "blockchain.headers.subscribe")?.params[0];
    const told = async (hash: string, height: number) => {
      const hex = await ask<string>("getblockheader", hash, false);
      await waitFor(`all to hear of the tip at ${height}`, () =>
        wallets().every((one) => JSON.stringify(lastOf(one)) === JSON.stringify({ hex, height })),
      );
    };
    await told(tips[1] as string, BLOCKS);
    expect(tips[1]).not.toBe(tips[0]);

    await ask("invalidateblock", tips[1]);
    const [below] = [await ask<string>("getbestblockhash")];
    await told(below as string, BLOCKS - 1);
    await ask("generatetoaddress", 2, other.address("p2wpkh"));
    await told(await ask("getbestblockhash"), BLOCKS + 1);
  });

  it.each([
    ["has too much to do", "busy"],
    ["is starting", "warming"],
    ["is away", undefined],
  ] as const)(
    "are told so while the node %s, and served when it is well, by the same processes",
    async (_what, trouble) => {
      if (trouble === undefined) await front.leave();
      front.trouble = trouble;
      const raw = paying(await coinAt(7), 2_000n).hex;
      await Promise.all(
        TEST_CARRIERS.map((carrier) =>
          expect(session(carrier).call("blockchain.transaction.broadcast", [raw])).rejects.toMatchObject({
            code: 2,
            message: expect.stringMatching(/^daemon error: /),
          }),
        ),
      );
      // What the index knows does not need the node.
      for (const one of wallets()) {
        expect(await one.call("blockchain.scripthash.subscribe", [scripthash])).toMatch(/^[0-9a-f]{64}$/);
      }

      if (front.trouble === undefined) await front.comeBack();
      front.trouble = undefined;
      for (const one of wallets()) {
        const asks = () =>
          one.call("blockchain.transaction.broadcast", ["00"]).catch((error: unknown) => error);
        await waitFor("the node's own words", async () => ((await asks()) as { code: number }).code === 1);
      }
      await noneRestarted();
    },
  );

  it("are served by a node that was started again with another cookie", async () => {
    const port = Number(new URL(node.rpcUrl).port);
    await node.stop();
    node = await SandboxNode.start({ dataDirectory: folder, port });
    // What of ours was connected to it has to notice.
    await waitFor("the node", () =>
      ask("getblockcount").then(
        () => true,
        () => false,
      ),
    );
    for (const one of wallets()) one.notifications.length = 0;
    await ask("generatetoaddress", 1, owner.address("p2wpkh"));
    await waitFor("all to hear of the block", () =>
      wallets().every((one) => one.heights().at(-1) === BLOCKS + 2),
    );
    for (const one of wallets()) {
      await expect(one.call("blockchain.transaction.broadcast", ["00"])).rejects.toMatchObject({ code: 1 });
    }
    await noneRestarted();
  });

  it("are let in and answered from the index by a start that finds no node and knows no mempool", async () => {
    const before = await session("tcp").call("blockchain.scripthash.get_balance", [scripthash]);
    const history = (await session("tcp").call("blockchain.scripthash.get_history", [scripthash])) as {
      height: number;
    }[];
    await home.run("stop");
    await started.ended;
    await front.leave();
    started = start();
    await waitFor("the doors", async () => {
      const tree = await home.tree().catch(() => undefined);
      return tree !== undefined && all(tree.root).some(({ doors }) => doors.length > 4);
    });
    await connect();
    for (const one of wallets()) {
      expect(await one.call("blockchain.headers.subscribe")).toMatchObject({ height: BLOCKS + 2 });
      expect(await one.call("blockchain.scripthash.subscribe", [scripthash])).toMatch(/^[0-9a-f]{64}$/);
      expect(await one.call("blockchain.scripthash.get_history", [scripthash])).toEqual(
        history.filter(({ height }) => height > 0),
      );
    }
    expect(before).toMatchObject({ confirmed: expect.any(Number) });
    const mempool = all((await home.tree()).root).find(({ id }) => id === "mempool");
    expect(mempool?.state).not.toBe("ready");
  });
});

async function noneRestarted(): Promise<void> {
  const restarts = all((await home.tree()).root).map(({ id, restarts: count }) => [id, count]);
  expect(restarts.filter(([, count]) => count !== 0)).toEqual([]);
}
