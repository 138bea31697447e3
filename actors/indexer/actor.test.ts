import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { Randomness } from "../../bench/chain/randomness.ts";
import { regtest } from "../../bitcoin/network.ts";
import { serializeTransaction } from "../../bitcoin/transaction.ts";
import { NodeClient } from "../../bitcoind/client.ts";
import { nodeSection } from "../../bitcoind/config.ts";
import { SandboxNode } from "../../bitcoind/sandbox/node.ts";
import { type IndexerBlockNews, indexerContract } from "../../bus/contracts/indexer.ts";
import { silentLog } from "../../bus/fake.ts";
import { systemClock } from "../../runtime/clock.ts";
import { MODEL_SCRIPT_HASHES, ModelChain, ModelSource } from "../../tests/harness/chain/model-chain.ts";
import { IndexerUnderTest, sourceOf } from "../../tests/harness/indexer/indexer.ts";
import { putFormat } from "../../tests/harness/indexer/put-format.ts";
import { callNode } from "../../tests/harness/node/bitcoind.ts";
import { CoinOwner } from "../../tests/harness/node/coin-owner.ts";
import { waitFor } from "../../tests/harness/wait-for.ts";
import { INDEX_PLACES } from "./config.ts";
import { nodeParts } from "./parts.ts";

const opened: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function indexerOver(...parts: Parameters<typeof IndexerUnderTest.make>): Promise<IndexerUnderTest> {
  const made = await IndexerUnderTest.make(...parts);
  opened.push(() => made.stop());
  return made;
}

function chainOf(seed: number, blocks: number): ModelChain {
  const random = new Randomness(seed);
  const chain = new ModelChain(() => random.fraction());
  for (let i = 0; i < blocks; i++) chain.mine(6);
  return chain;
}

/** A node that has not caught up with its network yet. */
class SyncingSource extends ModelSource {
  syncsTo: number | undefined = 900_000;

  override async tip() {
    return { ...(await super.tip()), syncsTo: this.syncsTo };
  }
}

