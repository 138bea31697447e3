/** What is known of scripts: histories, coins and balances, confirmed and unconfirmed as one, asked in batches and kept while true. */
import type { AtHand, Client } from "../../../../bus/bus.ts";
import { INDEXER_BATCH_MAX, type indexerContract } from "../../../../bus/contracts/indexer.ts";
import { MEMPOOL_BATCH_MAX, type mempoolContract } from "../../../../bus/contracts/mempool.ts";
import type { Clock } from "../../../../runtime/clock.ts";
import { hasCode } from "../../../../runtime/errors.ts";
import { atHandOr, whenKnown, whenThere } from "../asking/at-hand.ts";
import { type Asker, FairTurns } from "../asking/fair-turns.ts";
import { Gathering } from "../asking/gathering.ts";
import { KeptAnswers } from "../asking/kept-answers.ts";
import { PROTOCOL_CODES, ProtocolError } from "../protocol-error.ts";
import { type BothHalves, type ConfirmedHalf, type Halves, SOON } from "./both-halves.ts";
import type { ChainWatcher } from "./chain-feed.ts";
import { type Coin, Coins } from "./coins.ts";
import { History, ListedEntries, type ScriptStatus } from "./history.ts";
import { LONG_TURNS, type LongHistoryTerms, LongScripts } from "./long-scripts.ts";

export interface Balance {
  readonly confirmedSat: number;
  /** By how much the unconfirmed transactions change it. */
  readonly unconfirmedSat: number;
}

export interface ScriptAnswersOptions {
  readonly clock: Clock;
  readonly indexer: Client<typeof indexerContract>;
  /** The index of this host, where it is read in this thread: one script's question need not wait for others. */
  readonly index: AtHand<typeof indexerContract>;
  readonly mempool: Client<typeof mempoolContract>;
  readonly halves: BothHalves;
  /** A longer history is refused. */
  readonly historyMax: number;
  readonly longHistories: LongHistoryTerms;
}

/** Of one answer for many scripts, which is parsed in one go: the others are then asked for alone too. */
const BATCH_ENTRIES_MAX = 10_000;
const BATCH_MAX = Math.min(INDEXER_BATCH_MAX, MEMPOOL_BATCH_MAX);
/** Entries of histories and coins that are kept, at about 250 bytes each with what is written of them. */
const KEPT_ENTRIES_MAX = 400_000;
const KEPT_BALANCES_MAX = 50_000;
/** What an answer costs besides its entries. */
const KEPT_BASE = 2;
/** At about 250 bytes each. */
const KEPT_STATUSES_MAX = 100_000;

/** After so many passes all code on the way is compiled. */
const REHEARSALS = 8;

export class ScriptAnswers implements ChainWatcher {
  readonly #mempool: Client<typeof mempoolContract>;
  readonly #short: Gathering<string, History | undefined>;
  readonly #histories: KeptAnswers<History>;
  /** The history need not be kept for it: wallets that come again and again ask for nothing else of a script that rests. */
  readonly #statuses: KeptAnswers<ScriptStatus>;
  readonly #coins: KeptAnswers<Coins>;
  readonly #balances: KeptAnswers<Balance>;

