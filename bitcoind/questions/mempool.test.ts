import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BlockHash, hexToBytes, type Txid } from "../../bitcoin/bytes.ts";
import { regtest } from "../../bitcoin/network.ts";
import { silentLog } from "../../bus/fake.ts";
import { systemClock } from "../../runtime/clock.ts";
import { callNode, findBitcoind } from "../../tests/harness/node/bitcoind.ts";
import { CoinOwner, type OwnedCoin } from "../../tests/harness/node/coin-owner.ts";
import { nodeMakers, type SomeNode } from "../../tests/harness/node/node-makers.ts";
import { NodeClient } from "../client.ts";
import { nodeSection } from "../config.ts";
import { rpcCodeOf } from "../errors.ts";
import { NodeMempool } from "./mempool.ts";

const _bitcoind = findBitcoind();
const owner = new CoinOwner("mempool");
const COINBASE_SAT = 5_000_000_000n;
const UNKNOWN = "12".repeat(32) as Txid;

describe.each(nodeMakers())("the mempool of $name", ({ start }) => {
  let node: SomeNode;
  let client: NodeClient;
  let mempool: NodeMempool;
  let hashes: BlockHash[];

  const rpc = (method: string, ...params: unknown[]) =>
    callNode(node.rpcUrl, node.cookiePath, method, params);

  beforeAll(async () => {
    node = await start();
    hashes = (await rpc("generatetoaddress", 110, owner.address("p2wpkh"))) as BlockHash[];
    const config = nodeSection.schema.parse({ rpc: [node.rpcUrl], cookie_file: node.cookiePath });
    client = new NodeClient({ config, network: regtest, clock: systemClock, log: silentLog() });
    mempool = new NodeMempool(client);
  }, 120_000);

  afterAll(async () => {
    await client?.close();
    await node?.stop();
  });

  const coinbaseOf = async (height: number): Promise<OwnedCoin> => {
    const { tx } = (await rpc("getblock", hashes[height - 1], 1)) as { tx: string[] };
    return { txid: tx[0] as string, index: 0, amountSat: COINBASE_SAT, kind: "p2wpkh" };
  };

  it("is listed with the block that it stands on, and with what it pays", async () => {
    const coin = await coinbaseOf(1);
    const parent = owner.spend([coin], [{ kind: "p2tr", amountSat: COINBASE_SAT - 2_000n }]);
    const child = owner.spend(
      [{ txid: parent.txid, index: 0, amountSat: COINBASE_SAT - 2_000n, kind: "p2tr" }],
      [{ kind: "p2wsh", amountSat: COINBASE_SAT - 5_000n }],
    );
    expect(await mempool.testAccept([hexToBytes(parent.hex)])).toEqual([
      expect.objectContaining({ txid: parent.txid, isAccepted: true, paidSat: 2_000n }),
    ]);
    expect(await mempool.broadcast(hexToBytes(parent.hex))).toBe(parent.txid);
    await mempool.broadcast(hexToBytes(child.hex));

    const moment = await mempool.moment();
    expect(moment.tip).toEqual({ height: 110, hash: hashes[109] });
    expect(moment.txids).toEqual([parent.txid, child.txid]);
    expect(moment.figures).toMatchObject({ transactions: 2, feeSat: 5_000n });
    const pulse = await mempool.pulse();
    expect(pulse).toMatchObject({ tipHash: hashes[109], figures: { transactions: 2, feeSat: 5_000n } });
    expect(await mempool.transactions([UNKNOWN, child.txid as Txid])).toEqual([
      undefined,
      Buffer.from(child.hex, "hex"),
    ]);
  });

  it("does not hide the confirmed coins that it spends", async () => {
    const coin = await coinbaseOf(1);
    const [{ txid: unconfirmed }] = (await mempool.moment()).txids.map((txid) => ({ txid })) as [
      { txid: Txid },
    ];
    expect(
      await mempool.confirmedCoins([
        { txid: UNKNOWN, index: 0 },
        { txid: coin.txid as Txid, index: 0 },
        { txid: coin.txid as Txid, index: 7 },
        { txid: unconfirmed, index: 0 },
      ]),
    ).toEqual([
      undefined,
      { amountSat: Number(COINBASE_SAT), scriptPubKey: Buffer.from(owner.scriptPubKey("p2wpkh")) },
      undefined,
      undefined,
    ]);
  });

  it("says why it does not take a transaction, in its own words and with its code", async () => {
    const wrong = owner.spend([await coinbaseOf(3)], [{ kind: "p2tr", amountSat: COINBASE_SAT + 1n }]);
    const failure = await mempool.broadcast(hexToBytes(wrong.hex)).catch((error: unknown) => error);

    expect(rpcCodeOf(failure)).toBe(-26);
    expect(failure).toMatchObject({ code: "NODE_RPC_ERROR", data: { method: "sendrawtransaction" } });
    expect((failure as Error).message).toContain("bad-txns-in-belowout");
    const [verdict] = await mempool.testAccept([hexToBytes(wrong.hex)]);
    expect(verdict).toMatchObject({ isAccepted: false });
    expect(verdict?.reason).toContain("bad-txns-in-belowout");
    expect(rpcCodeOf(await mempool.broadcast(Uint8Array.of(0)).catch((error: unknown) => error))).toBe(-22);
  });

  it("takes a package whose child pays for its parent, and says which of another it does not take", async () => {
    const packageOf = async (height: number, paidSat: bigint) => {
      const parent = owner.spend([await coinbaseOf(height)], [{ kind: "p2wpkh", amountSat: COINBASE_SAT }], {
        version: 3,
      });
      const child = owner.spend(
        [{ txid: parent.txid, index: 0, amountSat: COINBASE_SAT, kind: "p2wpkh" }],
        [{ kind: "p2tr", amountSat: COINBASE_SAT - paidSat }],
        { version: 3 },
      );
      return { raw: [hexToBytes(parent.hex), hexToBytes(child.hex)], txids: [parent.txid, child.txid] };
    };
    const good = await packageOf(4, 2_000n);
    const verdict = await mempool.broadcastPackage(good.raw);
    expect(verdict.isAccepted).toBe(true);
    expect(verdict.results.map(({ txid, error }) => ({ txid, error })).sort(byTxid)).toEqual(
      good.txids.map((txid) => ({ txid, error: null })).sort(byTxid),
    );
    expect(verdict.nodeAnswer["package_msg"]).toBe("success");

    const poor = await packageOf(5, 1n);
    const refused = await mempool.broadcastPackage(poor.raw);
    expect(refused.isAccepted).toBe(false);
    expect(refused.results.map(({ error }) => error).join()).toContain("min relay fee not met");
    expect((await mempool.moment()).txids).not.toContain(poor.txids[0]);
  });

  it("knows fees and estimates", async () => {
    const { figures } = await mempool.pulse();
    expect([figures.relaySatPerKvb, figures.mempoolSatPerKvb, figures.incrementalSatPerKvb]).toEqual([
      100n,
      100n,
      100n,
    ]);
    for (const mode of ["default", "economical", "conservative"] as const) {
      const estimate = await mempool.estimateSatPerKvb(2, mode);
      expect(estimate === undefined || estimate >= 100n).toBe(true);
    }
  });
});

function byTxid(a: { txid: string }, b: { txid: string }): number {
  return a.txid < b.txid ? -1 : 1;
}
