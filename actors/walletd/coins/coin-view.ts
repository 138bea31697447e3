/** The coins of one wallet as they are at one block: replaced as a whole, never half. */
import type { IndexedTip } from "../../../bus/contracts/indexer.ts";
import type { WalletKey } from "../../../joinmarket/wallet/wallet-key.ts";
import type { ScriptBook } from "../accounts/script-book.ts";
import { NO_FACTS, outpointText, type ScriptFacts, type Unspent } from "./script-facts.ts";

export interface OwnCoin extends Unspent {
  readonly outpoint: string;
  readonly key: WalletKey;
  readonly confirmations: number;
  /** Its address had a coin before this one came. */
  readonly isOnReusedAddress: boolean;
}

/** What became known, or changed its place, from one view to the next. Null: no block and no mempool has it any more. */
export type Moves = ReadonlyMap<string, { readonly height: number | null } | null>;

export class CoinView {
  readonly #book: ScriptBook;
  readonly #facts = new Map<string, ScriptFacts>();
  /** By txid: in how many scripts' histories it is, and where. */
  readonly #places = new Map<string, { height: number | null; scripts: number }>();
  #tip: IndexedTip | undefined;
  #coins: ReadonlyMap<string, OwnCoin> | undefined;

  constructor(book: ScriptBook) {
    this.#book = book;
  }

  /** Undefined until all scripts were looked up once. */
  get tip(): IndexedTip | undefined {
    return this.#tip;
  }

  get transactionCount(): number {
    return this.#places.size;
  }

  facts(scriptHash: string): ScriptFacts {
    return this.#facts.get(scriptHash) ?? NO_FACTS;
  }

  /** All transactions that pay or spend from us, in no order. */
  *transactions(): Iterable<{ readonly txid: string; readonly height: number | null }> {
    for (const [txid, { height }] of this.#places) yield { txid, height };
  }

  placeOf(txid: string): { readonly height: number | null } | undefined {
    return this.#places.get(txid);
  }

  /** Unspent ones by outpoint, in the order of the accounts. */
  get coins(): ReadonlyMap<string, OwnCoin> {
    this.#coins ??= this.#collect();
    return this.#coins;
  }

  /** Takes over what was looked up: everything in it holds at this block. */
  apply(tip: IndexedTip, looked: ReadonlyMap<string, ScriptFacts>): Moves {
    const moves = new Map<string, { readonly height: number | null } | null>();
    const before = new Map<string, number | null>();
    for (const [hash, facts] of looked) {
      for (const { txid, height } of this.facts(hash).history) {
        if (!before.has(txid)) before.set(txid, height);
        this.#leave(txid);
      }
      this.#facts.set(hash, facts);
      for (const { txid, height } of facts.history) this.#enter(txid, height);
    }
    for (const { history } of looked.values()) {
      for (const { txid, height } of history) {
        if (!before.has(txid) || before.get(txid) !== height) moves.set(txid, { height });
      }
    }
    for (const txid of before.keys()) if (!this.#places.has(txid)) moves.set(txid, null);
    this.#tip = tip;
    this.#coins = undefined;
    return moves;
  }

  #enter(txid: string, height: number | null): void {
    const place = this.#places.get(txid);
    if (place === undefined) this.#places.set(txid, { height, scripts: 1 });
    else {
      place.height = height;
      place.scripts += 1;
    }
  }

  #leave(txid: string): void {
    const place = this.#places.get(txid);
    if (place === undefined) return;
    place.scripts -= 1;
    if (place.scripts === 0) this.#places.delete(txid);
  }

  #collect(): ReadonlyMap<string, OwnCoin> {
    const coins: OwnCoin[] = [];
    for (const [hash, { unspents, history }] of this.#facts) {
      const key = this.#book.find(hash);
      if (key === undefined || unspents.length === 0) continue;
      const [first] = history;
      for (const coin of unspents) {
        coins.push({
          ...coin,
          outpoint: outpointText(coin),
          key,
          confirmations: this.#confirmationsOf(coin.height),
          isOnReusedAddress: first !== undefined && first.txid !== coin.txid,
        });
      }
    }
    coins.sort(byPlace);
    return new Map(coins.map((coin) => [coin.outpoint, coin]));
  }

  #confirmationsOf(height: number | null): number {
    return height === null || this.#tip === undefined ? 0 : Math.max(0, this.#tip.height - height + 1);
  }
}

function byPlace(a: OwnCoin, b: OwnCoin): number {
  const [x, y] = [a.key.path, b.key.path];
  return (
    x.mixdepth - y.mixdepth ||
    x.chain - y.chain ||
    x.index - y.index ||
    (a.txid < b.txid ? -1 : a.txid > b.txid ? 1 : a.index - b.index)
  );
}
