/** Asks index and mempool for scripts of ours, in batches; an answer is of one block or it is none. */
import type { Bus, Client } from "../../../bus/bus.ts";
import { INDEXER_BATCH_MAX, type IndexedTip, indexerContract } from "../../../bus/contracts/indexer.ts";
import { mempoolContract } from "../../../bus/contracts/mempool.ts";
import { joinHalves, type ScriptFacts } from "./script-facts.ts";

export interface LookedUp {
  readonly tip: IndexedTip;
  readonly facts: ReadonlyMap<string, ScriptFacts>;
}

export interface Lookup {
  /** Nothing when the two halves, or two batches, were of different blocks: ask again. */
  scripts(hashes: readonly string[]): Promise<LookedUp | undefined>;
}

export class BusLookup implements Lookup {
  readonly #indexer: Client<typeof indexerContract>;
  readonly #mempool: Client<typeof mempoolContract>;

  constructor(bus: Bus) {
    this.#indexer = bus.client(indexerContract);
    this.#mempool = bus.client(mempoolContract);
  }

  async scripts(hashes: readonly string[]): Promise<LookedUp | undefined> {
    const facts = new Map<string, ScriptFacts>();
    let tip: IndexedTip | undefined;
    for (let at = 0; at < hashes.length; at += INDEXER_BATCH_MAX) {
      const found = await this.#batch(hashes.slice(at, at + INDEXER_BATCH_MAX), facts);
      if (found === undefined || (tip !== undefined && tip.hash !== found.hash)) return undefined;
      tip = found;
    }
    return tip === undefined ? undefined : { tip, facts };
  }

  async #batch(hashes: string[], facts: Map<string, ScriptFacts>): Promise<IndexedTip | undefined> {
    const [histories, unspents] = await Promise.all([
      this.#indexer.histories({ scripthashes: hashes }),
      this.#indexer.unspents({ scripthashes: hashes }),
    ]);
    const { tip } = histories;
    if (tip === null || tip.hash !== unspents.tip?.hash) return undefined;
    const asked = { scripthashes: hashes, confirmedTip: tip.hash };
    const [waiting, moving] = await Promise.all([
      this.#mempool.histories(asked),
      this.#mempool.unspents(asked),
    ]);
    // A mempool that has not read its node yet would make what is unconfirmed disappear.
    if (!waiting.view.isSynced || !moving.view.isSynced) return undefined;
    if (waiting.view.tip?.hash !== tip.hash || moving.view.tip?.hash !== tip.hash) return undefined;
    for (const [i, hash] of hashes.entries()) {
      // Null is a script with more entries than fit: a million, which no wallet's owner made.
      facts.set(
        hash,
        joinHalves(
          { history: histories.results[i] ?? [], unspents: unspents.results[i] ?? [] },
          {
            history: waiting.results[i] ?? [],
            unspents: moving.results[i]?.unspents ?? [],
            spent: moving.results[i]?.spent ?? [],
          },
        ),
      );
    }
    return tip;
  }
}
