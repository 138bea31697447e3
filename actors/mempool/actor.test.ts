/** The actor over the sandbox and over a real bitcoind, by polling and by ZMQ: sending, replacing, packages, blocks, reorganisations, restarts. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { scriptHashOf } from "../../bitcoin/script/scripthash.ts";
import { SandboxNode } from "../../bitcoind/sandbox/node.ts";
import { MempoolUnderTest, type NodePlace } from "../../tests/harness/mempool/mempool-actor.ts";
import { callNode, findBitcoind, RealNode } from "../../tests/harness/node/bitcoind.ts";
import {
  CoinOwner,
  type OwnedCoin,
  type ScriptKind,
  type SpendOptions,
} from "../../tests/harness/node/coin-owner.ts";
import { waitFor } from "../../tests/harness/wait-for.ts";

const bitcoind = findBitcoind();
const owner = new CoinOwner("mempool actor");
const REWARD_SAT = 5_000_000_000n;

interface SomeNode extends NodePlace {
  stop(): Promise<void>;
}

async function sandbox(): Promise<SomeNode> {
  const directory = mkdtempSync(join(tmpdir(), "troupe-mempool-node-"));
  const node = await SandboxNode.start({ dataDirectory: directory });
  const stop = async () => {
    await node.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  return { rpcUrl: node.rpcUrl, cookiePath: node.cookiePath, stop };
}

const makers: readonly { name: string; isMissing: boolean; start: () => Promise<SomeNode> }[] = [
  { name: "the sandbox", isMissing: false, start: sandbox },
  {
    name: "a real node without ZMQ",
    isMissing: bitcoind === undefined,
    async start() {
      const node = await RealNode.start(bitcoind as string);
      await node.shutDown();
      await node.restore(["-nozmqpubsequence", "-nozmqpubhashblock"]);
      return node;
    },
  },
  {
    name: "a real node with ZMQ",
    isMissing: bitcoind === undefined,
    start: () => RealNode.start(bitcoind as string),
  },
];

const hashOf = (kind: ScriptKind): string => scriptHashOf(owner.scriptPubKey(kind));
const base64Of = (hex: string): string => Buffer.from(hex, "hex").toString("base64");

describe.each(makers.filter((maker) => !maker.isMissing))("the mempool over $name", ({ start }) => {
  let node: SomeNode;
  let under: MempoolUnderTest;
  let blocks: string[];

  const rpc = (method: string, ...params: unknown[]) =>
    callNode(node.rpcUrl, node.cookiePath, method, params);
  const mine = async (): Promise<string> =>
    ((await rpc("generatetoaddress", 1, owner.address("p2pkh"))) as string[])[0] as string;
  const rewardOf = async (height: number): Promise<OwnedCoin> => {
    const { tx } = (await rpc("getblock", blocks[height - 1], 1)) as { tx: string[] };
    return { txid: tx[0] as string, index: 0, amountSat: REWARD_SAT, kind: "p2wpkh" };
  };
  const pay = (coin: OwnedCoin, kind: ScriptKind, feeSat: bigint, options: SpendOptions = {}) => {
    const amountSat = coin.amountSat - feeSat;
    const { txid, hex } = owner.spend([coin], [{ kind, amountSat }], options);
    return { txid, hex, coin: { txid, index: 0, amountSat, kind } satisfies OwnedCoin };
  };
  const historyOf = async (kind: ScriptKind, confirmedTip?: string) => {
    const asked = { scripthashes: [hashOf(kind)], ...(confirmedTip === undefined ? {} : { confirmedTip }) };
    const { view, results } = await under.client.histories(asked);
    return { tip: view.tip?.hash, history: results[0] };
  };
  const heardOf = (txid: string): boolean =>
    under.changes.some(
      ({ added, removed }) => added.includes(txid) || removed.some((of) => of.txid === txid),
    );

  beforeEach(async () => {
    node = await start();
    blocks = (await rpc("generatetoaddress", 110, owner.address("p2wpkh"))) as string[];
    under = await MempoolUnderTest.make(node);
    await under.start();
    await waitFor("the view to be level", () => under.isReady);
  }, 120_000);

  afterEach(async () => {
    await under?.stop();
    await node?.stop();
  }, 120_000);

  it("knows what it has sent when the answer comes, and tells of what others send", async () => {
    const coin = await rewardOf(1);
    const parent = pay(coin, "p2tr", 2_000n);
    const child = pay(parent.coin, "p2wsh", 3_000n);

    expect(await under.client.broadcast({ rawTx: base64Of(parent.hex) })).toEqual({ txid: parent.txid });
    expect((await historyOf("p2tr")).history).toEqual([
      { txid: parent.txid, feeSat: 2_000, hasUnconfirmedInputs: false },
    ]);
    // Sending it again is harmless.
    expect(await under.client.broadcast({ rawTx: base64Of(parent.hex) })).toEqual({ txid: parent.txid });
    await rpc("sendrawtransaction", child.hex);
    await waitFor("the child", () => heardOf(child.txid));

    const asked = { scripthashes: ["p2wpkh", "p2tr", "p2wsh"].map((kind) => hashOf(kind as ScriptKind)) };
    expect((await under.client.balances(asked)).results).toEqual([-5e9, 0, 5e9 - 5_000]);
    const coins = (await under.client.unspents(asked)).results;
    expect(coins[0]?.spent).toEqual([
      { txid: coin.txid, index: 0, amountSat: 5e9, spenderTxid: parent.txid },
    ]);
    expect(coins[1]).toEqual({
      unspents: [],
      spent: [{ txid: parent.txid, index: 0, amountSat: 5e9 - 2_000, spenderTxid: child.txid }],
    });
    expect(coins[2]?.unspents).toEqual([
      { txid: child.txid, index: 0, amountSat: 5e9 - 5_000, hasUnconfirmedInputs: true },
    ]);
    const outpoints = [
      { txid: parent.txid, index: 0 },
      { txid: parent.txid, index: 1 },
    ];
    expect((await under.client.spenders({ outpoints })).results).toEqual([
      { txid: child.txid, hasUnconfirmedInputs: true },
      null,
    ]);
    const [entry, missing] = (await under.client.transactions({ txids: [child.txid, "ab".repeat(32)] }))
      .results;
    expect(entry).toMatchObject({
      feeSat: 3_000,
      parents: [parent.txid],
      ancestors: { count: 2, feeSat: 5_000 },
      descendants: { count: 1, feeSat: 3_000 },
    });
    expect(missing).toBeNull();
    const told = (await rpc("getmempoolentry", child.txid)) as { vsize: number; weight: number };
    expect(entry).toMatchObject({ sizeVb: told.vsize, weight: told.weight });
    expect((await under.client.recent({})).results.map(({ txid }) => txid)).toEqual([
      child.txid,
      parent.txid,
    ]);
    const raw = await under.client.rawTransactions({ txids: [child.txid, "ab".repeat(32)] });
    expect(raw.results).toEqual([child.hex, null]);
    expect(await under.client.status({})).toMatchObject({
      isSynced: true,
      transactions: 2,
      feeSat: 5_000,
      targetTransactions: 2,
    });
  }, 60_000);

  it("tells which transaction has replaced which", async () => {
    const coin = await rewardOf(1);
    const first = pay(coin, "p2tr", 2_000n);
    const child = pay(first.coin, "p2wsh", 2_000n);
    const second = pay(coin, "p2wsh", 20_000n);
    await rpc("sendrawtransaction", first.hex);
    await rpc("sendrawtransaction", child.hex);
    await waitFor("the first", () => heardOf(child.txid));

    await rpc("sendrawtransaction", second.hex);
    await waitFor("the second", () => heardOf(second.txid));
    await waitFor("all gone", async () => (await under.client.status({})).transactions === 1);

    const removed = under.changes.flatMap((change) => change.removed);
    expect(removed.filter(({ why }) => why === "confirmed")).toEqual([]);
    expect(removed.map(({ txid }) => txid).sort()).toEqual([first.txid, child.txid].sort());
    expect((await historyOf("p2tr")).history).toEqual([]);
    expect((await historyOf("p2wsh")).history).toEqual([
      { txid: second.txid, feeSat: 20_000, hasUnconfirmedInputs: false },
    ]);
  }, 60_000);

  it("shows a transaction to someone on the old block and not to someone on the new one", async () => {
    const parent = pay(await rewardOf(1), "p2tr", 2_000n);
    await under.client.broadcast({ rawTx: base64Of(parent.hex) });
    const before = blocks.at(-1) as string;

    const after = await mine();
    // Perhaps the mempool has not heard of the block: it looks, and answers for it.
    expect(await historyOf("p2tr", after)).toEqual({ tip: after, history: [] });
    expect(await historyOf("p2tr")).toEqual({ tip: after, history: [] });
    expect(await historyOf("p2tr", before)).toEqual({
      tip: before,
      history: [{ txid: parent.txid, feeSat: 2_000, hasUnconfirmedInputs: false }],
    });
    const removed = under.changes.flatMap((change) => change.removed);
    expect(removed).toEqual([{ txid: parent.txid, why: "confirmed", by: after }]);
    expect((await under.client.rawTransactions({ txids: [parent.txid] })).results).toEqual([parent.hex]);
  }, 60_000);

  it("takes back what a reorganisation gives back", async () => {
    const parent = pay(await rewardOf(1), "p2tr", 2_000n);
    const child = pay(parent.coin, "p2wsh", 2_000n);
    await under.client.broadcast({ rawTx: base64Of(parent.hex) });
    const confirming = await mine();
    await under.client.broadcast({ rawTx: base64Of(child.hex) });
    await waitFor("the child alone", async () => {
      const { history } = await historyOf("p2wsh", confirming);
      return history?.[0]?.hasUnconfirmedInputs === false;
    });
    under.changes.length = 0;

    await rpc("invalidateblock", confirming);
    const old = blocks.at(-1) as string;
    await waitFor(
      "the old block",
      async () => (await historyOf("p2tr", old)).tip === old && under.changes.length > 0,
    );

    expect((await historyOf("p2tr")).history).toEqual([
      { txid: parent.txid, feeSat: 2_000, hasUnconfirmedInputs: false },
      { txid: child.txid, feeSat: 2_000, hasUnconfirmedInputs: true },
    ]);
    expect(under.changes.flatMap(({ added }) => added)).toEqual([parent.txid]);
    const touched = under.changes.flatMap((change) => change.touched ?? []);
    expect(touched).toEqual(
      expect.arrayContaining(["p2tr", "p2wsh"].map((kind) => hashOf(kind as ScriptKind))),
    );
  }, 60_000);

  it("sends a package whose child pays, and says in the node's words what it does not take", async () => {
    const parent = pay(await rewardOf(4), "p2wpkh", 0n, { version: 3 });
    const child = pay(parent.coin, "p2tr", 2_000n, { version: 3 });
    const verdict = await under.client.broadcastPackage({
      rawTxs: [parent, child].map(({ hex }) => base64Of(hex)),
    });
    expect(verdict).toMatchObject({ isAccepted: true, nodeAnswer: { package_msg: "success" } });
    expect((await historyOf("p2tr")).history).toEqual([
      { txid: child.txid, feeSat: 2_000, hasUnconfirmedInputs: true },
    ]);

    const poor = owner.spend([await rewardOf(5)], [{ kind: "p2tr", amountSat: REWARD_SAT + 1n }]);
    await expect(under.client.broadcast({ rawTx: base64Of(poor.hex) })).rejects.toMatchObject({
      code: "MEMPOOL_REFUSED",
      data: { kind: "invalid", rpcCode: -26, reason: expect.stringContaining("bad-txns-in-belowout") },
    });
    await expect(under.client.broadcast({ rawTx: base64Of("00") })).rejects.toMatchObject({
      code: "MEMPOOL_REFUSED",
      data: { kind: "invalid", rpcCode: -22, reason: expect.stringContaining("TX decode failed") },
    });
    await expect(under.client.broadcastPackage({ rawTxs: [base64Of("00")] })).rejects.toMatchObject({
      code: "MEMPOOL_REFUSED",
      data: { reason: expect.stringContaining("TX decode failed") },
    });
    const [test] = (await under.client.testAccept({ rawTxs: [base64Of(poor.hex)] })).results;
    expect(test).toMatchObject({ txid: poor.txid, isAccepted: false, refusal: { kind: "invalid" } });
  }, 60_000);

  it("knows fees", async () => {
    expect(await under.client.relayFees({})).toEqual({
      relaySatPerKvb: 100,
      mempoolSatPerKvb: 100,
      incrementalSatPerKvb: 100,
    });
    const { results } = await under.client.feeEstimates({ targets: [0, 2, 13, 5_000], mode: "economical" });
    expect(results).toHaveLength(4);
    for (const satPerKvb of results) expect(satPerKvb === null || satPerKvb >= 100).toBe(true);
    expect(await under.client.feeHistogram({})).toEqual({ histogram: [] });
  }, 60_000);

  it("keeps what it knows over a restart, and takes in what happened meanwhile", async () => {
    const parent = pay(await rewardOf(1), "p2tr", 2_000n);
    const other = pay(await rewardOf(2), "p2tr", 3_000n);
    const late = pay(await rewardOf(3), "p2wsh", 4_000n);
    for (const { hex } of [parent, other]) await under.client.broadcast({ rawTx: base64Of(hex) });
    const since = (await under.client.transactions({ txids: [parent.txid] })).results[0]?.timeS;

    await under.halt();
    await rpc("sendrawtransaction", late.hex);
    under.reports.length = 0;
    await under.start();
    await waitFor("the view to be level again", () => under.isReady);

    expect((await historyOf("p2tr")).history?.map(({ txid }) => txid)).toEqual(
      [parent.txid, other.txid].sort(),
    );
    expect((await historyOf("p2wsh")).history?.map(({ txid }) => txid)).toEqual([late.txid]);
    expect((await under.client.transactions({ txids: [parent.txid] })).results[0]?.timeS).toBe(since);
    expect(under.changes.at(-1)).toMatchObject({ touched: null, view: { isSynced: true } });
  }, 60_000);

  it("works and stops though what it has kept can neither be read nor written", async () => {
    const parent = pay(await rewardOf(1), "p2tr", 2_000n);
    await under.client.broadcast({ rawTx: base64Of(parent.hex) });
    await under.halt();
    // As a bad sector would, or a disk without room.
    for (const name of ["kept.bin", "kept.bin.new"]) {
      rmSync(join(under.directory, name), { force: true });
      mkdirSync(join(under.directory, name));
    }

    under.reports.length = 0;
    await under.start();
    await waitFor("the view to be level again", () => under.isReady);
    expect((await historyOf("p2tr")).history?.map(({ txid }) => txid)).toEqual([parent.txid]);
    await under.halt();
  }, 60_000);
});
