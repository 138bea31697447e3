/** An index of a model's chain in a directory of its own, driven by hand, and its comparison with the model. */
import { expect } from "vitest";
import { IndexReader } from "../../../actors/indexer/answers/reader.ts";
import { IndexStore } from "../../../actors/indexer/store/store.ts";
import type { BlockSource } from "../../../actors/indexer/sync/block-source.ts";
import { Compaction } from "../../../actors/indexer/sync/compaction.ts";
import { type BlockNews, ChainSync } from "../../../actors/indexer/sync/sync.ts";
import { InlineWorkbench } from "../../../actors/indexer/sync/workbench.ts";
import { merkleRootFromBranch } from "../../../bitcoin/block/merkle.ts";
import { type ScriptHash, txidFromBytes, txidToBytes } from "../../../bitcoin/bytes.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { INDEXER_SETTLED_BLOCKS, type IndexedTip } from "../../../bus/contracts/indexer.ts";
import { systemClock } from "../../../runtime/clock.ts";
import { Asked, type AskedEntry } from "../chain/asked.ts";
import { isKept, MODEL_SCRIPT_HASHES, type ModelChain } from "../chain/model-chain.ts";

export interface IndexSettings {
  readonly batchBytes: number;
  readonly fanIn: number;
  readonly sliceBytes: number;
  readonly liveBlocks: number;
  readonly touchedBlocks: number;
}

export const SMALL_INDEX: IndexSettings = {
  batchBytes: 2_000,
  fanIn: 2,
  sliceBytes: 8_192,
  liveBlocks: 3,
  touchedBlocks: 6,
};

/** Enough for the guides of every run of these small chains. */
const CACHE_BYTES = 16 * 1024 * 1024;

export class IndexUnderTest {
  readonly #directory: string;
  readonly #source: BlockSource;
  readonly #settings: IndexSettings;
  readonly connected: BlockNews[] = [];
  readonly disconnected: BlockNews[] = [];
  jumps = 0;
  store: IndexStore;
  compaction: Compaction;
  #sync: ChainSync;
  reader: IndexReader;