  constructor(options: ScriptAnswersOptions) {
    const { clock, indexer, index, mempool, halves } = options;
    const { shortMax } = options.longHistories;
    const limit = Math.min(shortMax, options.historyMax);
    const one = (scripthash: string) => ({ scripthashes: [scripthash], limit, totalMax: limit });
    const atHand =
      <C, A>(ask: ReadOne<C>, use: (confirmed: C) => A) =>
      (scripthash: string) =>
        whenThere(
          halves.confirmedAtHand(scripthash, () => ask(scripthash)),
          ({ results: [confirmed] }) => (confirmed === null ? undefined : use(confirmed as C)),
        );
    const long = new LongScripts(options);
    const short = new Gathering<string, History | undefined>({
      clock,
      ask: async (scripthashes) => {
        const totalMax = BATCH_ENTRIES_MAX;
        const both = await halves.ask(
          () => indexer.histories({ scripthashes: [...scripthashes], limit, totalMax }),
          (confirmedTip) => mempool.histories({ scripthashes: [...scripthashes], confirmedTip }, SOON),
          scripthashes,
        );
        return scripthashes.map((_, i) => {
          const confirmed = both.confirmed.results[i] ?? undefined;
          if (confirmed === undefined) return undefined;
          const unconfirmed = both.unconfirmed?.results[i] ?? [];
          return new History(new ListedEntries(confirmed), withoutConfirmed(unconfirmed, confirmed, both));
        });
      },
      batchMax: BATCH_MAX,
    });
    this.#short = short;
    this.#mempool = mempool;
    const shortAtHand = atHand(
      (scripthash) => index.histories(one(scripthash)),
      (confirmed) => new History(new ListedEntries(confirmed), []),
    );
    const askForHistory = async (scripthash: string, asker: Asker): Promise<History> => {
      const found = long.knows(scripthash) ? undefined : await short.ask(scripthash);
      return found ?? withinLimit(await long.history(scripthash, asker), options.historyMax);
    };
    this.#histories = new KeptAnswers({
      ask: (scripthash, asker) => {
        const found = long.knows(scripthash) ? undefined : shortAtHand(scripthash);
        return atHandOr(found, () => askForHistory(scripthash, asker));
      },
      // Of the scripts that wallets subscribe to most are unused, and of those nobody asks for more.
      weightOf: ({ length }) => (length === 0 ? Number.POSITIVE_INFINITY : length + KEPT_BASE),
      weightMax: KEPT_ENTRIES_MAX,
    });
    const askForStatus = async (scripthash: string, asker: Asker): Promise<ScriptStatus> =>
      withinLimit(await long.status(scripthash, asker), options.historyMax);
    this.#statuses = new KeptAnswers({
      ask: (scripthash, asker) => {
        const known = this.#histories.peek(scripthash);
        if (known === undefined && long.knows(scripthash)) return askForStatus(scripthash, asker);
        return whenKnown(known ?? this.#histories.of(scripthash, asker), onlyStatus);
      },
      weightOf: ({ length }) => (length === 0 ? Number.POSITIVE_INFINITY : 1),
      weightMax: KEPT_STATUSES_MAX,
    });
    this.#coins = lookup({
      clock,
      atHand: atHand(
        (scripthash) => index.unspents(one(scripthash)),
        (confirmed) => Coins.of(confirmed, undefined),
      ),
      ask: async (scripthashes, limit, totalMax) => {
        const both = await halves.ask(
          () => indexer.unspents({ scripthashes: [...scripthashes], limit, totalMax }),
          (confirmedTip) => mempool.unspents({ scripthashes: [...scripthashes], confirmedTip }, SOON),
          scripthashes,
        );
        return scripthashes.map((_, i) => {
          const confirmed = both.confirmed.results[i] ?? undefined;
          return confirmed === undefined ? undefined : Coins.of(confirmed, both.unconfirmed?.results[i]);
        });
      },
      shortMax,
      historyMax: options.historyMax,
      weightOf: (coins) => coins.length + KEPT_BASE,
      weightMax: KEPT_ENTRIES_MAX,
    });
    const balancesByCoins = async (scripthashes: readonly string[], limit: number, totalMax: number) => {
      const confirmed = await indexer.unspents({ scripthashes: [...scripthashes], limit, totalMax });
      const confirmedTip = confirmed.tip?.hash;
      const unconfirmed = await mempool.unspents({ scripthashes: [...scripthashes], confirmedTip }, SOON);
      return scripthashes.map((_, i) => {
        const coins = confirmed.results[i] ?? undefined;
        return coins && balanceOf(coins, Coins.of(coins, unconfirmed.results[i]).list);
      });
    };
    this.#balances = lookup({
      clock,
      atHand: atHand(
        (scripthash) => index.balances(one(scripthash)),
        (confirmedSat) => ({ confirmedSat, unconfirmedSat: 0 }),
      ),
      ask: async (scripthashes, limit, totalMax) => {
        const both = await halves.ask(
          () => indexer.balances({ scripthashes: [...scripthashes], limit }),
          (confirmedTip) => mempool.balances({ scripthashes: [...scripthashes], confirmedTip }, SOON),
          scripthashes,
        );
        // Sums of two blocks may have a transaction in both: coin by coin each counts once.
        if (!both.isOfOneBlock) return balancesByCoins(scripthashes, limit, totalMax);
        return scripthashes.map((_, i) => {
          const confirmedSat = both.confirmed.results[i] ?? undefined;
          if (confirmedSat === undefined) return undefined;
          return { confirmedSat, unconfirmedSat: both.unconfirmed?.results[i] ?? 0 };
        });
      },
      shortMax,
      historyMax: options.historyMax,
      weightOf: () => 1,
      weightMax: KEPT_BALANCES_MAX,
    });
  }

  history(scripthash: string, asker?: Asker): History | Promise<History> {
    return this.#histories.of(scripthash, asker);
  }

  /** For those who need no more of the history: of a long one only what is new is asked for. */
  status(scripthash: string, asker?: Asker): ScriptStatus | Promise<ScriptStatus> {
    return this.#statuses.of(scripthash, asker);
  }

  /**
   * Asks for many histories over the bus, as after a block, and drops them: those after the first block shall not be the first.
   * Of scripts that were unconfirmed a moment ago the mempool is asked too, which here it would not be.
   */
  async rehearse(scripthashes: readonly string[]): Promise<void> {
    for (let pass = 0; pass < REHEARSALS; pass++) {
      const statuses = scripthashes.map(async (scripthash) => (await this.#short.ask(scripthash))?.status);
      const unconfirmed = this.#mempool.histories({ scripthashes: scripthashes.slice(0, BATCH_MAX) }, SOON);
      const settled = await Promise.allSettled<unknown>([...statuses, unconfirmed]);
      if (settled.some(({ status }) => status === "rejected")) return;
    }
  }

  coins(scripthash: string, asker?: Asker): Coins | Promise<Coins> {
    return this.#coins.of(scripthash, asker);
  }

  balance(scripthash: string, asker?: Asker): Balance | Promise<Balance> {
    return this.#balances.of(scripthash, asker);
  }

  scriptsTouched(scripthashes: readonly string[]): void {
    const all = this.#allKept();
    for (const scripthash of scripthashes) for (const kept of all) kept.forget(scripthash);
  }

  everythingTouched(): void {
    for (const kept of this.#allKept()) kept.clear();
  }

  #allKept(): readonly Pick<KeptAnswers<unknown>, "forget" | "clear">[] {
    return [this.#histories, this.#statuses, this.#coins, this.#balances];
  }
}

/** One script's question to the index: what it has, null if that is too much. */
type ReadOne<C> = (scripthash: string) => OneResult<C> | Promise<OneResult<C>> | undefined;

interface OneResult<C> extends ConfirmedHalf {
  readonly results: readonly (C | null)[];
}

interface LookupTerms<A> {
  readonly clock: Clock;
  /** Undefined where it is not, or is too much. */
  readonly atHand: (scripthash: string) => A | Promise<A | undefined> | undefined;
  /** Undefined for a script with more entries than the limit. */
  readonly ask: (
    scripthashes: readonly string[],
    limit: number,
    totalMax: number,
  ) => Promise<readonly (A | undefined)[]>;
  readonly shortMax: number;
  readonly historyMax: number;
  readonly weightOf: (answer: A) => number;
  readonly weightMax: number;
}

function lookup<A extends object>({
  clock,
  atHand,
  ask,
  shortMax,
  historyMax,
  weightOf,
  weightMax,
}: LookupTerms<A>): KeptAnswers<A> {
  const small = new Gathering<string, A | undefined>({
    clock,
    ask: (scripthashes) => ask(scripthashes, Math.min(shortMax, historyMax), BATCH_ENTRIES_MAX),
    batchMax: BATCH_MAX,
  });
  const large = new Gathering<string, A | undefined>({
    clock,
    ask: (scripthashes) => ask(scripthashes, historyMax, historyMax),
    batchMax: 1,
    batchesMax: LONG_TURNS.atOnce,
  });
  const turns = new FairTurns(LONG_TURNS);
  const askOne = async (scripthash: string, asker: Asker): Promise<A> => {
    const found = await small.ask(scripthash);
    if (found !== undefined) return found;
    const all = turns.take(asker, () => large.ask(scripthash));
    return withinLimit(await all.catch(nothingIfTooLarge), historyMax);
  };
  return new KeptAnswers({
    ask: (scripthash, asker) => atHandOr(atHand(scripthash), () => askOne(scripthash, asker)),
    weightOf,
    weightMax,
  });
}

/** More than a message of the bus holds is more than can be answered. */
function nothingIfTooLarge(error: unknown): undefined {
  if (!hasCode(error, "BUS_TOO_LARGE")) throw error;
}

function balanceOf(confirmed: readonly Coin[], all: readonly Coin[]): Balance {
  const confirmedSat = sumOf(confirmed);
  return { confirmedSat, unconfirmedSat: sumOf(all) - confirmedSat };
}

function sumOf(coins: readonly Coin[]): number {
  return coins.reduce((sum, { amountSat }) => sum + amountSat, 0);
}

function onlyStatus({ status, length }: History): ScriptStatus {
  return { status, length };
}

/** Wallets compare the text; the rest is for people. */
function withinLimit<T>(found: T | undefined, entriesMax: number): T {
  if (found !== undefined) return found;
  const data = { entriesMax, setting: "electrum_history_max" };
  throw new ProtocolError(PROTOCOL_CODES.historyTooLarge, "history too large", { data });
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
