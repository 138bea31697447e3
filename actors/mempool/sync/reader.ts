/** Turns ids into entries: asks the node for the transactions, and for the coins that they spend and we do not have. */
import type { Txid } from "../../../bitcoin/bytes.ts";
import type { Network } from "../../../bitcoin/network.ts";
import { isIndexedScript, scriptHashOf } from "../../../bitcoin/script/scripthash.ts";
import type { ConfirmedCoin, Outpoint } from "../../../bitcoind/questions/mempool.ts";
import { hasCode } from "../../../runtime/errors.ts";
import { type Draft, draftOf, type Entry, entryOf, type Pay } from "../view/entry.ts";
import type { MempoolSource } from "./source.ts";

/** Ids in one request: a few milliseconds of the node's time. */
const CHUNK = 250;
/** Requests under way at once; the node works on 16 by default, and others ask it too. */
const AHEAD = 4;
/** A transaction may spend thousands of coins. */
const COINS_CHUNK = 500;

/** What a transaction that is read may already bring with it. */
export interface Wanted {
  readonly txid: Txid;
  /** When we have just sent it ourselves. */
  readonly rawTx?: Uint8Array;
}

/** A draft with the coins that the node was asked for, by the place of the input. */
interface Read {
  readonly draft: Draft;
  readonly coins: (Pay | undefined)[];
}

export interface ReaderOptions {
  readonly source: MempoolSource;
  readonly serialization: Network["serialization"];
  /** An output of a transaction that the view has, confirmed or not. */
  readonly payOf: (txid: Txid, index: number) => Pay | undefined;
  readonly nowS: () => number;
}

export class EntryReader {
  readonly #options: ReaderOptions;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /**
   * Entries in the order of `wanted`, as many at a time as one request brings; what the node no longer has, or whose coins are
   * gone, is left out. Parents come before children, or are in the view. Several requests are under way at once.
   */
  async *read(wanted: readonly Wanted[], signal: AbortSignal): AsyncGenerator<Entry[]> {
    const coming = new Set(wanted.map(({ txid }) => txid));
    const made = new Map<Txid, Entry>();
    const underWay: Promise<Read[]>[] = [];
    let next = 0;
    try {
      while (next < wanted.length || underWay.length > 0) {
        signal.throwIfAborted();
        while (next < wanted.length && underWay.length < AHEAD) {
          const chunk = this.#fetch(wanted.slice(next, next + CHUNK), coming);
          chunk.catch(() => {}); // awaited in its turn
          underWay.push(chunk);
          next += CHUNK;
        }
        yield this.#complete(await (underWay.shift() as Promise<Read[]>), made);
      }
    } finally {
      await Promise.allSettled(underWay);
    }
  }

  async #fetch(wanted: readonly Wanted[], coming: ReadonlySet<Txid>): Promise<Read[]> {
    const { source, payOf } = this.#options;
    const read: Read[] = (await this.#drafts(wanted)).map((draft) => ({ draft, coins: [] }));
    const missing: (Outpoint & { readonly of: Read; readonly input: number })[] = [];
    for (const of of read) {
      of.draft.outpoints.forEach(({ txid, index }, input) => {
        if (coming.has(txid) || payOf(txid, index) !== undefined) return;
        missing.push({ txid, index, of, input });
      });
    }
    for (let start = 0; start < missing.length; start += COINS_CHUNK) {
      const asked = missing.slice(start, start + COINS_CHUNK);
      const found = await source.confirmedCoins(asked);
      asked.forEach(({ of, input }, i) => {
        const coin = found[i];
        of.coins[input] = coin === undefined ? undefined : payFrom(coin);
      });
    }
    return read;
  }

  async #drafts(wanted: readonly Wanted[]): Promise<Draft[]> {
    const unread = wanted.filter(({ rawTx }) => rawTx === undefined).map(({ txid }) => txid);
    const given = unread.length === 0 ? [] : await this.#options.source.transactions(unread);
    const raw = new Map(unread.map((txid, i) => [txid, given[i]]));
    return wanted.flatMap(({ txid, rawTx }) => {
      const bytes = rawTx ?? raw.get(txid);
      return bytes === undefined ? [] : (this.#draft(txid, bytes) ?? []);
    });
  }

  #draft(txid: Txid, bytes: Uint8Array): Draft | undefined {
    try {
      return draftOf(txid, bytes, this.#options.serialization);
    } catch (error) {
      // What the node calls a transaction is none for us (of another network, say): we do without it.
      if (hasCode(error, "BITCOIN_MALFORMED")) return undefined;
      throw error;
    }
  }

  #complete(read: readonly Read[], made: Map<Txid, Entry>): Entry[] {
    const { payOf, nowS } = this.#options;
    const entries: Entry[] = [];
    for (const { draft, coins } of read) {
      const coinOf = (txid: Txid, index: number, input: number): Pay | undefined =>
        coins[input] ?? made.get(txid)?.pays[index] ?? payOf(txid, index);
      const entry = entryOf(draft, coinOf, nowS());
      if (entry === undefined) continue;
      made.set(entry.txid, entry);
      entries.push(entry);
    }
    return entries;
  }
}

function payFrom({ amountSat, scriptPubKey }: ConfirmedCoin): Pay {
  return { amountSat, scriptHash: isIndexedScript(scriptPubKey) ? scriptHashOf(scriptPubKey) : undefined };
}
