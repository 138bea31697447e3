/** Merges runs and deletes dropped ones in the background, slice by slice, beside the writer's other work. */
import type { MergeJob } from "../rows/merge.ts";
import type { PackedRows } from "../rows/packed-block.ts";
import { chooseMerge } from "../store/format.ts";
import type { IndexStore } from "../store/store.ts";
import type { Workbench } from "./workbench.ts";

export interface CompactionOptions {
  readonly store: IndexStore;
  readonly bench: Workbench;
  /** How many runs of one level become one of the next. */
  readonly fanIn: number;
  /** The same while blocks come in bulk: each row is then rewritten less often, and questions can wait. */
  readonly bulkFanIn: number;
  /** Packed bytes that one step reads, and so about the memory it takes, five times over. */
  readonly sliceBytes: number;
}

/** When this many times the fan-in of runs wait to be merged, the sync waits too: queries would have to look into each. */
const BACKLOG = 3;

export class Compaction {
  readonly #options: CompactionOptions;
  #running: Promise<void> | undefined;
  #isStopped = false;
  #isAwaited = false;
  #failure: unknown;
  /** Whether blocks come in bulk. */
  isBulk = false;

  constructor(options: CompactionOptions) {
    this.#options = options;
  }

  /** Begins work if there is some and none is under way. A failure is thrown at the next call. */
  kick(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#running !== undefined || this.#isStopped) return;
    this.#running = this.#work()
      .catch((error: unknown) => {
        this.#failure = error;
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Resolves when few enough runs are left for the sync to go on. */
  async relief(): Promise<void> {
    if (this.#options.store.state.runs.length <= BACKLOG * this.#fanIn || this.#isStopped) return;
    await this.finish();
  }

  /** Resolves when nothing is left to merge or delete. */
  async finish(): Promise<void> {
    this.#isAwaited = true;
    try {
      this.kick();
      await this.#running;
    } finally {
      this.#isAwaited = false;
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Ends after the steps under way; what is left waits for the next start. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  get #fanIn(): number {
    return this.isBulk ? this.#options.bulkFanIn : this.#options.fanIn;
  }

  /** Slices worth having under way at once: all threads work while somebody waits, half of them beside the sync. */
  get #width(): number {
    const { width } = this.#options.bench;
    return this.#isAwaited ? width : Math.ceil(width / 2);
  }

  async #work(): Promise<void> {
    while (!this.#isStopped && (await this.#step())) {
      // Each step is some transactions of the store; between two of them the sync gets its turn.
    }
  }

  async #step(): Promise<boolean> {
    const { store } = this.#options;
    if (store.state.merge !== undefined) {
      await this.#merge();
      return true;
    }
    if (store.state.dropped.length > 0) {
      await store.sweep();
      return true;
    }
    const sources = chooseMerge(store.state, this.#fanIn);
    if (sources === undefined) return false;
    await store.beginMerge(sources);
    return true;
  }

  /** The merge under way to its end: several slices in the threads' hands, committed in their order. */
  async #merge(): Promise<void> {
    const { store, bench, sliceBytes } = this.#options;
    const underWay: { readonly job: MergeJob; readonly packed: Promise<PackedRows> }[] = [];
    let last: MergeJob | undefined;
    let hasMore = true;
    try {
      for (;;) {
        while (
          hasMore &&
          !this.#isStopped &&
          store.state.merge !== undefined &&
          underWay.length < this.#width
        ) {
          const job = await store.readMergeSlice(sliceBytes, last);
          if (job === undefined) {
            hasMore = false;
            break;
          }
          last = job;
          const packed = bench.merge(job);
          packed.catch(() => {}); // awaited in its turn
          underWay.push({ job, packed });
        }
        const oldest = underWay.shift();
        // A rollback may have ended the merge: then the rest of it is nothing.
        if (oldest === undefined || store.state.merge === undefined) return;
        await store.commitMergeSlice(oldest.job, await oldest.packed);
      }
    } finally {
      await Promise.allSettled(underWay.map(({ packed }) => packed));
    }
  }
}
