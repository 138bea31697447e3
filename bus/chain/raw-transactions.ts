/** Fetches transactions whole over the bus, from the chain or from the mempool, wherever they are by then. */
import { hexToBytes } from "../../bitcoin/bytes.ts";
import type { Network } from "../../bitcoin/network.ts";
import { parseTransaction, type Transaction, txidOf } from "../../bitcoin/transaction.ts";
import type { Bus, Client } from "../bus.ts";
import { indexerContract } from "../contracts/indexer.ts";
import { mempoolContract } from "../contracts/mempool.ts";

const BATCH_MAX = 100;

/** Takes one that was found: parsed, and as it was told. */
export type TakeRaw = (txid: string, transaction: Transaction, hex: string) => void;

export class RawTransactions {
  readonly #indexer: Client<typeof indexerContract>;
  readonly #mempool: Client<typeof mempoolContract>;
  readonly #network: Network;

  constructor(bus: Bus, network: Network) {
    this.#indexer = bus.client(indexerContract);
    this.#mempool = bus.client(mempoolContract);
    this.#network = network;
  }

  /** Calls `take` with each that was found; one that nobody has any more is left out. */
  async fetch(txids: readonly string[], take: TakeRaw): Promise<void> {
    for (let at = 0; at < txids.length; at += BATCH_MAX) {
      const batch = txids.slice(at, at + BATCH_MAX);
      const { results } = await this.#indexer.rawTransactions({ txids: batch });
      const missing = batch.filter((_, i) => results[i] === null);
      const waiting =
        missing.length === 0 ? [] : (await this.#mempool.rawTransactions({ txids: missing })).results;
      for (const [i, txid] of batch.entries()) this.#give(txid, results[i] ?? null, take);
      for (const [i, txid] of missing.entries()) this.#give(txid, waiting[i] ?? null, take);
    }
  }

  #give(txid: string, hex: string | null, take: TakeRaw): void {
    if (hex === null) return;
    const transaction = parseTransaction(hexToBytes(hex), this.#network.serialization);
    // What was fetched decides about money: it must be what was asked for.
    if (txidOf(transaction) === txid) take(txid, transaction, hex);
  }
}