describe("the indexer", () => {
  it("is not ready while it is level with a node that is still syncing itself, and says how far that is", async () => {
    const chain = chainOf(4, 20);
    const source = new SyncingSource(chain);
    const under = await indexerOver(sourceOf(source));
    await under.start();
    const told = () => under.reports.at(-1)?.progress ?? "";
    await waitFor("the node's progress", () => told().includes("block 20 of 900,000"));
    expect(told()).toContain("level with the node, which is still syncing itself, time left unknown");

    chain.mine(2);
    source.announce();
    await waitFor("the next block", () => told().includes("block 21 of 900,000"));
    const indexer = under.asker.client(indexerContract);
    expect(await indexer.tip({})).toMatchObject({ tip: { height: 21 }, isSynced: false });
    expect(under.reports.filter(({ readiness }) => readiness === "ready")).toEqual([]);

    source.syncsTo = undefined;
    source.announce();
    await waitFor("the index to be ready", () => under.isReady);
    expect(await indexer.tip({})).toMatchObject({ isSynced: true });
  });

  it("answers every request of its contract in batches, of one moment", async () => {
    const chain = chainOf(1, 20);
    const under = await indexerOver(sourceOf(new ModelSource(chain)));
    await under.start();
    await waitFor("the index to be level", () => under.isReady);
    const indexer = under.asker.client(indexerContract);
    const scripthashes = [...MODEL_SCRIPT_HASHES];
    const tip = { height: 20, hash: chain.blocks[20]?.hash };
    const block = chain.blocks[20];
    const coinbase = block?.transactions[0];
    const unknown = "ab".repeat(32);

    expect(await indexer.tip({})).toMatchObject({ tip, isSynced: true });
    const histories = await indexer.histories({ scripthashes });
    expect(histories.tip).toEqual(tip);
    expect(histories.results.slice(0, 3)).toEqual(
      scripthashes.slice(0, 3).map((hash) => chain.history(hash)),
    );
    expect((await indexer.histories({ scripthashes, limit: 1 })).results[0]).toBeNull();
    const coins = chain.coins().filter(({ scriptHash }) => scriptHash === scripthashes[0]);
    expect((await indexer.unspents({ scripthashes })).results[0]).toEqual(
      coins.map(({ txid, index, height, amountSat }) => ({ txid, index, height, amountSat })),
    );
    expect((await indexer.balances({ scripthashes })).results[0]).toBe(
      coins.reduce((sum, { amountSat }) => sum + amountSat, 0),
    );
    expect((await indexer.places({ txids: [coinbase?.txid as string, unknown] })).results).toEqual([
      { height: 20, position: 0, blockHash: tip.hash },
      null,
    ]);
    const [outpoint, spender] = [...chain.spenders()][0] as [string, unknown];
    const [txid, index] = outpoint.split(":") as [string, string];
    expect(
      (
        await indexer.spenders({
          outpoints: [
            { txid, index: Number(index) },
            { txid: unknown, index: 0 },
          ],
        })
      ).results,
    ).toEqual([spender, null]);
    expect((await indexer.merkleProofs({ txids: [coinbase?.txid as string, unknown] })).results).toEqual([
      expect.objectContaining({ height: 20, position: 0 }),
      null,
    ]);
    const place = { height: 20, position: 0 };
    const places = [
      { ...place, isProved: false },
      { ...place, isProved: true },
      { height: 20, position: 99, isProved: true },
    ];
    expect((await indexer.transactionsAt({ places })).results).toEqual([
      { txid: coinbase?.txid, branch: null },
      { txid: coinbase?.txid, branch: expect.any(Array) },
      null,
    ]);
    expect((await indexer.blockTxids({ height: 20 })).txids).toEqual(
      block?.transactions.map((one) => one.txid),
    );
    const headers = await indexer.headers({ height: 19, count: 5, checkpointHeight: 20 });
    expect(headers.count).toBe(2);
    expect(headers.hex).toBe(
      Buffer.concat(chain.blocks.slice(19).map(({ header }) => header)).toString("hex"),
    );
    expect(headers.proof?.branch).toHaveLength(5);
    expect((await indexer.rawTransactions({ txids: [coinbase?.txid as string, unknown] })).results).toEqual([
      Buffer.from(serializeTransaction(coinbase?.transaction as never)).toString("hex"),
      null,
    ]);
    await expect(indexer.blockTxids({ height: 21 })).rejects.toMatchObject({ code: "INDEXER_RANGE" });
  });

  it.each([false, true])(
    "refuses an index of another format and leaves it alone, and builds a private chain's anew: %s",
    async (isOwnChain) => {
      const source = sourceOf(new ModelSource(chainOf(7, 3)));
      const under = await indexerOver(source, { isOwnChain });
      await putFormat(join(under.directory, INDEX_PLACES.index), 1);

      const refused = await under.start().catch((error: unknown) => error);

      expect(refused).toEqual(
        isOwnChain ? undefined : expect.objectContaining({ code: "INDEXER_STORE_OTHER_FORMAT" }),
      );
      await waitFor("what was moved away to be removed", () => readdirSync(under.directory).length === 1);
      expect(readdirSync(under.directory)).toEqual([INDEX_PLACES.index]);
      if (isOwnChain) await waitFor("the index to be level", () => under.isReady);
    },
  );

  it("is degraded while none of its query threads works", async () => {
    const crew = { running: 0, stop: async () => {} };
    const under = await indexerOver(sourceOf(new ModelSource(chainOf(3, 5))), {}, async () => crew);
    await under.start();

    await waitFor("the report", () => under.reports.at(-1)?.readiness === "degraded");
    crew.running = 1;
    await waitFor("the next", () => under.isReady);

    expect(under.reports.at(-1)?.progress).toBe("block 5");
  });

  it("tells of each block that comes and goes, with the scripts it touches", async () => {
    const chain = chainOf(2, 20);
    const source = new ModelSource(chain);
    const under = await indexerOver(sourceOf(source));
    const news: (IndexerBlockNews & { readonly kind: string })[] = [];
    for (const kind of ["block.connected", "block.disconnected"] as const) {
      await under.asker.onEvent(indexerContract, kind, (body) => void news.push({ kind, ...body }));
    }
    await under.asker.flush();
    await under.start();
    await waitFor("the index to be level", () => under.isReady);
    expect(news).toEqual([]);

    chain.mine(6);
    const stale = chain.blocks[21];
    source.announce();
    await waitFor("the block", () => news.length === 1);
    chain.turnBack(1);
    chain.mine(6);
    chain.mine(6);
    source.announce();
    await waitFor("the other branch", () => news.length === 4);

    expect(news.map(({ kind, height, hash }) => ({ kind, height, hash }))).toEqual([
      { kind: "block.connected", height: 21, hash: stale?.hash },
      { kind: "block.disconnected", height: 21, hash: stale?.hash },
      { kind: "block.connected", height: 21, hash: chain.blocks[21]?.hash },
      { kind: "block.connected", height: 22, hash: chain.blocks[22]?.hash },
    ]);
    for (const { touched, hash } of news) expect(touched).toEqual(chain.touched(hash as never));
  });

  it("tells of a block only when whoever hears of it can ask about it", async () => {
    const chain = chainOf(3, 20);
    const source = new ModelSource(chain);
    const under = await indexerOver(sourceOf(source));
    const indexer = under.asker.client(indexerContract);
    const found: unknown[] = [];
    const told: unknown[] = [];
    await under.asker.onEvent(indexerContract, "block.connected", async ({ height, header, touched }) => {
      const [{ hex }, { results }] = await Promise.all([
        indexer.headers({ height, count: 1 }),
        indexer.histories({ scripthashes: touched ?? [] }),
      ]);
      const missing = results.filter((history) => history?.every((entry) => entry.height !== height));
      found.push({ hex, missing });
      told.push({ hex: header, missing: [] });
    });
    await under.asker.flush();
    await under.start();
    await waitFor("the index to be level", () => under.isReady);
    for (let blocks = 1; blocks <= 8; blocks++) {
      chain.mine(6);
      source.announce();
      await waitFor("the block", () => found.length === blocks);
    }

    expect(found).toEqual(told);
  });

  it("reads the chain from a node without any index of the node's", async () => {
    const directory = mkdtempSync(join(tmpdir(), "troupe-indexer-node-"));
    const node = await SandboxNode.start({ dataDirectory: directory });
    opened.push(
      () => rmSync(directory, { recursive: true, force: true }),
      () => node.stop(),
    );
    const rpc = (method: string, ...params: unknown[]) =>
      callNode(node.rpcUrl, node.cookiePath, method, params);
    const owner = new CoinOwner("indexer");
    await rpc("generatetoaddress", 110, owner.address("p2wpkh"));
    const config = nodeSection.schema.parse({ rpc: [node.rpcUrl], cookie_file: node.cookiePath });
    const under = await indexerOver({
      source: (context, network) =>
        nodeParts.source({ ...context, config: { ...context.config, node: config } }, network),
    });
    const news: IndexerBlockNews[] = [];
    await under.asker.onEvent(indexerContract, "block.connected", (body) => void news.push(body));
    await under.asker.flush();
    await under.start();
    await waitFor("the index to be level", () => under.isReady);
    const client = new NodeClient({ config, network: regtest, clock: systemClock, log: silentLog() });
    opened.push(() => client.close());

    const indexer = under.asker.client(indexerContract);
    const { txids } = await indexer.blockTxids({ height: 1 });
    const spent = owner.spend(
      [{ txid: txids[0] as never, index: 0, amountSat: 5_000_000_000n, kind: "p2wpkh" }],
      [{ kind: "p2tr", amountSat: 4_999_000_000n }],
    );
    await client.broadcast(Buffer.from(spent.hex, "hex"));
    await rpc("generatetoaddress", 1, owner.address("p2pkh"));
    await waitFor("the block", () => news.length > 0);

    expect(news[0]).toMatchObject({ height: 111, txCount: 2 });
    // Two are paid (the miner and the receiver), one is spent from.
    expect(news[0]?.touched).toHaveLength(3);
    expect((await indexer.spenders({ outpoints: [{ txid: txids[0] as string, index: 0 }] })).results).toEqual(
      [{ txid: spent.txid, height: 111 }],
    );
    expect((await indexer.rawTransactions({ txids: [spent.txid] })).results).toEqual([spent.hex]);
  });
});
