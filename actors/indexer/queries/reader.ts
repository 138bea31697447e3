/** Opens a snapshot for each question and keeps between questions what makes them fast. */
import type { BlockHash, Txid } from "../../../bitcoin/bytes.ts";
import { RowKeys } from "../rows/row-key.ts";
import type { IndexStore } from "../store/store.ts";
import { HeaderTree } from "./header-tree.ts";
import { Heights } from "./heights.ts";
import { Queries, type QueryMemory } from "./queries.ts";

export class IndexReader {
  readonly #store: IndexStore;
  readonly #memory: QueryMemory;

  constructor(store: IndexStore) {
    this.#store = store;
    this.#memory = { keys: new RowKeys(store.secret), heights: new Heights(), headerTree: new HeaderTree() };
  }

  /** Everything that `question` asks is answered as of one moment. It must not wait. */
  ask<T>(question: (queries: Queries) => T): T {
    const view = this.#store.snapshot();
    try {
      return question(new Queries(view, this.#memory));
    } finally {
      view.release();
    }
  }

  /** The block that holds each of these transactions. */
  locate(txids: readonly Txid[]): (BlockHash | undefined)[] {
    return this.ask((queries) => txids.map((txid) => queries.place(txid)?.blockHash));
  }
}
