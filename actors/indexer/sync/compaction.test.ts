/** Merges with several slices under way, and around a script that is most of the chain. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { madeChain } from "../../../bench/chain/generator.ts";
import { serializeBlock } from "../../../bitcoin/block/block.ts";
import { genesisBlock } from "../../../bitcoin/block/genesis.ts";
import { blockHashOf } from "../../../bitcoin/block/header.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { p2wpkhScript } from "../../../bitcoin/script/script.ts";
import { type Transaction, txidBytesOf } from "../../../bitcoin/transaction.ts";
import { RecordedSource } from "../../../tests/harness/chain/recorded-source.ts";
import { IndexUnderTest } from "../../../tests/harness/indexer/index-under-test.ts";
import type { MergeJob } from "../rows/merge.ts";
import type { PackedRows } from "../rows/packed-block.ts";
import type { RowsJob, RowsResult } from "../rows/rows.ts";
import { dumpOf } from "../store/dump.ts";
import type { IndexStore } from "../store/store.ts";
import { Compaction } from "./compaction.ts";
import { InlineWorkbench, type Workbench } from "./workbench.ts";

const SETTINGS = { batchBytes: 50_000, fanIn: 1_000, sliceBytes: 16_384, liveBlocks: 0, touchedBlocks: 0 };
const SLICE_BYTES = 12_000;

/** Takes its time, and counts how many jobs are under way. */
class SlowWorkbench implements Workbench {
  readonly width: number;
  readonly hasThreads = true;
  readonly #bench = new InlineWorkbench();
  underWay = 0;
  underWayMax = 0;
  readonly jobs: MergeJob[] = [];

  constructor(width: number) {
    this.width = width;
  }

  async merge(job: MergeJob): Promise<PackedRows> {
    this.jobs.push(job);
    this.underWay += 1;
    this.underWayMax = Math.max(this.underWayMax, this.underWay);
    const packed = await this.#bench.merge(job);
    // Until as many as may be have begun, or none will for a while.
    const begun = this.jobs.length + this.width - this.underWay;
    for (let waits = 0; this.jobs.length < begun && waits < 10; waits++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    this.underWay -= 1;
    return packed;
  }

  build(job: RowsJob): Promise<RowsResult> {
    return this.#bench.build(job);
  }

  async close(): Promise<void> {
    // Nothing is held.
  }
}

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "troupe-compaction-"));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function dump(store: IndexStore): unknown {
  const view = store.snapshot();
  const made = dumpOf(view);
  view.release();
  return made;
}

/** An index of many runs of which none was merged. */
async function manyRuns(): Promise<IndexStore> {
  const shape = { seed: 7, transactions: 2_000, transactionsPerBlock: 50 };
  const source = new RecordedSource(Array.from(madeChain(shape), ({ bytes }) => Uint8Array.from(bytes)));
  const index = new IndexUnderTest(directory, source, SETTINGS);
  await index.advance();
  return index.store;
}

