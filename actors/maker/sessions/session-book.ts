/** What became of takers that came to nothing, and who is promised what just now: so that their end is known even if we are killed before. */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { FAILED_JOINS_MAX, type FailedJoin } from "../../../bus/contracts/maker.ts";
import type { Clock } from "../../../runtime/clock.ts";
import { toWireError } from "../../../runtime/errors.ts";
import type { Log } from "../../../runtime/log/log.ts";
import { writeWhole } from "../../../runtime/whole-file.ts";

interface Beginning {
  readonly wallet: string;
  readonly amountSat: number;
  readonly startedAtMs: number;
}

interface PromiseMade extends Beginning {
  readonly reservation: string;
  readonly coins: readonly FailedJoin["coins"][number][];
}

const RowSchema = z.strictObject({
  wallet: z.string(),
  /** Null of a taker that was promised nothing. */
  reservation: z.string().nullable(),
  step: z.enum(["fill", "promised", "signed"]),
  amountSat: z.int().min(0),
  coins: z.array(z.strictObject({ txid: z.string(), index: z.int() })),
  startedAtS: z.int(),
  /** Null while it goes on. */
  end: z.strictObject({ atS: z.int(), why: z.string(), refused: z.string().nullable() }).nullable(),
});
type Row = z.infer<typeof RowSchema>;
const KeptSchema = z.strictObject({ rows: z.array(RowSchema) });

/** A taker that is asked for a coin's proof costs nobody anything, so a flood of them must not drive out the others. */
const SHORT_MAX = 100;
const LONG_MAX = FAILED_JOINS_MAX - SHORT_MAX;
const FILE_BYTES_MAX = 16 * 1024 * 1024;
const WHY_LENGTH_MAX = 300;

export class SessionBook {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Log;
  /** Those that were promised coins, and those that were not; the oldest first. */
  #long: Row[];
  #short: Row[];

  constructor(path: string, clock: Clock, log: Log) {
    this.#path = path;
    this.#clock = clock;
    this.#log = log;
    const rows = readRows(path).map((row) =>
      row.end === null ? this.#over(row, "we were started anew") : row,
    );
    this.#long = rows.filter(({ reservation }) => reservation !== null);
    this.#short = rows.filter(({ reservation }) => reservation === null);
  }

  /** On the disk when it returns. */
  promised({ wallet, reservation, amountSat, coins, startedAtMs }: PromiseMade): void {
    const startedAtS = Math.floor(startedAtMs / 1_000);
    const made = coins.map(({ txid, index }) => ({ txid, index }));
    this.#long.push({ wallet, reservation, step: "promised", amountSat, coins: made, startedAtS, end: null });
    this.#bound();
    this.keep();
  }

  signed(reservation: string): void {
    const row = this.#find(reservation);
    if (row === undefined) return;
    row.step = "signed";
    this.keep();
  }

  /** The chain shows what was signed: from now on the wallet's own history tells it. */
  seen(reservation: string): void {
    const before = this.#long.length;
    this.#long = this.#long.filter((row) => row.reservation !== reservation);
    if (this.#long.length < before) this.keep();
  }

  /** Whether it was still going on. */
  ended(reservation: string, why: string, refused: string | undefined): boolean {
    const row = this.#find(reservation);
    if (row === undefined || row.end !== null) return false;
    Object.assign(row, this.#over(row, why, refused));
    this.#bound();
    this.keep();
    return true;
  }

  /** It never was promised a coin. Not worth a write of its own: strangers could ask for as many as they like. */
  tooShort({ wallet, amountSat, startedAtMs }: Beginning, why: string, refused: string | undefined): void {
    const startedAtS = Math.floor(startedAtMs / 1_000);
    const row: Row = { wallet, reservation: null, step: "fill", amountSat, coins: [], startedAtS, end: null };
    this.#short.push(this.#over(row, why, refused));
    this.#bound();
  }

  /** The newest first. */
  failed(): FailedJoin[] {
    return [...this.#long, ...this.#short]
      .flatMap(({ wallet, step, amountSat, coins, startedAtS, end }) =>
        end === null
          ? []
          : [
              {
                wallet,
                step,
                amountSat,
                coins,
                startedAtS,
                endedAtS: end.atS,
                why: end.why,
                refused: end.refused,
              },
            ],
      )
      .sort((a, b) => b.endedAtS - a.endedAtS);
  }

  keep(): void {
    try {
      writeWhole(this.#path, JSON.stringify({ rows: [...this.#long, ...this.#short] }));
    } catch (error) {
      // A coinjoin does not fail because its failure could not be told.
      this.#log.warn("what becomes of takers cannot be kept", { code: toWireError(error).code });
    }
  }

  #find(reservation: string): Row | undefined {
    return this.#long.find((row) => row.reservation === reservation);
  }

  #over(row: Row, why: string, refused?: string): Row {
    const end = {
      atS: Math.floor(this.#clock.now() / 1_000),
      why: why.slice(0, WHY_LENGTH_MAX),
      refused: refused?.slice(0, WHY_LENGTH_MAX) ?? null,
    };
    return { ...row, end };
  }

  #bound(): void {
    // Those that go on are bounded by how many are served at once.
    const over = this.#long.filter(({ end }) => end !== null);
    const old = new Set(over.slice(0, Math.max(0, this.#long.length - LONG_MAX)));
    if (old.size > 0) this.#long = this.#long.filter((row) => !old.has(row));
    this.#short = this.#short.slice(-SHORT_MAX);
  }
}

function readRows(path: string): Row[] {
  try {
    const text = readFileSync(path, "utf8");
    return text.length > FILE_BYTES_MAX ? [] : KeptSchema.parse(JSON.parse(text)).rows;
  } catch {
    // None was kept yet, or it is unreadable: it tells of the past only.
    return [];
  }
}
