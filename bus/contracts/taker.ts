/** What others know of the taker: the market's offers, what a coinjoin would cost, coinjoins that run, and how each ended. */
import { z } from "zod";
import { contract } from "../contract/contract.ts";
import {
  SCHEDULE_ERRORS,
  SCHEDULE_TEXT_MAX,
  ScheduleSchema,
  TUMBLE_DESTINATIONS_MAX,
  TUMBLE_ERRORS,
  TUMBLE_STATES,
  TumbleCostSchema,
  TumbleId,
  TumbleOptionsSchema,
  TumbleRulesSchema,
  TumbleSchema,
} from "./taker/tumble.ts";
import { COINJOIN_MAKERS_MAX } from "./taker/values.ts";
import {
  Address,
  AmountSat,
  Count,
  Grant,
  Hash,
  Hex,
  Mixdepth,
  Outpoint,
  PublicKey,
  TimeS,
  WALLET_INPUTS_MAX,
  WALLET_MIXDEPTHS_MAX,
  WalletName,
} from "./walletd/values.ts";

const OFFERS_SHOWN_MAX = 5_000;
const RUNS_SHOWN_MAX = 100;
const TUMBLES_SHOWN_MAX = 50;

const Nick = z.string().max(32);
const Id = z.string().regex(/^[0-9a-f]{16}$/);
const FeerateSatPerVb = z.number().min(0).max(100_000);
/** Instead of a rate: what the node estimates for being confirmed within so many blocks. */
const FeeBlocks = z.int().min(1).max(1_008);

/** How a channel of the market stands, for people. */
const ChannelSchema = z.object({
  id: z.string().max(120),
  kind: z.enum(["irc", "onion"]),
  state: z.enum(["connecting", "up", "down"]),
  error: z.string().max(300).nullable(),
});

const OfferSchema = z.object({
  nick: Nick,
  /** Peers allow it more digits than numbers hold. */
  oid: z.string().max(20),
  type: z.string().max(32),
  minSizeSat: AmountSat,
  maxSizeSat: AmountSat,
  txfeeSat: AmountSat,
  /** As the maker wrote it: satoshi, or a share of the amount. */
  fee: z.string().max(80),
  /** In the protocol's unit; 0 when none is proved. */
  bondValue: z.number().min(0),
});
export type TakerOffer = z.infer<typeof OfferSchema>;

/** A fidelity bond that a maker has proved, and whose coin our own index knows. */
const ShownBondSchema = Outpoint.extend({
  nick: Nick,
  value: z.number().min(0),
  amountSat: AmountSat,
  locktimeS: TimeS,
  script: Hex,
  publicKey: PublicKey,
  confirmations: Count,
  confirmedAtS: TimeS,
  /** The number of the period of 2,016 blocks after which the proof is void. */
  certificateExpiry: Count,
});
export type ShownBond = z.infer<typeof ShownBondSchema>;

const LimitsSchema = z.object({
  /** What one maker may cost: an offer above both is refused. The taker's section says it when absent. */
  absoluteSat: AmountSat.optional(),
  relative: z
    .string()
    .max(40)
    .regex(/^(?:0?\.\d{1,32}|0|\d{1,2}E-\d{1,2})$/i)
    .optional(),
});

/** The shape of a coinjoin before anything of the wallet is set aside. */
const WishSchema = z.object({
  /** Null takes all of the mixdepth. */
  amountSat: AmountSat.min(1).nullable(),
  /** Chosen at random within the taker's section when absent. */
  makers: z.int().min(1).max(COINJOIN_MAKERS_MAX).optional(),
  makersMin: z.int().min(1).max(COINJOIN_MAKERS_MAX).optional(),
  limits: LimitsSchema.default({}),
  /** The miners' fee; by the taker's section when absent. */
  satPerVb: FeerateSatPerVb.optional(),
  /** Our own makers, which would tell an observer nothing but cost us. */
  ignored: z.array(Nick).max(200).default([]),
});

export const BROADCAST_POLICIES = ["self", "random-maker", "not-self"] as const;
const PHASES = ["orderbook", "reserve", "fill", "sign", "send", "done", "failed", "cancelled"] as const;

