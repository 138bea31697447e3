/** Scripts with long histories: what is settled of them is remembered, so that a block costs what it adds and not the whole. */
import { createHash, type Hash } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import type { Client } from "../../../../bus/bus.ts";
import type { IndexedTip, indexerContract } from "../../../../bus/contracts/indexer.ts";
import type { mempoolContract } from "../../../../bus/contracts/mempool.ts";
import type { Clock } from "../../../../runtime/clock.ts";
import { assert } from "../../../../runtime/errors.ts";
import { type Asker, FairTurns, type FairTurnsOptions } from "../asking/fair-turns.ts";
import { Gathering } from "../asking/gathering.ts";
import { type BothHalves, SOON } from "./both-halves.ts";
import {
  History,
  PIECE_ENTRIES,
  type ScriptStatus,
  type UnconfirmedEntry,
  unconfirmedText,
} from "./history.ts";
import { PackedEntries, readHistory } from "./packed-entries.ts";

export interface LongScriptsOptions {
  readonly clock: Clock;
  readonly indexer: Client<typeof indexerContract>;
  readonly mempool: Client<typeof mempoolContract>;
  readonly halves: BothHalves;
  /** A longer history is refused. */
  readonly historyMax: number;
  readonly longHistories: LongHistoryTerms;
}

export interface LongHistoryTerms {
  /** Longer ones are asked for alone, so that nobody else's answer waits for theirs. */
  readonly shortMax: number;
  /** Of how many scripts a digest is remembered: about a kilobyte each, outside the heap. */
  readonly scriptsMax: number;
  /** Of all their entries that are remembered. */
  readonly entryBytesMax: number;
}

export const LONG_HISTORIES: LongHistoryTerms = Object.freeze({
  shortMax: 1_000,
  scriptsMax: 5_000,
  entryBytesMax: 64 * 1024 * 1024,
});

/** All of a script's history up to a block. Never changed: what goes on from it is another one. */
interface Settled {
  readonly block: IndexedTip;
  readonly count: number;
  readonly digest: Hash;
  /** Undefined where memory was needed for others: the status can be carried on, the history is asked for anew. */
  readonly entries: PackedEntries | undefined;
}

interface Question {
  readonly scripthash: string;
  readonly wantsHistory: boolean;
}

/** Without the history where it was not asked for and is not at hand. */
interface Answer extends ScriptStatus {
  readonly history: History | undefined;
}

/**
 * Each question goes through all that ever paid the script. A wallet of many such scripts asks for more than a hundred at once;
 * who asks for more still must leave others their part of `electrum_running_max`.
 */
export const LONG_TURNS: FairTurnsOptions = Object.freeze({
  atOnce: 2,
  waitingMax: 3_000,
  waitingPerAskerMax: 256,
});

export class LongScripts {
  readonly #options: LongScriptsOptions;
  readonly #questions: Gathering<Question, Answer | undefined>;
  readonly #turns = new FairTurns(LONG_TURNS);
  /** The longest unused first. */
  readonly #settled = new Map<string, Settled>();
  #entryBytes = 0;

  constructor(options: LongScriptsOptions) {
    this.#options = options;
    this.#questions = new Gathering({
      clock: options.clock,
      ask: async (questions) => Promise.all(questions.map((question) => this.#answer(question))),
      batchMax: 1,
      batchesMax: LONG_TURNS.atOnce,
    });
  }

  /** Whether something is remembered of it: then a status costs little. */
  knows(scripthash: string): boolean {
    return this.#settled.has(scripthash);
  }

  /** Undefined for one that is longer than the limit. */
  status(scripthash: string, asker: Asker): Promise<ScriptStatus | undefined> {
    return this.#ask({ scripthash, wantsHistory: false }, asker);
  }

  /** Undefined for one that is longer than the limit. */
  async history(scripthash: string, asker: Asker): Promise<History | undefined> {
    const answer = await this.#ask({ scripthash, wantsHistory: true }, asker);
    assert(answer === undefined || answer.history !== undefined, "a history was asked for and is missing");
    return answer?.history;
  }

  #ask(question: Question, asker: Asker): Promise<Answer | undefined> {
    return this.#turns.take(asker, () => this.#questions.ask(question));
  }

  async #answer({ scripthash, wantsHistory }: Question): Promise<Answer | undefined> {
    const { indexer, mempool, halves, historyMax } = this.#options;
    const known = this.#settled.get(scripthash);
    const after = wantsHistory && known?.entries === undefined ? undefined : known;
    const both = await halves.ask(
      async () => readHistory(await indexer.history({ scripthash, after: after?.block, limit: historyMax })),
      (confirmedTip) => mempool.histories({ scripthashes: [scripthash], confirmedTip }, SOON),
      [scripthash],
    );
    const { settled, isWhole, isTooMany, entries: fresh } = both.confirmed;
    const base = isWhole ? undefined : after;
    assert(isWhole || base !== undefined, "the indexer left out what was not said to be known");
    const count = (base?.count ?? 0) + fresh.length;
    if (isTooMany || count > historyMax) {
      this.#forget(scripthash);
      return undefined;
    }
    const unconfirmed = (both.unconfirmed?.results[0] ?? []).filter(
      ({ txid }) => both.isOfOneBlock || !fresh.has(txid),
    );
    const digest = base?.digest.copy() ?? createHash("sha256");
    const before = base === undefined ? new PackedEntries() : base.entries;
    // A chain that has turned back may stand so low that what we know is above what it calls settled.
    let done = 0;
    if (settled !== null && (base === undefined || settled.height > base.block.height)) {
      done = fresh.countUpTo(settled.height);
      await feed(digest, fresh, 0, done);
      this.#remember(scripthash, {
        block: settled,
        count: (base?.count ?? 0) + done,
        digest: digest.copy(),
        entries: before?.followedBy(fresh.slice(0, done)),
      });
    }
    await feed(digest, fresh, done, fresh.length);
    const length = count + unconfirmed.length;
    const status = length === 0 ? null : statusOf(digest, unconfirmed);
    const history = before && new History(before.followedBy(fresh), unconfirmed, status);
    return { status, length, history };
  }

  #remember(scripthash: string, settled: Settled): void {
    this.#forget(scripthash);
    this.#settled.set(scripthash, settled);
    this.#entryBytes += bytesOf(settled);
    const { scriptsMax, entryBytesMax } = this.#options.longHistories;
    for (const [oldest, old] of this.#settled) {
      if (this.#settled.size > scriptsMax) this.#forget(oldest);
      else if (this.#entryBytes <= entryBytesMax) break;
      else if (old.entries !== undefined) {
        this.#entryBytes -= bytesOf(old);
        // It keeps its place, and its digest.
        this.#settled.set(oldest, { ...old, entries: undefined });
      }
    }
  }

  #forget(scripthash: string): void {
    const old = this.#settled.get(scripthash);
    if (old === undefined) return;
    this.#entryBytes -= bytesOf(old);
    this.#settled.delete(scripthash);
  }
}

function bytesOf({ entries }: Settled): number {
  return entries?.lengthBytes ?? 0;
}

async function feed(digest: Hash, entries: PackedEntries, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += PIECE_ENTRIES) {
    digest.update(entries.text(at, Math.min(to, at + PIECE_ENTRIES)), "latin1");
    await turn();
  }
}

function statusOf(digest: Hash, unconfirmed: readonly UnconfirmedEntry[]): string {
  return digest.update(unconfirmedText(unconfirmed), "latin1").digest("hex");
}
