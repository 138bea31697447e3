/** What is known of scripts: histories, coins and balances, confirmed and unconfirmed as one, asked in batches and kept while true. */
import type { Client } from "../../../../bus/bus.ts";
import { INDEXER_BATCH_MAX, type indexerContract } from "../../../../bus/contracts/indexer.ts";
import { MEMPOOL_BATCH_MAX, type mempoolContract } from "../../../../bus/contracts/mempool.ts";
import type { Clock } from "../../../../runtime/clock.ts";
import { Gathering } from "../asking/gathering.ts";
import { KeptAnswers } from "../asking/kept-answers.ts";
import { PROTOCOL_CODES, ProtocolError } from "../protocol-error.ts";
import type { BothHalves, Halves } from "./both-halves.ts";
import type { ChainWatcher } from "./chain-feed.ts";
import { Coins } from "./coins.ts";
import { History } from "./history.ts";
import { StatusDigests } from "./status-digests.ts";

export interface Balance {
  readonly confirmedSat: number;
  /** By how much the unconfirmed transactions change it. */
  readonly unconfirmedSat: number;
}

export interface ScriptAnswersOptions {
  readonly clock: Clock;
  readonly indexer: Client<typeof indexerContract>;
  readonly mempool: Client<typeof mempoolContract>;
  readonly halves: BothHalves;
  /** A longer history is refused. */
  readonly historyMax: number;
}

interface Lookup<A> {
  readonly kept: KeptAnswers<A>;
}

/** Scripts with more entries are asked for alone, so that nobody else's answer waits for theirs. */
const SMALL_MAX = 1_000;
const BATCH_MAX = Math.min(INDEXER_BATCH_MAX, MEMPOOL_BATCH_MAX);
/** Entries of histories and coins that are kept, at about 250 bytes each with what is written of them. */
const KEPT_ENTRIES_MAX = 400_000;
const KEPT_BALANCES_MAX = 50_000;
/** Its answers are at hand; one that hangs must not hold up what the index knows. */
const SOON = Object.freeze({ deadlineMs: 4_000 });
/** What an answer costs besides its entries. */
const KEPT_BASE = 2;

export class ScriptAnswers implements ChainWatcher {
  readonly #digests = new StatusDigests();
  readonly #histories: Lookup<History>;
  readonly #coins: Lookup<Coins>;
  readonly #balances: Lookup<Balance>;

  constructor(options: ScriptAnswersOptions) {
    const { clock, indexer, mempool, halves } = options;
    this.#histories = lookup({
      clock,
      ask: async (scripthashes, limit) => {
        const both = await halves.ask(
          () => indexer.histories({ scripthashes: [...scripthashes], limit }),
          (confirmedTip) => mempool.histories({ scripthashes: [...scripthashes], confirmedTip }, SOON),
        );
        return scripthashes.map((_, i) => {
          const confirmed = both.confirmed.results[i] ?? undefined;
          if (confirmed === undefined) return undefined;
          const unconfirmed = both.unconfirmed?.results[i] ?? [];
          return new History(confirmed, withoutConfirmed(unconfirmed, confirmed, both));
        });
      },
      historyMax: options.historyMax,
      weightOf: (history) => history.length + KEPT_BASE,
      weightMax: KEPT_ENTRIES_MAX,
    });
    this.#coins = lookup({
      clock,
      ask: async (scripthashes, limit) => {
        const both = await halves.ask(
          () => indexer.unspents({ scripthashes: [...scripthashes], limit }),
          (confirmedTip) => mempool.unspents({ scripthashes: [...scripthashes], confirmedTip }, SOON),
        );
        return scripthashes.map((_, i) => {
          const confirmed = both.confirmed.results[i] ?? undefined;
          return confirmed === undefined ? undefined : Coins.of(confirmed, both.unconfirmed?.results[i]);
        });
      },
      historyMax: options.historyMax,
      weightOf: (coins) => coins.length + KEPT_BASE,
      weightMax: KEPT_ENTRIES_MAX,
    });
    this.#balances = lookup({
      clock,
      ask: async (scripthashes, limit) => {
        const both = await halves.ask(
          () => indexer.balances({ scripthashes: [...scripthashes], limit }),
          (confirmedTip) => mempool.balances({ scripthashes: [...scripthashes], confirmedTip }, SOON),
        );
        return scripthashes.map((_, i) => {
          const confirmedSat = both.confirmed.results[i] ?? undefined;
          if (confirmedSat === undefined) return undefined;
          return { confirmedSat, unconfirmedSat: both.unconfirmed?.results[i] ?? 0 };
        });
      },
      historyMax: options.historyMax,
      weightOf: () => 1,
      weightMax: KEPT_BALANCES_MAX,
    });
  }

  history(scripthash: string): History | Promise<History> {
    return this.#histories.kept.of(scripthash);
  }

  /** Electrum's status of the script with that history; null where there is none. */
  statusOf(scripthash: string, history: History): string | null | Promise<string> {
    return this.#digests.of(scripthash, history);
  }

  coins(scripthash: string): Coins | Promise<Coins> {
    return this.#coins.kept.of(scripthash);
  }

  balance(scripthash: string): Balance | Promise<Balance> {
    return this.#balances.kept.of(scripthash);
  }

  scriptsTouched(scripthashes: readonly string[]): void {
    for (const scripthash of scripthashes) {
      this.#histories.kept.forget(scripthash);
      this.#coins.kept.forget(scripthash);
      this.#balances.kept.forget(scripthash);
    }
  }

  turnedBackTo(): void {
    this.#digests.clear();
  }

  everythingTouched(): void {
    this.#histories.kept.clear();
    this.#coins.kept.clear();
    this.#balances.kept.clear();
  }
}

interface LookupTerms<A> {
  readonly clock: Clock;
  /** Undefined for a script with more entries than the limit. */
  readonly ask: (scripthashes: readonly string[], limit: number) => Promise<readonly (A | undefined)[]>;
  readonly historyMax: number;
  readonly weightOf: (answer: A) => number;
  readonly weightMax: number;
}

function lookup<A>({ clock, ask, historyMax, weightOf, weightMax }: LookupTerms<A>): Lookup<A> {
  const small = new Gathering<string, A | undefined>({
    clock,
    ask: (scripthashes) => ask(scripthashes, Math.min(SMALL_MAX, historyMax)),
    batchMax: BATCH_MAX,
  });
  const large = new Gathering<string, A | undefined>({
    clock,
    ask: (scripthashes) => ask(scripthashes, historyMax),
    batchMax: 1,
    batchesMax: 2,
    waitingMax: 1_000,
  });
  const askOne = async (scripthash: string): Promise<A> => {
    const found = (await small.ask(scripthash)) ?? (await large.ask(scripthash));
    if (found === undefined) throw new ProtocolError(PROTOCOL_CODES.historyTooLarge, "history too large");
    return found;
  };
  return { kept: new KeptAnswers({ ask: askOne, weightOf, weightMax }) };
}

function withoutConfirmed<E extends { readonly txid: string }>(
  unconfirmed: readonly E[],
  confirmed: readonly { readonly txid: string }[],
  { isOfOneBlock }: Halves<unknown, unknown>,
): readonly E[] {
  if (isOfOneBlock || unconfirmed.length === 0) return unconfirmed;
  const known = new Set(confirmed.map(({ txid }) => txid));
  return unconfirmed.filter(({ txid }) => !known.has(txid));
}
