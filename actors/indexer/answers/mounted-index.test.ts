import { cpSync, existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { metrics } from "@opentelemetry/api";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { writeBlockDirectory } from "../../../bench/chain/block-directory.ts";
import { Randomness } from "../../../bench/chain/randomness.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { serializeTransaction } from "../../../bitcoin/transaction.ts";
import type { Publisher } from "../../../bus/bus.ts";
import { ConnectedBus } from "../../../bus/connected-bus.ts";
import { indexerContract } from "../../../bus/contracts/indexer.ts";
import { silentLog } from "../../../bus/fake.ts";
import { systemClock } from "../../../runtime/clock.ts";
import { releaseWorld } from "../../../tests/harness/actors/context.ts";
import { MODEL_SCRIPT_HASHES, ModelChain, ModelSource } from "../../../tests/harness/chain/model-chain.ts";
import { IndexUnderTest, SMALL_INDEX } from "../../../tests/harness/indexer/index-under-test.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { INDEX_PLACES } from "../config.ts";
import { PlaceSearch } from "../sync/place-search.ts";
import { MountedIndex } from "./mounted-index.ts";

const opened: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

const SCRIPTS = MODEL_SCRIPT_HASHES.slice(0, 8);

function chainOf(seed: number, blocks: number): ModelChain {
  const random = new Randomness(seed);
  const chain = new ModelChain(() => random.fraction());
  for (let i = 0; i < blocks; i++) chain.mine(4);
  return chain;
}

/** An index that is written by hand, its news, and a gateway in which the index is mounted. Nobody answers on the bus. */
class Mounted {
  readonly directory = mkdtempSync(join(tmpdir(), "troupe-mounted-"));
  readonly index: IndexUnderTest;
  readonly member: MountedIndex;
  readonly gateway: ConnectedBus;
  publisher: Publisher<typeof indexerContract>;
  readonly #writer: ConnectedBus;

  private constructor(chain: ModelChain, writer: ConnectedBus, gateway: ConnectedBus) {
    this.index = new IndexUnderTest(this.store, new ModelSource(chain), SMALL_INDEX);
    this.#writer = writer;
    this.publisher = writer.publisher(indexerContract);
    this.gateway = gateway;
    this.member = new MountedIndex({
      section: { cacheBytes: 4 * 1024 * 1024, blocksDirectory: this.blocks },
      dataDirectory: this.directory,
      network: "regtest",
      bus: gateway,
      log: silentLog(),
      meter: metrics.getMeter("test"),
      clock: systemClock,
    });
  }

  static async over(chain: ModelChain): Promise<Mounted> {
    const world = await releaseWorld();
    const connect = async (user: string) =>
      new ConnectedBus(await world.connect(user), { log: silentLog(), validateReplies: true });
    const [writer, gateway] = [await connect("indexer"), await connect("gateway")];
    const mounted = new Mounted(chain, writer, gateway);
    opened.push(async () => {
      await mounted.index.close().catch(() => undefined);
      await gateway.close();
      await writer.close();
      await world.stop();
      rmSync(mounted.directory, { recursive: true, force: true });
    });
    await mounted.index.advance();
    gateway.mount("indexer", mounted.member);
    await mounted.member.start();
    return mounted;
  }

  get store(): string {
    return join(this.directory, INDEX_PLACES.index);
  }

  /** Where the node's block files would be. */
  get blocks(): string {
    return join(this.directory, "blocks");
  }

  get client() {
    return this.gateway.client(indexerContract);
  }

  /** As the writer does after each block. */
  publish({ height, blocks }: ModelChain): void {
    this.publisher.state("tip", { height, hash: blocks[height]?.hash as string });
  }

  /** The writer begins anew: its news are of another life. */
  async publishAnew(chain: ModelChain): Promise<void> {
    await this.publisher.stop();
    this.publisher = this.#writer.publisher(indexerContract);
    this.publish(chain);
  }

  async expectAnswersOf(chain: ModelChain): Promise<void> {
    const scripthashes = [...SCRIPTS];
    const tip = { height: chain.height, hash: chain.blocks[chain.height]?.hash };
    const coins = chain.coins();
    const ofScript = (hash: string) => coins.filter(({ scriptHash }) => scriptHash === hash);
    const limit = 1_000;
    expect(await this.client.histories({ scripthashes, limit })).toEqual({
      tip,
      results: SCRIPTS.map((hash) => chain.history(hash)),
    });
    expect(await this.client.unspents({ scripthashes, limit })).toEqual({
      tip,
      results: SCRIPTS.map((hash) =>
        ofScript(hash).map(({ txid, index, height, amountSat }) => ({ txid, index, height, amountSat })),
      ),
    });
    expect(await this.client.balances({ scripthashes, limit })).toEqual({
      tip,
      results: SCRIPTS.map((hash) => ofScript(hash).reduce((sum, { amountSat }) => sum + amountSat, 0)),
    });
  }
}

describe("the index mounted where it is asked", () => {
  it("answers without a message, each of one moment, through reorganisations, merges and restarts of its writer", async () => {
    type Step = "mine" | "turn" | "compact" | "restart";
    const steps = fc.array(fc.constantFrom<Step>("mine", "mine", "turn", "compact", "restart"), {
      minLength: 1,
      maxLength: 10,
    });
    await fc.assert(
      fc.asyncProperty(fc.integer(), steps, async (seed, all) => {
        const chain = chainOf(seed, 8);
        const mounted = await Mounted.over(chain);
        for (const step of all) {
          if (step === "restart") await mounted.index.restart();
          else if (step === "compact") await mounted.index.compaction.finish();
          else if (step === "turn") {
            chain.turnBack(1 + (seed & 3));
            for (let i = 0; i < 6; i++) chain.mine(3);
          } else chain.mine(5);
          await mounted.index.advance();
          await mounted.expectAnswersOf(chain);
        }
      }),
      { numRuns: 12 },
    );
  }, 120_000);

  it("gives transactions out of the node's files at once, and leaves to the bus those of which one is not there", async () => {
    const chain = chainOf(11, 20);
    const mounted = await Mounted.over(chain);
    const atHand = mounted.gateway.atHand(indexerContract);
    const transactions = chain.blocks.flatMap((block) => block.transactions);
    const txids = transactions.slice(0, 16).map(({ txid }) => txid as string);
    const expected = transactions
      .slice(0, 16)
      .map(({ transaction }) => Buffer.from(serializeTransaction(transaction)).toString("hex"));
    const nobodys = "ff".repeat(32);

    expect(atHand.rawTransactions({ txids })).toBeUndefined();
    expect(atHand.rawTransactions({ txids: [nobodys] })).toEqual({ results: [null] });
    const blocks = chain.blocks.map(({ bytes }) => bytes);
    await writeBlockDirectory(mounted.blocks, blocks, { key: undefined, fileBytesMax: 2_000 });
    const search = new PlaceSearch({
      store: mounted.index.store,
      directory: mounted.blocks,
      network: regtest,
      clock: systemClock,
      log: silentLog(),
    });
    search.kick();
    await search.settle();
    await search.stop();
    expect(atHand.rawTransactions({ txids })).toEqual({ results: expected });
    expect(atHand.rawTransactions({ txids: [nobodys, txids[3] as string] })).toEqual({
      results: [null, expected[3]],
    });
    // More are worth a message; a lost file is the node's to answer for.
    expect(atHand.rawTransactions({ txids: [...txids, nobodys] })).toBeUndefined();
    const last = chain.blocks.at(-1)?.transactions[0]?.txid as string;
    rmSync(mounted.blocks, { recursive: true });
    expect(atHand.rawTransactions({ txids: [nobodys, last] })).toBeUndefined();
  });

  it("answers of the newest block from the callback on in which it may be heard of, and of one block within each", async () => {
    const chain = chainOf(9, 8);
    const mounted = await Mounted.over(chain);
    const index = mounted.gateway.atHand(indexerContract);
    const scripthashes = [...SCRIPTS];
    const limit = 1_000;
    // LMDB's binding lets go of its moment by a timer: it never comes here.
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    opened.push(() => void vi.useRealTimers());
    const expectAll = async (): Promise<void> => {
      const { height } = chain;
      const tip = { height, hash: chain.blocks[height]?.hash };
      const results = SCRIPTS.map((hash) => chain.history(hash));
      // Two of one callback, then one of the next.
      const both = [index.histories({ scripthashes, limit }), index.unspents({ scripthashes, limit })];
      expect(await Promise.all(both)).toMatchObject([{ tip, results }, { tip }]);
      expect(await index.histories({ scripthashes, limit })).toEqual({ tip, results });
    };
    await expectAll();

    for (const blocksLost of [0, 0, 2, 0, 1, 3]) {
      if (blocksLost > 0) chain.turnBack(blocksLost);
      for (let i = 0; i <= blocksLost; i++) chain.mine(4);
      await mounted.index.advance();
      await expectAll();
    }
  });

  it("leaves to the bus what is long, what only its writer knows, and everything after it was stopped", async () => {
    const chain = chainOf(3, 5);
    const mounted = await Mounted.over(chain);
    const txid = chain.blocks[2]?.transactions[0]?.txid as string;
    const nobody = { code: "BUS_UNAVAILABLE" };
    const soon = { deadlineMs: 100, retries: 0 };
    const scripthash = SCRIPTS[0] as string;
    const many = Array.from({ length: 17 }, () => scripthash);

    await expect(mounted.client.balances({ scripthashes: many, limit: 10 }, soon)).rejects.toMatchObject(
      nobody,
    );
    await expect(mounted.client.balances({ scripthashes: [scripthash] }, soon)).rejects.toMatchObject(nobody);
    await expect(mounted.client.tip({}, soon)).rejects.toMatchObject(nobody);
    await expect(mounted.client.rawTransactions({ txids: [txid] }, soon)).rejects.toMatchObject(nobody);
    await expect(mounted.client.headers({ height: 0, count: 2_016 }, soon)).rejects.toMatchObject(nobody);
    expect(await mounted.client.headers({ height: 4, count: 9 })).toMatchObject({ count: 2 });
    await mounted.member.stop();
    await expect(mounted.client.headers({ height: 4, count: 9 }, soon)).rejects.toMatchObject(nobody);
  });

  it("refuses what the contract lets it refuse, without asking the bus", async () => {
    const mounted = await Mounted.over(chainOf(4, 5));

    const far = mounted.client.headers({ height: 1, count: 1, checkpointHeight: 99 });

    await expect(far).rejects.toMatchObject({ code: "INDEXER_RANGE" });
  });

  it("does not answer while it lacks what its writer has told of, and answers when it has it", async () => {
    const chain = chainOf(5, 6);
    const mounted = await Mounted.over(chain);
    mounted.publish(chain);
    await mounted.gateway.flush();
    expect(mounted.member.isAnswering).toBe(true);

    chain.mine(2);
    mounted.publish(chain);
    await waitFor("the news of a block that is not there", () => !mounted.member.isAnswering);
    await mounted.index.advance();
    await waitFor("the block", () => mounted.member.isAnswering);
    chain.turnBack(1);
    chain.mine(2);
    mounted.publish(chain);
    await waitFor("the news of another block in its place", () => !mounted.member.isAnswering);
    await mounted.index.advance();
    await waitFor("that block", () => mounted.member.isAnswering);

    await mounted.expectAnswersOf(chain);
  });

  it("lets go of a store that was moved away, and reads the one that is built in its place", async () => {
    const chain = chainOf(6, 12);
    const mounted = await Mounted.over(chain);
    await mounted.expectAnswersOf(chain);

    await mounted.index.close();
    renameSync(mounted.store, join(mounted.directory, "index.removed-1"));
    rmSync(join(mounted.directory, "index.removed-1"), { recursive: true });
    await waitFor("the store to be missed", () => !mounted.member.isAnswering);
    mounted.index.reopen();
    // The new store has nothing yet, and the gateway has heard of block 12.
    await mounted.publishAnew(chain);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(mounted.member.isAnswering).toBe(false);
    await mounted.index.advance();
    await waitFor("the new one", () => mounted.member.isAnswering);

    chain.mine(4);
    await mounted.index.advance();
    await mounted.expectAnswersOf(chain);
  });

  it("notices another store in the place of the one that it reads as soon as the new writer speaks", async () => {
    const chain = chainOf(7, 6);
    const mounted = await Mounted.over(chain);
    await mounted.index.close();
    const copy = join(mounted.directory, "copy");
    cpSync(mounted.store, copy, { recursive: true });
    renameSync(mounted.store, join(mounted.directory, "index.kept-1"));
    renameSync(copy, mounted.store);
    mounted.index.reopen();
    chain.mine(4);
    await mounted.index.advance();

    await mounted.publishAnew(chain);
    await waitFor("answers of the new store", async () => {
      const { count } = await mounted.client
        .headers({ height: chain.height, count: 1 })
        .catch(() => ({ count: 0 }));
      return count === 1;
    });

    await mounted.expectAnswersOf(chain);
  });

  it("waits for a store that is not there, or not one of ours", async () => {
    const chain = chainOf(8, 4);
    const mounted = await Mounted.over(chain);
    await mounted.member.stop();
    await mounted.index.close();
    const other = new MountedIndex({
      section: { cacheBytes: 1_000_000 },
      dataDirectory: mounted.directory,
      network: "signet",
      bus: mounted.gateway,
      log: silentLog(),
      meter: metrics.getMeter("test"),
      clock: systemClock,
    });
    opened.push(() => other.stop());

    await other.start();
    expect(other.isAnswering).toBe(false);
    rmSync(mounted.store, { recursive: true });
    other.look();

    expect(other.isAnswering).toBe(false);
    // Whoever only reads makes nothing.
    expect(existsSync(mounted.store)).toBe(false);
  });
});