  constructor(directory: string, source: BlockSource, settings: IndexSettings = SMALL_INDEX) {
    this.#directory = directory;
    this.#source = source;
    this.#settings = settings;
    ({
      store: this.store,
      compaction: this.compaction,
      sync: this.#sync,
      reader: this.reader,
    } = this.#open());
  }

  async advance(signal = new AbortController().signal): Promise<void> {
    while (await this.#sync.advance(signal)) {
      // until nothing is left to do
    }
  }

  /** Closes the store with whatever merge is under way, and opens it again. */
  async restart(): Promise<void> {
    await this.close();
    this.reopen();
  }

  /** After `close`. */
  reopen(): void {
    ({
      store: this.store,
      compaction: this.compaction,
      sync: this.#sync,
      reader: this.reader,
    } = this.#open());
  }

  /** One step of the merge under way. */
  async mergeSlice(sliceBytes: number): Promise<void> {
    const job = await this.store.readMergeSlice(sliceBytes);
    if (job === undefined) return;
    await this.store.commitMergeSlice(job, await new InlineWorkbench().merge(job));
  }

  async close(): Promise<void> {
    await this.compaction.stop();
    this.reader.close();
    await this.store.close();
  }

  ask<T>(question: (asked: Asked) => T): T {
    let answer: T | undefined;
    // biome-ignore lint/correctness/useYield: it has one step
    this.reader.askNow(function* (replies) {
      answer = question(new Asked(replies));
    });
    return answer as T;
  }

  /** Every answer of the index is that of the model: read as it lies, and then with guides to the runs. */
  expectToAnswerAs(chain: ModelChain): void {
    this.#expectAnswersOf(chain);
    this.reader.makeGuidesNow();
    this.#expectAnswersOf(chain);
  }

  #expectAnswersOf(chain: ModelChain): void {
    this.ask((queries) => {
      const txCount = chain.blocks.reduce((sum, { transactions }) => sum + transactions.length, 0);
      expect(queries.tip()).toEqual({ height: chain.height, hash: chain.blocks.at(-1)?.hash, txCount });
      const coins = chain.coins();
      for (const scriptHash of MODEL_SCRIPT_HASHES) {
        const own = coins.filter((coin) => coin.scriptHash === scriptHash);
        const history = isKept(scriptHash) ? chain.history(scriptHash) : [];
        expect(queries.history(scriptHash, 100_000)).toEqual(history);
        expectParts(queries, chain, scriptHash, history);
        expect(queries.unspent(scriptHash, 100_000)).toEqual(
          own.map(({ txid, index, height, amountSat }) => ({ txid, index, height, amountSat })),
        );
        expect(queries.balanceSat(scriptHash, 100_000)).toBe(
          own.reduce((sum, { amountSat }) => sum + amountSat, 0),
        );
      }
      const spenders = chain.spenders();
      chain.blocks.forEach(({ hash, header, transactions }, height) => {
        expect(Buffer.compare(queries.headers(height, 1), header)).toBe(0);
        transactions.forEach(({ txid, transaction }, position) => {
          expect(queries.txidAt(height, position)).toBe(txid);
          const branch = queries.branch(height, position) ?? [];
          const proof = queries.merkleProof(txid);
          // Of two with one id the later is found.
          if (chain.heightOf(txid) === height) {
            expect(queries.place(txid)).toEqual({ height, position, blockHash: hash });
            expect(proof).toMatchObject({ height, position });
            expect(proof?.branch).toEqual(branch);
          } else expect(proof?.height).toBeGreaterThan(height);
          const root = merkleRootFromBranch(
            txidToBytes(txid),
            branch.map((node) => Buffer.from(node, "hex").reverse()),
            position,
          );
          expect(Buffer.compare(root as Uint8Array, header.subarray(36, 68))).toBe(0);
          for (let index = 0; index <= transaction.outputs.length; index++) {
            expect(queries.spender({ txid, index })).toEqual(spenders.get(`${txid}:${index}`));
          }
        });
      });
      expect(queries.headers(chain.height, 5).length).toBe(80);
      expect(queries.headers(chain.height + 1, 5).length).toBe(0);
      expect(queries.place(txidFromBytes(new Uint8Array(32).fill(9)))).toBeUndefined();
    });
  }

  #open(): { store: IndexStore; compaction: Compaction; sync: ChainSync; reader: IndexReader } {
    const { batchBytes, fanIn, sliceBytes, liveBlocks, touchedBlocks } = this.#settings;
    const store = new IndexStore({
      directory: this.#directory,
      network: regtest.name,
      secret: new Uint8Array(16).fill(5),
    });
    const bench = new InlineWorkbench();
    const compaction = new Compaction({ store, bench, fanIn, bulkFanIn: fanIn, sliceBytes });
    const sync = new ChainSync({
      store,
      source: this.#source,
      bench,
      compaction,
      network: regtest,
      clock: systemClock,
      news: {
        connected: (block) => this.connected.push(block),
        disconnected: (block) => this.disconnected.push(block),
        jumped: () => {
          this.jumps += 1;
        },
        progress: () => {},
      },
      batchBytes,
      liveBlocks,
      touchedBlocks,
    });
    return { store, compaction, sync, reader: new IndexReader(store, CACHE_BYTES) };
  }
}

/** What is asked for above a block is what the whole history has above it; a block that the chain has left is none. */
function expectParts(
  queries: Asked,
  chain: ModelChain,
  scriptHash: ScriptHash,
  history: readonly AskedEntry[],
): void {
  const blockAt = (height: number) => ({ height, hash: chain.blocks[height]?.hash as string });
  const tip = blockAt(chain.height);
  const settled = blockAt(Math.max(0, chain.height - INDEXER_SETTLED_BLOCKS));
  const part = (after: IndexedTip | undefined) => queries.historyAfter(scriptHash, after, 100_000);
  const head = { tip, settled, isTooMany: false };
  expect(part(undefined)).toEqual({ ...head, isWhole: true, entries: history });
  const heights = new Set([0, chain.height >> 1, settled.height, chain.height - 1, chain.height]);
  for (const height of heights) {
    if (height < 0) continue;
    const entries = history.filter((entry) => entry.height > height);
    expect(part(blockAt(height))).toEqual({ ...head, isWhole: false, entries });
  }
  const left = chain.everyBlock.find(({ hash }) => !chain.blocks.some((block) => block.hash === hash));
  for (const hash of [left?.hash ?? "ff".repeat(32), chain.blocks[0]?.hash as string]) {
    for (const height of [chain.height, chain.height + 1]) {
      if (height > 0) expect(part({ height, hash })).toEqual({ ...head, isWhole: true, entries: history });
    }
  }
  const tooMany = queries.historyAfter(scriptHash, undefined, Math.max(1, history.length - 1));
  expect(tooMany.isTooMany).toBe(history.length > 1);
  if (tooMany.isTooMany) expect(tooMany.entries).toEqual([]);
}
