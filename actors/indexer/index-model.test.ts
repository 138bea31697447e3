import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { madeChain } from "../../bench/chain/generator.ts";
import { Randomness } from "../../bench/chain/randomness.ts";
import type { BlockHash, Txid } from "../../bitcoin/bytes.ts";
import {
  isKept,
  MODEL_SCRIPT_HASHES,
  ModelChain,
  ModelSource,
} from "../../tests/harness/chain/model-chain.ts";
import { RecordedSource } from "../../tests/harness/chain/recorded-source.ts";
import { IndexUnderTest, SMALL_INDEX } from "../../tests/harness/indexer/index-under-test.ts";
import { Replies } from "./answers/replies.ts";
import { finished } from "./lookup/steps.ts";
import { queryMemory } from "./queries/memory.ts";
import type { MergeJob } from "./rows/merge.ts";
import { dumpOf } from "./store/dump.ts";
import { InlineWorkbench } from "./sync/workbench.ts";
import { touchedHashes } from "./touched.ts";

const opened: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

function indexOf(chain: ModelChain, settings = SMALL_INDEX, source = new ModelSource(chain)): IndexUnderTest {
  const directory = mkdtempSync(join(tmpdir(), "troupe-index-"));
  const index = new IndexUnderTest(directory, source, settings);
  opened.push(() => rmSync(directory, { recursive: true, force: true }));
  opened.push(() => index.close());
  return index;
}

function chainOf(seed: number, blocks = 0, transactionsMax = 6): ModelChain {
  const random = new Randomness(seed);
  const chain = new ModelChain(() => random.fraction());
  for (let i = 0; i < blocks; i++) chain.mine(transactionsMax);
  return chain;
}

type Step =
  | { readonly kind: "mine"; readonly blocks: number }
  | { readonly kind: "turn"; readonly depth: number; readonly blocks: number }
  | { readonly kind: "restart" }
  | { readonly kind: "compact" };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("mine" as const), blocks: fc.integer({ min: 1, max: 12 }) }),
  fc.record({
    kind: fc.constant("turn" as const),
    depth: fc.integer({ min: 1, max: 15 }),
    blocks: fc.integer({ min: 0, max: 16 }),
  }),
  fc.constant({ kind: "restart" as const }),
  fc.constant({ kind: "compact" as const }),
);

/** A node whose answers break off now and then. */
class StumblingSource extends ModelSource {
  cutAt: number | undefined;

  override async *blocks(hashes: readonly BlockHash[]): AsyncGenerator<Uint8Array> {
    for await (const block of super.blocks(hashes)) {
      const end = this.cutAt ?? block.length;
      this.cutAt = undefined;
      yield block.subarray(0, end);
    }
  }
}

