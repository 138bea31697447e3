/** What the taker's contract says of tumbles: schedules as JoinMarket writes them, the options a plan is drawn with, and how one stands. */
import { z } from "zod";
import { Address, AmountSat, Count, Hash, Mixdepth, TimeS, WalletName } from "../walletd/values.ts";

export const TUMBLE_ENTRIES_MAX = 200;
export const TUMBLE_DESTINATIONS_MAX = 50;
export const SCHEDULE_TEXT_MAX = 50_000;
/** What an entry's rounding says when its amount is not rounded. */
export const NOT_ROUNDED = 16;
const WAIT_MINUTES_MAX = 100_000;
const FAILURES_SHOWN_MAX = 50;
const ENTRY_MAKERS_MAX = 20;

export const TumbleId = z.string().regex(/^[0-9a-f]{16}$/);

/** 0 takes all, below 1 a share of what the mixdepth had at its first coinjoin, else satoshi. */
const EntryAmount = AmountSat.or(z.number().gt(0).lt(1));

/** One coinjoin, as a line of JoinMarket's schedule files and as its HTTP interface has it. */
export const ScheduleEntrySchema = z.tuple([
  Mixdepth,
  EntryAmount,
  /** How many makers. */
  z.int().min(1).max(ENTRY_MAKERS_MAX),
  /** `INTERNAL`: the wallet's next mixdepth; `addrask`: an address that the owner is asked for in time. */
  z.union([z.enum(["INTERNAL", "addrask"]), Address]),
  /** Minutes to wait after it has confirmed. */
  z.number().min(0).max(WAIT_MINUTES_MAX),
  /** To how many significant figures the amount is rounded; 16 is not at all. */
  z.int().min(1).max(NOT_ROUNDED),
  /** 0: to be done; a txid: sent; 1: confirmed, or nothing was left to be mixed. */
  z.union([z.literal(0), z.literal(1), Hash]),
]);
export type ScheduleTuple = z.infer<typeof ScheduleEntrySchema>;

export const ScheduleSchema = z.array(ScheduleEntrySchema).min(1).max(TUMBLE_ENTRIES_MAX);

/** A normal distribution, of which whole numbers are drawn. */
const Spread = z.object({ mean: z.number().min(0).max(100), spread: z.number().min(0).max(50) });

/** JoinMarket's own, by the names that people would give them; in brackets as `tumbler_options` has them. */
export const TumbleOptionsSchema = z.object({
  /** Destinations in all (addrcount): as many as are missing are asked for in time. */
  destinations: z.int().min(1).max(TUMBLE_DESTINATIONS_MAX).default(3),
  /** Makers of each coinjoin (makercountrange, minmakercount); by the taker's section when absent. */
  makers: Spread.optional(),
  makersMin: z.int().min(1).max(ENTRY_MAKERS_MAX).optional(),
  /** Through how many mixdepths the coins go (mixdepthcount). */
  mixdepths: z.int().min(1).max(30).default(4),
  /** Coinjoins of each mixdepth (txcountparams, mintxcount). */
  coinjoins: Spread.default({ mean: 2, spread: 1 }),
  coinjoinsMin: z.int().min(1).max(20).default(2),
  /** The mean of the waits in minutes (timelambda), and how much longer they are at first (stage1_timelambda_increase). */
  waitMinutes: z.number().min(0).max(10_000).default(60),
  firstWaitFactor: z.number().min(0).max(100).default(3),
  /** No coinjoin is smaller (mincjamount). */
  amountSatMin: AmountSat.default(100_000),
  /** How many amounts of a hundred are rounded (rounding_chance), and the weights of 1 to 5 figures (rounding_sigfig_weights). */
  roundedPercent: z.number().min(0).max(100).default(25),
  roundingWeights: z.array(z.number().min(0).max(1_000_000)).length(5).default([55, 15, 25, 65, 40]),
});
export type TumbleOptions = z.infer<typeof TumbleOptionsSchema>;

/** What holds while it runs, whoever made the schedule. */
export const TumbleRulesSchema = z.object({
  amountSatMin: AmountSat.default(100_000),
  /** After a coinjoin that failed (liquiditywait); longer with each further failure. */
  retrySeconds: z.int().min(1).max(86_400).default(60),
  /** With fewer makers no coinjoin is made; the taker's section says it when absent. */
  makersMin: z.int().min(1).max(ENTRY_MAKERS_MAX).optional(),
});

/**
 * mixing: a coinjoin runs; confirming: its transaction waits for blocks; waiting: for the time that the schedule wants;
 * retrying: a coinjoin has failed, another is tried soon; address, grant: the owner is asked for one, see `tumbleResume`;
 * done; stopped: by its owner, or as it cannot go on. A stopped one can be resumed too.
 */
export const TUMBLE_STATES = [
  "mixing",
  "confirming",
  "waiting",
  "retrying",
  "address",
  "grant",
  "done",
  "stopped",
] as const;

export const TumbleSchema = z.object({
  id: TumbleId,
  /** One more with each change: ask for what is newer. */
  version: Count,
  wallet: WalletName,
  state: z.enum(TUMBLE_STATES),
  isOver: z.boolean(),
  /** What is happening, or how it ended, in a sentence for people. */
  progress: z.string().max(300),
  schedule: ScheduleSchema,
  /** What each of its coinjoins may cost: what a new grant should allow. */
  makerFeesSatMax: AmountSat,
  miningFeeSatMax: AmountSat,
  /** The entry that is worked on, from 0; as many as there are when it is done. */
  entry: Count,
  /** How often this entry has failed. */
  failed: Count,
  /** The coinjoin of this entry, for `run`. */
  run: TumbleId.nullable(),
  /** When the present wait is over. */
  untilS: TimeS.nullable(),
  confirmations: z.object({ has: Count, wants: Count }).nullable(),
  /** What is left of the waits, and guessed for the rest; null when it depends on the owner, or nobody can say how fast blocks come. */
  secondsLeft: Count.nullable(),
  /** For each entry that has been sent, by its place in the schedule. */
  sent: z
    .array(
      z.object({
        entry: Count,
        txid: Hash,
        amountSat: AmountSat,
        makers: Count,
        makerFeesSat: AmountSat,
        miningFeeSat: AmountSat,
        atS: TimeS,
      }),
    )
    .max(TUMBLE_ENTRIES_MAX),
  /** The last coinjoins that failed, the newest last. */
  failures: z
    .array(
      z.object({
        entry: Count,
        run: TumbleId.nullable(),
        code: z.string().max(64),
        message: z.string().max(300),
        atS: TimeS,
      }),
    )
    .max(FAILURES_SHOWN_MAX),
  startedAtS: TimeS,
  endedAtS: TimeS.nullable(),
});
export type Tumble = z.infer<typeof TumbleSchema>;

/** What an entry is guessed to mix and to cost. */
export const TumbleCostSchema = z.object({
  amountSat: AmountSat,
  makerFeesSat: AmountSat,
  miningFeeSat: AmountSat,
});

export const TUMBLE_ERRORS = { TAKER_NO_SUCH_TUMBLE: z.object({ id: TumbleId }) } as const;
export const SCHEDULE_ERRORS = {
  /** `entry` counts from 1; 0 is the schedule as a whole. */
  TAKER_SCHEDULE: z.object({ entry: Count, what: z.string().max(200) }),
} as const;
