/** The parts of the indexer that a first sync needs, put together: for benchmarks, and for tests that kill it. */
import { IndexStore } from "../../actors/indexer/store/store.ts";
import type { BlockSource } from "../../actors/indexer/sync/block-source.ts";
import { Compaction } from "../../actors/indexer/sync/compaction.ts";
import { PooledWorkbench } from "../../actors/indexer/sync/pool.ts";
import { ChainSync, type SyncNews } from "../../actors/indexer/sync/sync.ts";
import type { Network } from "../../bitcoin/network.ts";
import { systemClock } from "../../runtime/clock.ts";

export interface FirstSyncOptions {
  readonly directory: string;
  readonly source: BlockSource;
  readonly network: Network;
  readonly threads: number;
  readonly batchBytes: number;
  readonly fanIn: number;
  readonly bulkFanIn: number;
  readonly sliceBytes: number;
  readonly liveBlocks: number;
  readonly touchedBlocks: number;
  readonly news: SyncNews;
  /** For indexes that shall be compared; random otherwise. */
  readonly secret?: Uint8Array;
}

export class FirstSync {
  readonly store: IndexStore;
  readonly #bench: PooledWorkbench;
  readonly #compaction: Compaction;
  readonly #sync: ChainSync;

  constructor(options: FirstSyncOptions) {
    const { directory, network, threads, secret, fanIn, bulkFanIn, sliceBytes, ...rest } = options;
    this.store = new IndexStore({
      directory,
      network: network.name,
      ...(secret === undefined ? {} : { secret }),
    });
    this.#bench = new PooledWorkbench(threads, (error) => {
      throw error;
    });
    const { store } = this;
    const bench = this.#bench;
    this.#compaction = new Compaction({ store, bench, fanIn, bulkFanIn, sliceBytes });
    this.#sync = new ChainSync({
      ...rest,
      store,
      bench,
      compaction: this.#compaction,
      network,
      clock: systemClock,
    });
  }

  /** Up to the source's tip. */
  async index(): Promise<void> {
    const { signal } = new AbortController();
    while (await this.#sync.advance(signal)) {
      // until nothing is left to do
    }
  }

  /** Until no merge is left to do. */
  async merge(): Promise<void> {
    await this.#compaction.finish();
  }

  async close(): Promise<void> {
    await this.#bench.close();
    await this.store.close();
  }
}
