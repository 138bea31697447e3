/** The order in which an index is looked through, all of it or a sample, and what is made of the answers. */
import type { Client } from "../../bus/bus.ts";
import {
  INDEXER_RANGES_MAX,
  type IndexDifference,
  type indexerContract,
} from "../../bus/contracts/indexer.ts";
import { type Clock, sleep } from "../../runtime/clock.ts";
import { hasCode } from "../../runtime/errors.ts";
import type { Progress } from "./progress-view.ts";
import { sampleOf } from "./sample.ts";

export type IndexClient = Pick<Client<typeof indexerContract>, "status" | "verifyBlocks" | "verifyRows">;

export interface VerifyTools {
  readonly clock: Clock;
  readonly progress: (progress: Progress) => void;
  /** How long to wait for an index that is not level with its node, or away. */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
}

export interface VerifyReport {
  readonly isSound: boolean;
  readonly height: number;
  readonly blocks: number;
  readonly transactions: number;
  /** Rows that were made anew and compared. */
  readonly rows: number;
  readonly differences: readonly IndexDifference[];
  /** All that were found, also those that are not named. */
  readonly differenceCount: number;
  readonly seed?: number;
}

const PATIENCE_MS = 120_000;
const RETRY_MS = 1_000;
/** Asked at once: the indexer has several threads that answer. */
const AT_ONCE = 2;
/** Blocks this near to the tip are compared one by one: the sums must stand still while they are made. */
const UNSETTLED_BLOCKS = 6;
const BLOCKS_PER_CALL = 500;
const DIFFERENCES_NAMED = 50;
/** How often a whole look begins again because the chain was reorganised below it. */
const ATTEMPTS = 3;
const KEY_HEADS = 0x1_0000_0000;
/** Slices of each table in a sample. */
const SAMPLE_SLICES = 16;
const TABLES = ["funding", "spending", "transaction"] as const;

/**
 * Every block is made anew and the sums of its rows are compared with those of the rows that are stored, range by range:
 * what is missing, changed or too much shows. In a range that differs the blocks are then compared row by row.
 */
export async function verifyAll(client: IndexClient, tools: VerifyTools): Promise<VerifyReport> {
  for (let attempt = 1; ; attempt++) {
    const look = new Look(client, tools);
    const before = await look.status();
    await look.all(before.height);
    const after = await look.status();
    if (look.report.isSound || after.rollbacks === before.rollbacks || attempt === ATTEMPTS)
      return look.report;
  }
}

/** Some blocks row by row, the newest among them, and some slices of each table as it is stored. */
export async function verifySample(
  client: IndexClient,
  { blocks, seed }: { readonly blocks: number; readonly seed: number },
  tools: VerifyTools,
): Promise<VerifyReport> {
  const look = new Look(client, tools);
  const { height, txCount } = await look.status();
  await look.deep(sampleOf(height, blocks, seed), "blocks");
  await look.slices(seed, txCount);
  return { ...look.report, seed };
}

/** Consecutive blocks, and the sums of the rows that they make: by table. */
interface Range {
  readonly first: number;
  readonly last: number;
  firstTxNumber: number;
  transactions: number;
  readonly made: Sum[];
}

interface Sum {
  rows: number;
  text: string;
}

class Look {
  readonly #client: IndexClient;
  readonly #tools: VerifyTools;
  readonly #named: IndexDifference[] = [];
  #differenceCount = 0;
  #height = -1;
  #blocks = 0;
  #transactions = 0;
  #rows = 0;

  constructor(client: IndexClient, tools: VerifyTools) {
    this.#client = client;
    this.#tools = tools;
  }

  get report(): VerifyReport {
    return {
      isSound: this.#differenceCount === 0,
      height: this.#height,
      blocks: this.#blocks,
      transactions: this.#transactions,
      rows: this.#rows,
      differences: this.#named,
      differenceCount: this.#differenceCount,
    };
  }