export const CoinjoinRunSchema = z.object({
  id: Id,
  /** One more with each change: ask for what is newer. */
  version: Count,
  phase: z.enum(PHASES),
  isOver: z.boolean(),
  /** What is happening, or how it ended, in a sentence for people. */
  progress: z.string().max(300),
  attempt: z.int().min(0),
  mixdepth: Mixdepth,
  isSweep: z.boolean(),
  amountSat: AmountSat.nullable(),
  makersWanted: Count,
  /** Of this attempt: asked, agreed with, and signed. */
  makersAsked: Count,
  makersGood: Count,
  makersSigned: Count,
  makerFeesSat: AmountSat.nullable(),
  miningFeeSat: AmountSat.nullable(),
  txid: Hash.nullable(),
  broadcastBy: z.string().max(32).nullable(),
  /** What each maker that failed us did, in order. */
  faults: z.array(z.object({ nick: Nick, phase: z.enum(PHASES), why: z.string().max(200) })).max(200),
  failure: z.object({ code: z.string().max(64), message: z.string().max(500) }).nullable(),
  startedAtS: TimeS,
  endedAtS: TimeS.nullable(),
});
export type CoinjoinRun = z.infer<typeof CoinjoinRunSchema>;

const OWNERS = ["operator", "gateway"] as const;
/** The bank pays orders by coinjoins, with coins that walletd lends for one order each. */
const MIXERS = [...OWNERS, "ledger"] as const;
/** Until the market has answered: over Tor that takes its time. */
const MARKET_WAIT_MS = 100_000;
const MARKET_ERRORS = {
  /** What the taker itself was told, by whom it had to ask. */
  TAKER_NOT_READY: z.object({ reason: z.string().max(64), retryable: z.literal(true) }),
  TAKER_NO_MARKET: z.object({ channels: z.array(ChannelSchema) }),
  TAKER_BUSY: z.object({ most: z.int() }),
} as const;
const RUN_ERRORS = { TAKER_NO_SUCH_RUN: z.object({ id: Id }) } as const;

