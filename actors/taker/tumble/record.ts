/** What is kept of a tumble, so that a taker that was killed goes on where it stopped. */
import { z } from "zod";
import { ScheduleEntrySchema, TUMBLE_STATES, type Tumble } from "../../../bus/contracts/taker/tumble.ts";
import { entryOf, rowOf, type ScheduleEntry } from "../../../joinmarket/schedule/entry.ts";

const Sat = z.int().min(0);

export const TumbleRecordSchema = z.strictObject({
  form: z.literal(1),
  id: z.string().regex(/^[0-9a-f]{16}$/),
  wallet: z.string(),
  /** The owner's word for the wallet's coins; null when there is none that holds. */
  grant: z.string().nullable(),
  rows: z.array(ScheduleEntrySchema),
  amountSatMin: Sat,
  retrySeconds: z.int(),
  makersMin: z.int().nullable(),
  limits: z.strictObject({ absoluteSat: Sat, relative: z.string() }),
  satPerVb: z.number().nullable(),
  /** Absent in what was kept before there was a choice. */
  feeBlocks: z.int().nullable().default(null),
  makerFeesSatMax: Sat,
  miningFeeSatMax: Sat,
  broadcast: z.enum(["self", "random-maker", "not-self"]),
  state: z.enum(TUMBLE_STATES),
  progress: z.string(),
  /** Ended by its owner while a coinjoin could not be given up any more. */
  isStopping: z.boolean(),
  /** How often the present entry has failed. */
  failed: z.int(),
  /** The coinjoin of the present entry: written down before it begins, so that no entry is begun twice. */
  run: z.string().nullable(),
  /** Coinjoins of this entry that were given up after they had been signed: they may still appear. */
  doubtful: z.array(z.string()),
  /** What the mixdepth of the present entry had when its first part left. */
  base: z.strictObject({ mixdepth: z.int(), sat: Sat }).nullable(),
  /** By the clock on the wall: it goes on while we do not run. */
  untilMs: z.number().nullable(),
  sent: z.array(
    z.strictObject({
      entry: z.int(),
      run: z.string(),
      txid: z.string(),
      amountSat: Sat,
      makers: z.int(),
      makerFeesSat: Sat,
      miningFeeSat: Sat,
      atS: z.int(),
    }),
  ),
  failures: z.array(
    z.strictObject({
      entry: z.int(),
      run: z.string().nullable(),
      code: z.string(),
      message: z.string(),
      atS: z.int(),
    }),
  ),
  startedAtS: z.int(),
  endedAtS: z.int().nullable(),
});
export type TumbleRecord = z.infer<typeof TumbleRecordSchema>;

/** How many that are over are remembered. */
export const TUMBLES_KEPT_MAX = 50;
export const FAILURES_KEPT_MAX = 50;

export type TumbleWish = Pick<
  TumbleRecord,
  | "wallet"
  | "grant"
  | "rows"
  | "amountSatMin"
  | "retrySeconds"
  | "makersMin"
  | "limits"
  | "satPerVb"
  | "feeBlocks"
  | "makerFeesSatMax"
  | "miningFeeSatMax"
  | "broadcast"
>;

export function newTumble(id: string, wish: TumbleWish, startedAtS: number): TumbleRecord {
  return {
    form: 1,
    id,
    ...wish,
    state: "mixing",
    progress: "Begins.",
    isStopping: false,
    failed: 0,
    run: null,
    doubtful: [],
    base: null,
    untilMs: null,
    sent: [],
    failures: [],
    startedAtS,
    endedAtS: null,
  };
}

export function isTumbleOver({ state }: Pick<TumbleRecord, "state">): boolean {
  return state === "done" || state === "stopped";
}

export function entriesOf({ rows }: Pick<TumbleRecord, "rows">): ScheduleEntry[] {
  return rows.map((row) => entryOf(row));
}

export function rowsOf(entries: readonly ScheduleEntry[]): TumbleRecord["rows"] {
  return entries.map((entry) => rowOf(entry));
}

/** The first entry that is not done; as many as there are when all are. */
export function openEntry({ rows }: Pick<TumbleRecord, "rows">): number {
  const at = rows.findIndex(([, , , , , , completion]) => completion !== 1);
  return at < 0 ? rows.length : at;
}

/** What of a tumble is known beside its record. */
export interface Moment {
  readonly version: number;
  readonly progress: string | null;
  readonly confirmations: Tumble["confirmations"];
  readonly secondsLeft: number | null;
}

/** What its owner is told. */
export function shownTumble(record: TumbleRecord, moment: Moment): Tumble {
  const { id, wallet, state, rows, failed, run, untilMs, sent, failures, startedAtS, endedAtS } = record;
  return {
    id,
    version: moment.version,
    wallet,
    state,
    isOver: isTumbleOver(record),
    progress: (moment.progress ?? record.progress).slice(0, 300),
    schedule: rows,
    makerFeesSatMax: record.makerFeesSatMax,
    miningFeeSatMax: record.miningFeeSatMax,
    entry: openEntry(record),
    failed,
    run,
    untilS: untilMs === null ? null : Math.ceil(untilMs / 1_000),
    confirmations: moment.confirmations,
    secondsLeft: moment.secondsLeft,
    sent: sent.map(({ run: _, ...one }) => one),
    failures,
    startedAtS,
    endedAtS,
  };
}