  async status(): Promise<{ height: number; txCount: number; rollbacks: number }> {
    const { tip, txCount, rollbacks } = await this.#patiently(() => this.#client.status({}));
    this.#height = tip?.height ?? -1;
    return { height: this.#height, txCount, rollbacks };
  }

  async all(height: number): Promise<void> {
    if (height < 0) return;
    const settled = Math.max(0, height - UNSETTLED_BLOCKS);
    const ranges = rangesOf(settled);
    await this.#eachOf(ranges, (range) => this.#makeAnew(range, settled));
    const stored = await this.#sumUp(ranges);
    for (const [i, range] of ranges.entries()) await this.#compare(range, stored[i] as Sum[]);
    const newest = Array.from({ length: height - settled }, (_, i) => settled + 1 + i);
    await this.deep(newest, "blocks");
  }

  /** Blocks by their heights, row by row. */
  async deep(heights: readonly number[], phase: Progress["phase"]): Promise<void> {
    let done = 0;
    await this.#eachOf(heights, async (height) => {
      const answer = await this.#patiently(() => this.#verifyBlocks({ height, count: 1, isDeep: true }));
      // A reorganisation has taken it away.
      if (answer !== undefined) this.#count(answer);
      this.#tools.progress({ phase, done: ++done, total: heights.length });
    });
  }

  async slices(seed: number, txNumberEnd: number): Promise<void> {
    const places = sampleOf(KEY_HEADS - 1, SAMPLE_SLICES, seed);
    let done = 0;
    for (const table of TABLES) {
      for (const from of places) {
        const answer = await this.#patiently(() =>
          this.#client.verifyRows({ table, from, starts: [0], txNumberEnd }),
        );
        this.#note(answer);
        this.#tools.progress({ phase: "rows", done: ++done, total: TABLES.length * places.length });
      }
    }
  }

  async #makeAnew(range: Range, settled: number): Promise<void> {
    for (let height = range.first; height <= range.last; ) {
      const count = Math.min(BLOCKS_PER_CALL, range.last + 1 - height);
      const answer = await this.#patiently(() => this.#verifyBlocks({ height, count, isDeep: false }));
      if (answer === undefined) return; // rolled back: the sums will differ, and it begins again
      if (height === range.first) range.firstTxNumber = answer.firstTxNumber;
      range.transactions += answer.transactions;
      range.made.forEach((sum, t) => {
        sum.rows += answer.rows[t] as number;
        sum.text = addSums(sum.text, answer.sums[t] as string);
      });
      this.#count(answer);
      height += answer.blocks;
      this.#tools.progress({ phase: "blocks", done: this.#blocks, total: settled + 1 });
    }
  }

  /** By range and table the sum of what is stored. */
  async #sumUp(ranges: readonly Range[]): Promise<Sum[][]> {
    const last = ranges.at(-1) as Range;
    const starts = ranges.map(({ firstTxNumber }) => firstTxNumber);
    const txNumberEnd = last.firstTxNumber + last.transactions;
    const stored = ranges.map(() => TABLES.map(() => ({ rows: 0, text: NO_SUM })));
    let done = 0;
    await this.#eachOf([...TABLES.entries()], async ([t, table]) => {
      for (let from = 0; from < KEY_HEADS; ) {
        const answer = await this.#patiently(() =>
          this.#client.verifyRows({ table, from, starts, txNumberEnd }),
        );
        this.#note(answer);
        for (const [i, sums] of stored.entries()) {
          const sum = sums[t] as Sum;
          sum.rows += answer.rows[i] as number;
          sum.text = addSums(sum.text, answer.sums[i] as string);
        }
        done += answer.to - from;
        from = answer.to;
        this.#tools.progress({ phase: "rows", done, total: TABLES.length * KEY_HEADS });
      }
    });
    return stored;
  }

  async #compare({ first, last, made }: Range, stored: readonly Sum[]): Promise<void> {
    const places = `blocks ${first} to ${last}`;
    let isSame = true;
    for (const [t, where] of TABLES.entries()) {
      const [want, have] = [made[t] as Sum, stored[t] as Sum];
      if (want.rows === have.rows && want.text === have.text) continue;
      isSame = false;
      const what =
        want.rows === have.rows
          ? `of the ${want.rows} rows of ${places} some are not those that the chain makes`
          : `${places} make ${want.rows} rows, and ${have.rows} are stored`;
      this.#note({ differences: [{ where, height: null, what }], differenceCount: 1 });
    }
    if (isSame) return;
    const [blocks, transactions, rows] = [this.#blocks, this.#transactions, this.#rows];
    for (let height = first; height <= last && this.#named.length < DIFFERENCES_NAMED; height++) {
      await this.deep([height], "differences");
      this.#tools.progress({ phase: "differences", done: height - first + 1, total: last - first + 1 });
    }
    // They were counted before.
    [this.#blocks, this.#transactions, this.#rows] = [blocks, transactions, rows];
  }

  #count(answer: { blocks: number; transactions: number; rows: number[] } & Found): void {
    this.#blocks += answer.blocks;
    this.#transactions += answer.transactions;
    this.#rows += answer.rows.reduce((sum, rows) => sum + rows, 0);
    this.#note(answer);
  }

  #note({ differences, differenceCount }: Found): void {
    this.#differenceCount += differenceCount;
    this.#named.push(...differences.slice(0, DIFFERENCES_NAMED - this.#named.length));
  }

  /** Nothing where there is no such block any more. */
  async #verifyBlocks(input: { height: number; count: number; isDeep: boolean }) {
    try {
      return await this.#client.verifyBlocks(input);
    } catch (error) {
      if (hasCode(error, "INDEXER_RANGE")) return undefined;
      throw error;
    }
  }

  /** What passes is waited for: a node that catches up, an indexer that is started again. */
  async #patiently<T>(ask: () => Promise<T>): Promise<T> {
    const { clock, patienceMs = PATIENCE_MS, signal } = this.#tools;
    const untilMs = clock.monotonicMs() + patienceMs;
    for (;;) {
      signal?.throwIfAborted();
      try {
        return await ask();
      } catch (error) {
        const isPassing = PASSING.some((code) => hasCode(error, code));
        if (!isPassing || clock.monotonicMs() >= untilMs) throw error;
        await sleep(clock, RETRY_MS, signal);
      }
    }
  }

  async #eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
    const left = [...items].reverse();
    const some = async () => {
      for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, some));
  }
}

type Found = { readonly differences: readonly IndexDifference[]; readonly differenceCount: number };

const PASSING = ["INDEXER_NOT_LEVEL", "BUS_UNAVAILABLE", "BUS_DEADLINE", "BUS_BUSY", "NODE_UNREACHABLE"];
const NO_SUM = "0".repeat(16);

function rangesOf(height: number): Range[] {
  const blocks = height + 1;
  const count = Math.min(INDEXER_RANGES_MAX, blocks);
  return Array.from({ length: count }, (_, i) => ({
    first: Math.floor((i * blocks) / count),
    last: Math.floor(((i + 1) * blocks) / count) - 1,
    firstTxNumber: 0,
    transactions: 0,
    made: TABLES.map(() => ({ rows: 0, text: NO_SUM })),
  }));
}

/** Two halves of 32 bits, each for itself. */
function addSums(a: string, b: string): string {
  const half = (at: number) => {
    const sum = Number.parseInt(a.slice(at, at + 8), 16) + Number.parseInt(b.slice(at, at + 8), 16);
    return (sum >>> 0).toString(16).padStart(8, "0");
  };
  return half(0) + half(8);
}
