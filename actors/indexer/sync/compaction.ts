/** Merges runs and deletes dropped ones in the background, a slice at a time, beside the writer's other work. */

import { chooseMerge } from "../store/format.ts";
import type { IndexStore } from "../store/store.ts";
import type { Workbench } from "./workbench.ts";

export interface CompactionOptions {
  readonly store: IndexStore;
  readonly bench: Workbench;
  /** How many runs of one level become one of the next. */
  readonly fanIn: number;
  /** Packed bytes that one step reads, and so about the memory it takes, five times over. */
  readonly sliceBytes: number;
}

/** When this many times `fanIn` runs wait to be merged, the sync waits too: queries would have to look into each. */
const BACKLOG = 3;

export class Compaction {
  readonly #options: CompactionOptions;
  #running: Promise<void> | undefined;
  #isStopped = false;
  #failure: unknown;

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
    const { store, fanIn } = this.#options;
    if (store.state.runs.length <= BACKLOG * fanIn || this.#isStopped) return;
    this.kick();
    await this.#running;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Resolves when nothing is left to merge or delete. */
  async finish(): Promise<void> {
    this.kick();
    await this.#running;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Ends after the step under way; what is left waits for the next start. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #work(): Promise<void> {
    while (!this.#isStopped && (await this.#step())) {
      // Each step is one transaction of the store; between two of them the sync gets its turn.
    }
  }

  async #step(): Promise<boolean> {
    const { store, bench, fanIn, sliceBytes } = this.#options;
    if (store.state.merge !== undefined) {
      const job = store.readMergeSlice(sliceBytes);
      await store.commitMergeSlice(job, await bench.merge(job));
      return true;
    }
    if (store.state.dropped.length > 0) {
      await store.sweep();
      return true;
    }
    const sources = chooseMerge(store.state, fanIn);
    if (sources === undefined) return false;
    await store.beginMerge(sources);
    return true;
  }
}
