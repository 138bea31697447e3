/** Asks index and mempool where transactions of ours are by now, in few questions however many there are. */
import type { Bus, Client } from "../../../bus/bus.ts";
import { INDEXER_BATCH_MAX, indexerContract } from "../../../bus/contracts/indexer.ts";
import { MEMPOOL_BATCH_MAX, mempoolContract } from "../../../bus/contracts/mempool.ts";
import { outpointOf } from "../coins/script-facts.ts";

export interface Sought {
  readonly txid: string;
  /** Of its inputs those that are ours, as `txid:index`. */
  readonly inputs: readonly string[];
}

/**
 * `rivalled`: the mempool has another one that spends a coin of it; `missing`: nothing stands in its way.
 * Of a conflict: the transaction in a block that spends one of its coins.
 */
export type Whereabouts = "confirmed" | "waiting" | "missing" | "rivalled" | { readonly conflict: string };

const BATCH_MAX = Math.min(INDEXER_BATCH_MAX, MEMPOOL_BATCH_MAX);

export class Finder {
  readonly #indexer: Client<typeof indexerContract>;
  readonly #mempool: Client<typeof mempoolContract>;

  constructor(bus: Bus) {
    this.#indexer = bus.client(indexerContract);
    this.#mempool = bus.client(mempoolContract);
  }

  /** In their order. Nothing while the mempool has not read its node: then everything would seem to be missing. */
  async find(sought: readonly Sought[], signal: AbortSignal): Promise<readonly Whereabouts[] | undefined> {
    const found: Whereabouts[] = [];
    for (const batch of batches(sought)) {
      const txids = batch.map(({ txid }) => txid);
      // First the index, so that what a new block takes in between is in both and not in none.
      const placed = await this.#indexer.places({ txids }, { signal });
      if (placed.tip === null) return undefined;
      const waiting = await this.#mempool.transactions({ txids, confirmedTip: placed.tip.hash }, { signal });
      if (!waiting.view.isSynced) return undefined;
      for (const at of batch.keys()) {
        const isThere = placed.results[at] ?? null;
        found.push(
          isThere !== null ? "confirmed" : (waiting.results[at] ?? null) !== null ? "waiting" : "missing",
        );
      }
    }
    const missing = sought.filter((_, at) => found[at] === "missing");
    const spenders = await this.#spendersOf(
      missing.flatMap(({ inputs }) => inputs),
      signal,
    );
    return sought.map(({ inputs }, at) => {
      const place = found[at] ?? "missing";
      return place === "missing" ? standOf(inputs, spenders) : place;
    });
  }

  async #spendersOf(
    outpoints: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Whereabouts>> {
    const spenders = new Map<string, Whereabouts>();
    for (const batch of batches(outpoints)) {
      const asked = batch.map(outpointOf);
      const [chain, mempool] = await Promise.all([
        this.#indexer.spenders({ outpoints: asked }, { signal }),
        this.#mempool.spenders({ outpoints: asked }, { signal }),
      ]);
      for (const [at, outpoint] of batch.entries()) {
        const spentBy = chain.results[at] ?? null;
        if (spentBy !== null) spenders.set(outpoint, { conflict: spentBy.txid });
        else if ((mempool.results[at] ?? null) !== null) spenders.set(outpoint, "rivalled");
      }
    }
    return spenders;
  }
}

function standOf(inputs: readonly string[], spenders: ReadonlyMap<string, Whereabouts>): Whereabouts {
  const stands = inputs.flatMap((outpoint) => spenders.get(outpoint) ?? []);
  return stands.find((stand) => typeof stand === "object") ?? stands[0] ?? "missing";
}

function batches<T>(all: readonly T[]): T[][] {
  const count = Math.ceil(all.length / BATCH_MAX);
  return Array.from({ length: count }, (_, at) => all.slice(at * BATCH_MAX, (at + 1) * BATCH_MAX));
}
