/** The transactions of one wallet: read once each, in the background, so that questions about them need nobody. */
import type { Network } from "../../../bitcoin/network.ts";
import type { RawTransactions } from "../../../bus/chain/raw-transactions.ts";
import { type CoinRole, roleOfCoin } from "../../../joinmarket/coinjoin/detect.ts";
import { INTERNAL_CHAIN } from "../../../joinmarket/wallet/paths.ts";
import type { ScriptBook } from "../accounts/script-book.ts";
import type { CoinView, OwnCoin } from "../coins/coin-view.ts";
import { factsOf, type TransactionFacts } from "./transaction-facts.ts";

export interface OwnTransactionsParts {
  readonly raw: RawTransactions;
  readonly book: ScriptBook;
  readonly view: CoinView;
  readonly network: Network;
}

export class OwnTransactions {
  readonly #parts: OwnTransactionsParts;
  readonly #facts = new Map<string, TransactionFacts>();
  #loading: Promise<void> | undefined;

  constructor(parts: OwnTransactionsParts) {
    this.#parts = parts;
  }

  /** Nothing until it was read. */
  facts(txid: string): TransactionFacts | undefined {
    return this.#facts.get(txid);
  }

  /** Reads what is missing of all that the wallet has. One reading at a time; whoever comes meanwhile waits for the next. */
  async load(): Promise<void> {
    while (this.#missing().length > 0) {
      const before = this.#facts.size;
      this.#loading ??= this.#read().finally(() => {
        this.#loading = undefined;
      });
      await this.#loading;
      // What nobody has any more is on its way out of the view too.
      if (this.#facts.size === before) return;
    }
  }

  /** Reads what tells whether a young coin was mined, before all the rest: without it nobody knows what can be spent. */
  async loadYoung(): Promise<void> {
    for (let missing = this.#missingYoung(); missing.length > 0; ) {
      await this.#fetch(missing);
      const still = this.#missingYoung();
      // What nobody has any more is on its way out of the view too.
      if (still.length >= missing.length && still.every((txid) => missing.includes(txid))) return;
      missing = still;
    }
  }

  roleOf(coin: OwnCoin): CoinRole {
    const isInternal = coin.key.path.chain === INTERNAL_CHAIN;
    return roleOfCoin({ valueSat: coin.amountSat, isInternal }, this.facts(coin.txid)?.coinjoin);
  }

  isImmature(coin: OwnCoin): boolean {
    const { coinbaseMaturityBlocks } = this.#parts.network.money;
    return coin.confirmations < coinbaseMaturityBlocks && this.facts(coin.txid)?.isCoinbase === true;
  }

  #missing(): string[] {
    const missing: string[] = [];
    for (const { txid } of this.#parts.view.transactions()) if (!this.#facts.has(txid)) missing.push(txid);
    return missing;
  }

  #missingYoung(): string[] {
    const { view, network } = this.#parts;
    const { coinbaseMaturityBlocks } = network.money;
    const young = new Set<string>();
    for (const { txid, confirmations } of view.coins.values()) {
      if (confirmations < coinbaseMaturityBlocks && !this.#facts.has(txid)) young.add(txid);
    }
    return [...young];
  }

  async #fetch(txids: readonly string[]): Promise<void> {
    const { raw, book, network } = this.#parts;
    await raw.fetch(txids, (txid, transaction) => {
      this.#facts.set(txid, factsOf(transaction, book, network));
    });
  }

  async #read(): Promise<void> {
    const { view } = this.#parts;
    await this.#fetch(this.#missing());
    for (const txid of this.#facts.keys()) if (view.placeOf(txid) === undefined) this.#facts.delete(txid);
  }
}