describe("the index", () => {
  it("answers every question as one who reads the whole chain would, through reorganisations, merges and restarts", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.array(anyStep, { minLength: 1, maxLength: 8 }),
        fc.record({
          batchBytes: fc.constantFrom(1, 1_500, 6_000),
          fanIn: fc.constantFrom(2, 3),
          sliceBytes: fc.constantFrom(4_096, 20_000, 1_000_000),
          liveBlocks: fc.constantFrom(0, 3, 100),
          touchedBlocks: fc.constantFrom(0, 6),
        }),
        async (seed, steps, settings) => {
          const chain = chainOf(seed);
          const index = indexOf(chain, settings);
          for (const step of steps) {
            if (step.kind === "restart") await index.restart();
            else if (step.kind === "compact") await index.compaction.finish();
            else {
              if (step.kind === "turn") chain.turnBack(step.depth);
              for (let i = 0; i < step.blocks; i++) chain.mine(6);
            }
            await index.advance();
          }
          index.expectToAnswerAs(chain);
          await index.compaction.finish();
          index.expectToAnswerAs(chain);
        },
      ),
      { numRuns: 25 },
    );
  }, 120_000);

  it("is, after a reorganisation of 200 blocks and the way back, what it would have been without", async () => {
    const chain = chainOf(7, 230, 1);
    const index = indexOf(chain);
    await index.advance();
    const blocks = [...chain.blocks];

    chain.turnBack(200);
    for (let i = 0; i < 201; i++) chain.mine(1);
    await index.advance();
    index.expectToAnswerAs(chain);
    chain.blocks.splice(0, chain.blocks.length, ...blocks);
    await index.advance();

    index.expectToAnswerAs(chain);
    expect(index.store.state.rollbacks).toBe(2);
  }, 60_000);

  it("knows of two coinbases with one id one coin, the later, before and after it is spent, merged and rolled back", async () => {
    const chain = chainOf(9, 6, 0);
    const index = indexOf(chain);
    const looked = async () => {
      await index.advance();
      index.expectToAnswerAs(chain);
      await index.compaction.finish();
      index.expectToAnswerAs(chain);
    };
    await looked();
    const before = chain.coins().length;
    chain.mineCoinbaseOf(3);
    expect(chain.blocks[7]?.transactions[0]?.txid).toBe(chain.blocks[3]?.transactions[0]?.txid);
    await looked();
    expect(chain.coins()).toHaveLength(before);
    // Spent, whichever coins are drawn; once more the same id; and the later ones taken back.
    for (let i = 0; i < 12; i++) chain.mine(6);
    await looked();
    chain.mineCoinbaseOf(3);
    for (let i = 0; i < 5; i++) chain.mine(3);
    await looked();
    await index.restart();
    index.expectToAnswerAs(chain);
    for (const depth of [3, 3, 10]) {
      chain.turnBack(depth);
      chain.mine(1);
      await looked();
    }
    chain.turnBack(20);
    chain.mine(0);
    await looked();
  }, 60_000);

  it("answers and dumps the same in the middle of a merge, at each of its slices, also after a rollback", async () => {
    const chain = chainOf(8, 30, 2);
    const index = indexOf(chain, { ...SMALL_INDEX, batchBytes: 1, fanIn: 1_000 });
    await index.advance();
    // The merge goes by hand.
    await index.compaction.stop();
    const { store } = index;
    const dump = () => {
      const view = store.snapshot();
      const made = dumpOf(view);
      view.release();
      return made;
    };
    const before = dump();
    const slice = async () => {
      await index.mergeSlice(16_384);
    };
    await store.beginMerge(store.state.runs.slice(0, 28));
    let slices = 0;
    for (; store.state.merge !== undefined; slices++) {
      expect(dump()).toEqual(before);
      index.expectToAnswerAs(chain);
      await slice();
    }
    expect(dump()).toEqual(before);
    expect(slices).toBeGreaterThan(15);

    chain.turnBack(10);
    for (let i = 0; i < 20; i++) chain.mine(2);
    await index.advance();
    await store.beginMerge(store.state.runs);
    for (let i = 0; i < 4; i++) await slice();
    chain.turnBack(15);
    await index.advance();

    index.expectToAnswerAs(chain);
    while (store.state.merge !== undefined) await slice();
    index.expectToAnswerAs(chain);
  }, 60_000);

  it("writes nothing more when a write has failed, and is after the next start what it was before", async () => {
    const chain = chainOf(12, 30, 3);
    const index = indexOf(chain, { ...SMALL_INDEX, batchBytes: 1, fanIn: 1_000 });
    await index.advance();
    await index.compaction.stop();
    const { store } = index;
    await store.beginMerge(store.state.runs.slice(0, 20));
    await index.mergeSlice(16_384);
    const job = await store.readMergeSlice(16_384);
    const before = store.state;
    const packed = {
      ...(await new InlineWorkbench().merge(job as MergeJob)),
      get bytes(): Uint8Array {
        throw new Error("no space left on device");
      },
    };

    // The next block is not held up until anybody has heard of the failure.
    const merging = store.commitMergeSlice(job as MergeJob, packed);
    chain.mine(3);
    const syncing = index.advance();
    const failure = { code: "INDEXER_STORE_UNWRITABLE", data: { reason: "no space left on device" } };
    const [merged, synced] = await Promise.allSettled([merging, syncing]);
    expect([merged, synced]).toMatchObject([{ reason: failure }, { reason: failure }]);
    await expect(store.rollback(20)).rejects.toMatchObject(failure);
    expect(store.state).toBe(before);

    await index.restart();
    expect(index.store.state).toEqual(before);
    await index.advance();
    await index.compaction.finish();
    index.expectToAnswerAs(chain);
  });

  it("answers of one moment, though between any two of its steps blocks are added and runs merged away", async () => {
    const chain = chainOf(9, 70, 3);
    const index = indexOf(chain, { ...SMALL_INDEX, batchBytes: 1, fanIn: 1_000 });
    await index.advance();
    const { store } = index;
    const memory = queryMemory(store.secret, 4 * 1024 * 1024);
    let steps = 0;
    let guided = 0;
    const change = async () => {
      steps += 1;
      // A sync goes on with a merge that it finds, so it has its turns between two of them.
      if (store.state.merge !== undefined) await index.mergeSlice(32_768);
      else if (steps % 2 === 0) {
        chain.mine(3);
        await index.advance();
      } else await store.beginMerge(store.state.runs.slice(0, 12));
    };

    for (const kind of ["histories", "unspents", "histories", "unspents"] as const) {
      const moment = chain.at(chain.blocks.at(-1)?.hash as BlockHash);
      const view = store.snapshot();
      memory.heights.follow(view);
      const work = new Replies({ ...memory, view })[kind]({
        scripthashes: [...MODEL_SCRIPT_HASHES],
        limit: 1_000_000,
      });
      let reply = work.next();
      while (reply.done !== true) {
        view.release();
        await change();
        expect(view.resume()).toBe(true);
        if (steps % 3 === 0) finished(memory.lookup.guides.make(view));
        if (memory.lookup.guides.bytes > 0) guided += 1;
        reply = work.next();
      }
      view.release();

      const coins = moment.coins();
      expect(JSON.parse(Buffer.from(reply.value).toString())).toEqual({
        tip: { height: moment.height, hash: moment.blocks.at(-1)?.hash },
        results: MODEL_SCRIPT_HASHES.map((hash) => {
          if (kind === "histories") return isKept(hash) ? moment.history(hash) : [];
          const own = coins.filter(({ scriptHash }) => scriptHash === hash);
          return own.map(({ txid, index, height, amountSat }) => ({ txid, index, height, amountSat }));
        }),
      });
    }
    // Otherwise the test would test nothing.
    expect(steps).toBeGreaterThan(40);
    expect(guided).toBeGreaterThan(5);
  }, 60_000);

  it("finds every transaction and spender while blocks of runs are merged away", async () => {
    const shape = { seed: 5, transactions: 6_000, transactionsPerBlock: 100 };
    const source = new RecordedSource(Array.from(madeChain(shape), ({ bytes }) => Uint8Array.from(bytes)));
    const settings = { ...SMALL_INDEX, batchBytes: 400_000, fanIn: 1_000, liveBlocks: 0 };
    const directory = mkdtempSync(join(tmpdir(), "troupe-index-"));
    const index = new IndexUnderTest(directory, source, settings);
    opened.push(() => rmSync(directory, { recursive: true, force: true }));
    opened.push(() => index.close());
    await index.advance();
    const { store } = index;
    const ask = () =>
      index.ask((queries) =>
        Array.from({ length: 60 }, (_, height) => {
          const txids = queries.blockTxids(height);
          return [0, 7, 31, 64, 99].map((i) => {
            const txid = txids[i % txids.length] as Txid;
            return [queries.place(txid)?.height === height, queries.spender({ txid, index: 0 })?.txid];
          });
        }).flat(),
      );
    const before = ask();
    expect(before.every(([isThere]) => isThere)).toBe(true);
    expect(before.filter(([, spender]) => spender !== undefined).length).toBeGreaterThan(100);

    await store.beginMerge(store.state.runs);
    expect(store.state.merge?.sources.length).toBeGreaterThan(3);
    while (store.state.merge !== undefined) {
      await index.mergeSlice(24_576);
      expect(ask()).toEqual(before);
    }
  }, 60_000);

  it("refuses blocks that are cut off anywhere, as a failure of the node that passes, live and in bulk", async () => {
    const chain = chainOf(11, 20, 2);
    const source = new StumblingSource(chain);
    const index = indexOf(chain, SMALL_INDEX, source);
    for (const blocks of [0, 12, 2]) {
      for (let i = 0; i < blocks; i++) chain.mine(2);
      for (const cutAt of [0, 79, 80, 81, 150]) {
        source.cutAt = cutAt;
        await expect(index.advance()).rejects.toMatchObject({ code: "INDEXER_BAD_BLOCK" });
      }
      await index.advance();
      index.expectToAnswerAs(chain);
    }
  });

  it("stays where it is while the source's chain has no more work, and goes over to it when it has", async () => {
    const chain = chainOf(9, 40, 2);
    const source = new ModelSource(chain);
    const index = indexOf(chain, SMALL_INDEX, source);
    source.isOverruling = false;
    await index.advance();
    const { state } = index.store;

    chain.turnBack(12);
    const refused = () => expect(index.advance()).rejects.toMatchObject({ code: "INDEXER_NODE_BEHIND" });
    await refused();
    for (let i = 0; i < 12; i++) {
      chain.mine(2);
      await refused();
    }
    expect(index.store.state).toBe(state);
    expect(index.disconnected).toEqual([]);

    chain.mine(2);
    await index.advance();
    expect(index.disconnected).toHaveLength(12);
    index.expectToAnswerAs(chain);
  });

  it("follows a chain with less work whose source holds ours for invalid, and another block of the same height", async () => {
    const chain = chainOf(10, 40, 2);
    const index = indexOf(chain);
    await index.advance();

    chain.turnBack(3);
    await index.advance();
    index.expectToAnswerAs(chain);
    chain.turnBack(1);
    chain.mine(2);
    await index.advance();
    index.expectToAnswerAs(chain);
    expect(index.store.state.rollbacks).toBe(2);
  });

  it("tells at the tip which scripts each block touches, and tells the same when the block goes", async () => {
    const chain = chainOf(3, 20);
    const index = indexOf(chain);
    await index.advance();
    for (let i = 0; i < 3; i++) chain.mine(6);
    await index.advance();
    const gone = chain.blocks.slice(-2);

    chain.turnBack(2);
    await index.advance();

    expect(index.jumps).toBe(1);
    expect(index.connected).toHaveLength(3);
    for (const block of [...index.connected, ...index.disconnected]) {
      expect(block.touched && touchedHashes(block.touched)).toEqual(chain.touched(block.hash));
    }
    expect(index.disconnected.map(({ hash }) => hash)).toEqual(gone.map(({ hash }) => hash).reverse());
  });

  it("does not know what a block touched that came in bulk, and says so", async () => {
    const chain = chainOf(4, 20);
    const index = indexOf(chain);
    await index.advance();

    chain.turnBack(1);
    await index.advance();

    expect(index.disconnected).toHaveLength(1);
    expect(index.disconnected[0]?.touched).toBeUndefined();
  });

  it("refuses a history longer than the asker can take", async () => {
    const chain = chainOf(5, 40);
    const index = indexOf(chain);
    await index.advance();
    const [longest] = chain.coins().map(({ scriptHash }) => scriptHash);

    const whole = index.ask((asked) => asked.history(longest as never, 100_000)) ?? [];
    const { length } = whole;

    expect(length).toBeGreaterThan(3);
    expect(index.ask((asked) => asked.history(longest as never, length))).toEqual(whole);
    expect(index.ask((asked) => asked.history(longest as never, length - 1))).toBeNull();
    expect(index.ask((asked) => asked.unspent(longest as never, 2))).toBeNull();
    expect(index.ask((asked) => asked.balanceSat(longest as never, 2))).toBeNull();
  });
});
