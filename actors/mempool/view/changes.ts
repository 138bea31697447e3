/** What changed since others were last told: scripts, transactions and outputs, cut into parts that a message can carry. */
import type { BlockHash, ScriptHash, Txid } from "../../../bitcoin/bytes.ts";
import { MEMPOOL_NEWS_MAX, type MempoolChange, type MempoolView } from "../../../bus/contracts/mempool.ts";
import type { Entry } from "./entry.ts";

export type Departure =
  | { readonly why: "confirmed"; readonly by: BlockHash }
  | { readonly why: "replaced"; readonly by: Txid }
  | { readonly why: "dropped"; readonly by: null };

export class Changes {
  readonly #touched = new Set<ScriptHash>();
  readonly #added = new Set<Txid>();
  readonly #removed = new Map<Txid, Departure>();
  readonly #spent = new Map<Txid, Set<number>>();
  #isEverything = false;

  get isEmpty(): boolean {
    return (
      !this.#isEverything && this.#touched.size === 0 && this.#added.size === 0 && this.#removed.size === 0
    );
  }

  get addedCount(): number {
    return this.#added.size;
  }

  departures(): IterableIterator<Departure> {
    return this.#removed.values();
  }

  /** Nobody can say what changed. */
  everything(): void {
    this.#isEverything = true;
  }

  came(entry: Entry): void {
    this.#removed.delete(entry.txid);
    this.#added.add(entry.txid);
    this.touch(entry);
    this.#spend(entry);
  }

  went(entry: Entry, departure: Departure): void {
    this.#added.delete(entry.txid);
    this.#removed.set(entry.txid, departure);
    this.touch(entry);
    this.#spend(entry);
  }

  /** Answers about its scripts may differ, such as when its parent was confirmed. */
  touch({ spends, pays }: Entry): void {
    for (const { scriptHash } of spends) if (scriptHash !== undefined) this.#touched.add(scriptHash);
    for (const { scriptHash } of pays) if (scriptHash !== undefined) this.#touched.add(scriptHash);
  }

  /** At least one part: a new block alone is news. */
  parts(view: MempoolView): MempoolChange[] {
    if (this.#isEverything) {
      return [{ view, touched: null, added: [], removed: [], outpoints: [], part: 0, parts: 1 }];
    }
    const touched = [...this.#touched].sort();
    const added = [...this.#added];
    const removed = [...this.#removed].map(([txid, departure]) => ({ txid, ...departure }));
    const outpoints = [...this.#spent].flatMap(([txid, indexes]) =>
      [...indexes].map((index) => ({ txid, index })),
    );
    const longest = Math.max(touched.length, added.length, removed.length, outpoints.length);
    const parts = Math.max(1, Math.ceil(longest / MEMPOOL_NEWS_MAX));
    return Array.from({ length: parts }, (_, part) => {
      const from = part * MEMPOOL_NEWS_MAX;
      const to = from + MEMPOOL_NEWS_MAX;
      return {
        view,
        touched: touched.slice(from, to),
        added: added.slice(from, to),
        removed: removed.slice(from, to),
        outpoints: outpoints.slice(from, to),
        part,
        parts,
      };
    });
  }

  #spend(entry: Entry): void {
    for (const { txid, index } of entry.spends) {
      const indexes = this.#spent.get(txid);
      if (indexes === undefined) this.#spent.set(txid, new Set([index]));
      else indexes.add(index);
    }
  }
}