export const takerContract = contract("taker", {
  semver: "1.0.0",
  doc: "Asks makers of the JoinMarket for coinjoins: gathers offers, says what it will cost, and carries it out with coins that walletd grants.",
  instances: "any",
})
  .rpc("orderbook", {
    doc: "The offers of the market, asked for now under a name of its own; answered when no more come.",
    input: z.object({}),
    output: z.object({
      channels: z.array(ChannelSchema).max(64),
      makers: Count,
      offers: z.array(OfferSchema).max(OFFERS_SHOWN_MAX),
      bonds: z.array(ShownBondSchema).max(OFFERS_SHOWN_MAX),
    }),
    errors: MARKET_ERRORS,
    deadlineMs: MARKET_WAIT_MS,
    idempotency: "idempotent",
    callers: OWNERS,
    concurrency: 2,
    queue: 16,
  })
  .rpc("plan", {
    doc: "Gathers the market's offers and says what a coinjoin of this shape would cost. Nothing is set aside; `start` with the plan's id goes on with these offers.",
    input: WishSchema.extend({
      /** What the mixdepth has, and of how many coins: tells what all of it makes, and how large the transaction is. */
      availableSat: AmountSat,
      coins: z.int().min(1).max(10_000),
      /** Where the mixed coins shall go, so that a mistaken address is known before anything is begun. */
      destination: Address.nullable().default(null),
      feeBlocks: FeeBlocks.optional(),
      /** Whether these offers are kept for a `start` that goes on with them. */
      isKept: z.boolean().default(true),
    }),
    output: z.object({
      plan: Id,
      amountSat: AmountSat,
      makers: z.array(OfferSchema.extend({ costSat: AmountSat })).max(COINJOIN_MAKERS_MAX),
      makersMin: Count,
      /** How many could be asked for this amount at these prices. */
      candidates: Count,
      makerFeesSat: AmountSat,
      miningFeeSat: AmountSat,
      satPerVb: FeerateSatPerVb,
      /** What it may become when makers have to be replaced or bring more coins: what a grant should allow. */
      makerFeesSatMax: AmountSat,
      miningFeeSatMax: AmountSat,
      channels: z.array(ChannelSchema).max(64),
    }),
    errors: {
      ...MARKET_ERRORS,
      TAKER_FEW_MAKERS: z.object({ found: Count, wanted: Count }),
      TAKER_TOO_SMALL: z.object({ availableSat: AmountSat }),
      TAKER_FEERATE: z.object({ satPerVb: z.number() }),
      TAKER_ADDRESS: z.object({ address: Address }),
    },
    redact: ["availableSat", "amountSat", "coins", "destination"],
    deadlineMs: MARKET_WAIT_MS,
    idempotency: "idempotent",
    callers: MIXERS,
    concurrency: 4,
    queue: 16,
  })
  .rpc("start", {
    doc: "Begins a coinjoin with coins that the wallet's owner has granted, and answers at once; `run` tells how it goes. The grant is given up with it.",
    input: WishSchema.extend({
      /** Named by whoever asks, such as by the order that it pays: one that is here already is not begun again. */
      id: Id.optional(),
      grant: Grant,
      mixdepth: Mixdepth,
      /** Null is the wallet's own next mixdepth. */
      destination: Address.nullable().default(null),
      /** Exactly these coins of the mixdepth; chosen by the wallet when absent. */
      coins: z.array(Outpoint).min(1).max(WALLET_INPUTS_MAX).optional(),
      makerFeesSatMax: AmountSat,
      miningFeeSatMax: AmountSat,
      broadcast: z.enum(BROADCAST_POLICIES).optional(),
      plan: Id.optional(),
    }),
    output: z.object({ id: Id }),
    errors: { TAKER_BUSY: z.object({ most: z.int() }) },
    redact: ["grant", "destination", "amountSat", "coins"],
    deadlineMs: 5_000,
    idempotency: "key",
    callers: MIXERS,
  })
  .rpc("run", {
    doc: "How a coinjoin stands; with `newerThan` the answer waits up to 20 seconds for something new.",
    input: z.object({ id: Id, newerThan: Count.optional() }),
    output: CoinjoinRunSchema,
    errors: RUN_ERRORS,
    redact: ["amountSat", "txid", "faults"],
    deadlineMs: 30_000,
    idempotency: "idempotent",
    callers: MIXERS,
    concurrency: 64,
  })
  .rpc("runs", {
    doc: "The coinjoins that run and the last that ended, the newest first.",
    input: z.object({ limit: z.int().min(1).max(RUNS_SHOWN_MAX).default(20) }),
    output: z.object({ runs: z.array(CoinjoinRunSchema).max(RUNS_SHOWN_MAX) }),
    redact: ["runs"],
    deadlineMs: 5_000,
    idempotency: "idempotent",
    callers: OWNERS,
  })
  .rpc("cancel", {
    doc: "Ends a coinjoin and frees its coins, unless our own signatures have been made: then it goes on.",
    input: z.object({ id: Id }),
    output: z.object({ isCancelled: z.boolean() }),
    errors: RUN_ERRORS,
    deadlineMs: 5_000,
    idempotency: "idempotent",
    callers: MIXERS,
  })
  .rpc("tumblePlan", {
    doc: "Draws a schedule that brings all of a wallet's coins to the destinations by many coinjoins, or takes a given one, and says what it will cost and how long it will take. Nothing is set aside; `tumbleStart` takes the schedule.",
    input: z.object({
      /** What each mixdepth of the wallet has that can be spent, from mixdepth 0 on, all of them. */
      availableSat: z.array(AmountSat).min(1).max(WALLET_MIXDEPTHS_MAX),
      destinations: z.array(Address).max(TUMBLE_DESTINATIONS_MAX).default([]),
      options: TumbleOptionsSchema.prefault({}),
      /** Instead of drawing one: as rows, or as the text of a file of JoinMarket's. */
      schedule: ScheduleSchema.optional(),
      text: z.string().max(SCHEDULE_TEXT_MAX).optional(),
      limits: LimitsSchema.default({}),
      satPerVb: FeerateSatPerVb.optional(),
      feeBlocks: FeeBlocks.optional(),
      /** Whether the market is asked what it would cost, which takes its time. */
      isPriced: z.boolean().default(true),
    }),
    output: z.object({
      schedule: ScheduleSchema,
      /** The same as the text of a file. */
      text: z.string(),
      /** By entry; null when the market was not asked. */
      costs: z.array(TumbleCostSchema).nullable(),
      /** What one coinjoin of it may cost by the limits: what a grant should allow. */
      makerFeesSatMax: AmountSat,
      miningFeeSatMax: AmountSat,
      secondsLeft: Count,
      /** The most and the fewest makers that could be asked for one of its coinjoins; null when the market was not asked. */
      candidates: z.object({ most: Count, fewest: Count }).nullable(),
    }),
    errors: {
      ...MARKET_ERRORS,
      ...SCHEDULE_ERRORS,
      TAKER_NO_COINS: z.object({ amountSatMin: AmountSat }),
      TAKER_FEERATE: z.object({ satPerVb: z.number() }),
    },
    redact: ["availableSat", "destinations", "schedule", "text", "costs"],
    deadlineMs: MARKET_WAIT_MS,
    idempotency: "idempotent",
    callers: OWNERS,
    concurrency: 4,
    queue: 16,
  })
  .rpc("tumbleStart", {
    doc: "Begins a schedule of coinjoins and answers at once; it goes on after a restart, until it is done or stopped. One for each wallet at a time.",
    input: z.object({
      wallet: WalletName,
      /** For all mixdepths, with all destinations, up to the fees below for each coinjoin; it has to last as long. */
      grant: Grant,
      schedule: ScheduleSchema,
      rules: TumbleRulesSchema.prefault({}),
      limits: LimitsSchema.default({}),
      satPerVb: FeerateSatPerVb.optional(),
      feeBlocks: FeeBlocks.optional(),
      makerFeesSatMax: AmountSat,
      miningFeeSatMax: AmountSat,
      broadcast: z.enum(BROADCAST_POLICIES).optional(),
    }),
    output: TumbleSchema,
    errors: { ...SCHEDULE_ERRORS, TAKER_TUMBLES: z.object({ wallet: WalletName, id: TumbleId }) },
    redact: ["grant", "schedule", "sent", "failures"],
    deadlineMs: 5_000,
    idempotency: "key",
    callers: OWNERS,
  })
  .rpc("tumble", {
    doc: "How a tumble stands; with `newerThan` the answer waits up to 20 seconds for something new.",
    input: z.object({ id: TumbleId, newerThan: Count.optional() }),
    output: TumbleSchema,
    errors: TUMBLE_ERRORS,
    redact: ["schedule", "sent", "failures"],
    deadlineMs: 30_000,
    idempotency: "idempotent",
    callers: OWNERS,
    concurrency: 64,
  })
  .rpc("tumbles", {
    doc: "The tumbles that run and the last that ended, the newest first; of one wallet when it is named.",
    input: z.object({
      wallet: WalletName.optional(),
      limit: z.int().min(1).max(TUMBLES_SHOWN_MAX).default(10),
    }),
    output: z.object({ tumbles: z.array(TumbleSchema).max(TUMBLES_SHOWN_MAX) }),
    redact: ["tumbles"],
    deadlineMs: 5_000,
    idempotency: "idempotent",
    callers: OWNERS,
  })
  .rpc("tumbleStop", {
    doc: "Ends a tumble: a coinjoin that is not signed yet is given up with its coins free, one that is goes on. What is not done stays where it is, and can be resumed.",
    input: z.object({ id: TumbleId }),
    output: TumbleSchema,
    errors: TUMBLE_ERRORS,
    redact: ["schedule", "sent", "failures"],
    deadlineMs: 5_000,
    idempotency: "idempotent",
    callers: OWNERS,
  })
  .rpc("tumbleResume", {
    doc: "Lets a tumble go on that was stopped, or asks for a grant or an address: with a new grant, which names all its destinations, also the new ones.",
    input: z.object({
      id: TumbleId,
      grant: Grant,
      /** For the entries that want one, in their order. */
      addresses: z.array(Address).max(TUMBLE_DESTINATIONS_MAX).default([]),
    }),
    output: TumbleSchema,
    errors: {
      ...TUMBLE_ERRORS,
      ...SCHEDULE_ERRORS,
      TAKER_TUMBLES: z.object({ wallet: WalletName, id: TumbleId }),
    },
    redact: ["grant", "addresses", "schedule", "sent", "failures"],
    deadlineMs: 5_000,
    idempotency: "key",
    callers: OWNERS,
  })
  .event("tumble.changed", {
    doc: "A tumble has come further, or has ended: ask for it.",
    body: z.object({ id: TumbleId, wallet: WalletName, state: z.enum(TUMBLE_STATES), isOver: z.boolean() }),
    readers: ["gateway"],
  })
  .event("run.changed", {
    doc: "A coinjoin has come further, or has ended: ask for it.",
    body: z.object({ id: Id, phase: z.enum(PHASES), isOver: z.boolean() }),
    readers: ["gateway", "ledger"],
  });