describe("the background merges", () => {
  it("keep as many slices under way as there are threads while somebody waits, and change nothing", async () => {
    const store = await manyRuns();
    const before = dump(store);
    const { length } = store.state.runs;
    expect(length).toBeGreaterThan(10);
    const bench = new SlowWorkbench(3);
    const compaction = new Compaction({
      store,
      bench,
      fanIn: length,
      bulkFanIn: length,
      sliceBytes: SLICE_BYTES,
    });
    await compaction.finish();
    expect(store.state.runs.map(({ level }) => level)).toEqual([1]);
    expect(bench.underWayMax).toBe(3);
    expect(bench.jobs.length).toBeGreaterThan(20);
    expect(dump(store)).toEqual(before);
    await store.close();
  });

  it("read each row once for several slices that are read ahead", async () => {
    const store = await manyRuns();
    await store.beginMerge(store.state.runs);
    const bench = new InlineWorkbench();
    const jobs: MergeJob[] = [];
    for (let job = await store.readMergeSlice(SLICE_BYTES); job !== undefined; ) {
      jobs.push(job);
      job = await store.readMergeSlice(SLICE_BYTES, job);
    }
    const before = dump(store);
    for (const [i, job] of jobs.entries()) {
      await store.commitMergeSlice(job, await bench.merge(job));
      if (i % 4 === 0) expect(dump(store)).toEqual(before);
    }
    expect(dump(store)).toEqual(before);
    expect(store.state.merge).toBeUndefined();
    await store.close();
  });

  it("leave off in the middle when they are stopped or the chain turns back, and go on later", async () => {
    const store = await manyRuns();
    const bench = new SlowWorkbench(2);
    const options = { store, bench, fanIn: store.state.runs.length, bulkFanIn: 2, sliceBytes: SLICE_BYTES };
    const first = new Compaction(options);
    first.kick();
    while (bench.jobs.length < 5) await new Promise((resolve) => setTimeout(resolve, 1));
    await first.stop();
    expect(store.state.merge).toBeDefined();
    const second = new Compaction(options);
    second.kick();
    while (bench.jobs.length < 10) await new Promise((resolve) => setTimeout(resolve, 1));
    await store.rollback(20);
    const before = dump(store);
    await second.finish();
    expect(store.state.merge).toBeUndefined();
    expect(dump(store)).toEqual(before);
    await store.close();
  });

  it("take fewer and larger merges while blocks come in bulk", async () => {
    const store = await manyRuns();
    const { length } = store.state.runs;
    const bench = new InlineWorkbench();
    const compaction = new Compaction({
      store,
      bench,
      fanIn: 2,
      bulkFanIn: length + 1,
      sliceBytes: SLICE_BYTES,
    });
    compaction.isBulk = true;
    await compaction.finish();
    expect(store.state.runs.length).toBe(length);
    compaction.isBulk = false;
    await compaction.finish();
    expect(store.state.runs.length).toBeLessThan(6);
    await store.close();
  });

  it("make the slice around one script with most of the rows as narrow as can be, and no other slice too large", async () => {
    const blocks = [serializeBlock(genesisBlock(regtest))];
    for (let height = 1; height <= 3; height++)
      blocks.push(blockOfOneScript(blocks.at(-1) as Uint8Array, height));
    const index = new IndexUnderTest(directory, new RecordedSource(blocks), {
      ...SETTINGS,
      batchBytes: 1_000,
    });
    await index.advance();
    const { store } = index;
    const before = dump(store);
    await store.beginMerge(store.state.runs);
    const bench = new InlineWorkbench();
    const sizes: { width: number; bytes: number }[] = [];
    while (store.state.merge !== undefined) {
      const job = (await store.readMergeSlice(SLICE_BYTES)) as MergeJob;
      const bytes = job.sources.reduce((sum, source) => sum + source.bytes.length, 0);
      sizes.push({ width: job.to - job.from, bytes });
      await store.commitMergeSlice(job, await bench.merge(job));
    }
    expect(sizes.filter(({ bytes }) => bytes > 20 * SLICE_BYTES)).toMatchObject([{ width: 1 }]);
    // Each of the runs may add blocks that reach over the slice's ends.
    for (const { width, bytes } of sizes)
      expect(width === 1 || bytes < 2 * SLICE_BYTES + 16 * 4_072).toBe(true);
    expect(dump(store)).toEqual(before);
    await store.close();
  });
});

/** A block of one transaction with very many payments to the same script. */
function blockOfOneScript(previous: Uint8Array, height: number): Uint8Array {
  const coinbase = genesisBlock(regtest).transactions[0] as Transaction;
  const output = { amountSat: 1n, scriptPubKey: p2wpkhScript(new Uint8Array(20).fill(9)) };
  const transaction = {
    ...coinbase,
    locktime: height,
    outputs: Array.from({ length: 40_000 }, () => output),
  };
  const { header } = genesisBlock(regtest);
  const merkleRootBytes = txidBytesOf(transaction);
  return serializeBlock({
    header: { ...header, previousHash: blockHashOf(previous), merkleRootBytes, nonce: height },
    transactions: [transaction],
  });
}
