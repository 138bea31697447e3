/** Transactions: their bytes, where they stand, and the proofs that they stand there. */
import type { AtHand, Client } from "../../../../bus/bus.ts";
import { INDEXER_BATCH_MAX, type indexerContract } from "../../../../bus/contracts/indexer.ts";
import type { mempoolContract } from "../../../../bus/contracts/mempool.ts";
import type { Clock } from "../../../../runtime/clock.ts";
import { whenKnown } from "../asking/at-hand.ts";
import { Gathering } from "../asking/gathering.ts";
import { KeptAnswers } from "../asking/kept-answers.ts";
import type { ChainWatcher } from "./chain-feed.ts";

export interface Place {
  readonly height: number;
  readonly position: number;
  readonly blockHash: string;
}

export interface TransactionProof {
  readonly height: number;
  readonly position: number;
  /** From the leaf upwards, as people write hashes. */
  readonly branch: readonly string[];
}

export interface TransactionAt {
  readonly txid: string;
  /** As in a proof; null where none was asked for. */
  readonly branch: readonly string[] | null;
}

interface WantedPlace {
  readonly height: number;
  readonly position: number;
  readonly isProved: boolean;
}

export interface TransactionsOptions {
  readonly clock: Clock;
  readonly indexer: Client<typeof indexerContract>;
  readonly index: AtHand<typeof indexerContract>;
  readonly mempool: Client<typeof mempoolContract>;
}

/** Without a promise when it is at hand. */
type Maybe<A> = A | undefined | Promise<A | undefined>;

const RAW_BATCH_MAX = 100;
const KEPT_RAW_BYTES_MAX = 32 * 1024 * 1024;
const KEPT_PROOFS_MAX = 10_000;
/** Behind the key of a place whose proof is wanted too. */
const PROVED = "+";

export class Transactions implements ChainWatcher {
  readonly #unconfirmedRaw: Gathering<string, string | null>;
  readonly #places: Gathering<string, Place | null>;
  readonly #raw: KeptAnswers<string | null>;
  readonly #proofs: KeptAnswers<TransactionProof | null>;
  /** By `height/position`, with `+` behind it for a proof: what stands there changes only with the chain. */
  readonly #at: KeptAnswers<TransactionAt | null>;

  constructor({ clock, indexer, index, mempool }: TransactionsOptions) {
    const confirmedRaw = new Gathering<string, string | null>({
      clock,
      ask: async (txids) => (await indexer.rawTransactions({ txids: [...txids] })).results,
      batchMax: RAW_BATCH_MAX,
    });
    this.#unconfirmedRaw = new Gathering({
      clock,
      ask: async (txids) => (await mempool.rawTransactions({ txids: [...txids] })).results,
      batchMax: RAW_BATCH_MAX,
    });
    this.#places = new Gathering({
      clock,
      ask: async (txids) => (await indexer.places({ txids: [...txids] })).results,
      batchMax: INDEXER_BATCH_MAX,
    });
    this.#raw = new KeptAnswers({
      ask: (txid) => {
        const found = index.rawTransactions({ txids: [txid] });
        return found === undefined ? confirmedRaw.ask(txid) : whenKnown(found, onlyResult);
      },
      // What a transaction says never changes; that there is none may change at any moment.
      weightOf: (hex) => hex?.length ?? Number.POSITIVE_INFINITY,
      weightMax: KEPT_RAW_BYTES_MAX,
    });
    const proofs = new Gathering<string, TransactionProof | null>({
      clock,
      ask: async (txids) => (await indexer.merkleProofs({ txids: [...txids] })).results,
      batchMax: RAW_BATCH_MAX,
    });
    this.#proofs = new KeptAnswers({
      ask: (txid) => {
        const found = index.merkleProofs({ txids: [txid] });
        return found === undefined ? proofs.ask(txid) : whenKnown(found, onlyResult);
      },
      weightOf: (proof) => (proof === null ? Number.POSITIVE_INFINITY : 1),
      weightMax: KEPT_PROOFS_MAX,
    });
    const at = new Gathering<WantedPlace, TransactionAt | null>({
      clock,
      ask: async (places) => (await indexer.transactionsAt({ places: [...places] })).results,
      batchMax: RAW_BATCH_MAX,
    });
    this.#at = new KeptAnswers({
      ask: (key) => {
        const place = placeOf(key);
        const found = index.transactionsAt({ places: [place] });
        return found === undefined ? at.ask(place) : whenKnown(found, onlyResult);
      },
      weightOf: (found) => (found === null ? Number.POSITIVE_INFINITY : 1),
      weightMax: KEPT_PROOFS_MAX,
    });
  }

  /** The bytes in hex; undefined when neither the chain nor the mempool has it. */
  raw(txid: string): string | Promise<string | undefined> {
    const found = this.#raw.of(txid);
    return typeof found === "string" ? found : this.#rawLater(txid, found);
  }

  async #rawLater(txid: string, confirmed: Promise<string | null> | null): Promise<string | undefined> {
    const found = (await confirmed) ?? (await this.#unconfirmedRaw.ask(txid));
    // A block may have taken it between the two questions.
    return found ?? (await this.#raw.of(txid)) ?? undefined;
  }

  /** Undefined when no block has it. */
  async place(txid: string): Promise<Place | undefined> {
    return (await this.#places.ask(txid)) ?? undefined;
  }

  /** Undefined when no block has it. */
  proof(txid: string): Maybe<TransactionProof> {
    return whenKnown(this.#proofs.of(txid), orNothing);
  }

  /** Undefined when there is no such place. A proof costs the whole block's tree, so it is asked for only where it is wanted. */
  at(height: number, position: number, isProved: boolean): Maybe<TransactionAt> {
    return whenKnown(this.#at.of(`${height}/${position}${isProved ? PROVED : ""}`), orNothing);
  }

  turnedBackTo(): void {
    this.everythingTouched();
  }

  everythingTouched(): void {
    this.#proofs.clear();
    this.#at.clear();
  }
}

function placeOf(key: string): WantedPlace {
  const isProved = key.endsWith(PROVED);
  const [height, position] = (isProved ? key.slice(0, -1) : key).split("/");
  return { height: Number(height), position: Number(position), isProved };
}

function onlyResult<A>({ results }: { readonly results: readonly (A | null)[] }): A | null {
  return results[0] ?? null;
}

function orNothing<A>(found: A | null): A | undefined {
  return found ?? undefined;
}
