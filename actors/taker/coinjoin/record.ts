/** What is kept of a coinjoin, so that a taker that was killed goes on with it or ends it; and what others are told of it. */
import { z } from "zod";
import type { CoinjoinRun } from "../../../bus/contracts/taker.ts";

const Sat = z.int().min(0);

const FaultSchema = z.strictObject({ nick: z.string(), phase: z.string(), why: z.string() });

export const RecordSchema = z.strictObject({
  form: z.literal(1),
  id: z.string().regex(/^[0-9a-f]{16}$/),
  wish: z.strictObject({
    mixdepth: z.int(),
    amountSat: Sat.nullable(),
    destination: z.string().nullable(),
    /** Just these; absent in what was kept before coins could be named. */
    coins: z
      .array(z.strictObject({ txid: z.string(), index: z.int() }))
      .nullable()
      .default(null),
    makers: z.int().nullable(),
    makersMin: z.int(),
    limits: z.strictObject({ absoluteSat: Sat, relative: z.string() }),
    satPerVb: z.number().nullable(),
    ignored: z.array(z.string()),
    makerFeesSatMax: Sat,
    miningFeeSatMax: Sat,
    broadcast: z.enum(["self", "random-maker", "not-self"]),
  }),
  /** The owner's word for the wallet's coins; taken out when the coinjoin is over. */
  grant: z.string().nullable(),
  /** The grant was given for this coinjoin alone, and is given up with it. */
  ownsGrant: z.boolean().default(false),
  /** By its owner, before it was signed; absent in what was kept before this was written down. */
  isCancelled: z.boolean().default(false),
  phase: z.enum(["orderbook", "reserve", "fill", "sign", "send", "done", "failed", "cancelled"]),
  progress: z.string(),
  attempt: z.int(),
  reservation: z.string().nullable(),
  amountSat: Sat.nullable(),
  /** What our coins in it are worth, and how many they are: for the wallet's history. */
  inputs: z.int(),
  inputSat: Sat,
  makersWanted: z.int(),
  makersAsked: z.int(),
  makersGood: z.int(),
  makersSigned: z.int(),
  /** Those in the transaction. */
  makers: z.array(z.string()),
  makerFeesSat: Sat.nullable(),
  miningFeeSat: Sat.nullable(),
  /** In hex: with all signatures but ours, and with ours. */
  unsignedTx: z.string().nullable(),
  signedTx: z.string().nullable(),
  txid: z.string().nullable(),
  broadcastBy: z.string().nullable(),
  faults: z.array(FaultSchema),
  failure: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
  startedAtS: z.int(),
  endedAtS: z.int().nullable(),
});
export type RunRecord = z.infer<typeof RecordSchema>;
export type RunWish = RunRecord["wish"];

/** How many that are over are remembered. */
export const RUNS_KEPT_MAX = 200;
const FAULTS_MAX = 200;
const MESSAGE_LENGTH_MAX = 500;

export function newRecord(id: string, wish: RunWish, grant: string, startedAtS: number): RunRecord {
  return {
    form: 1,
    id,
    wish,
    grant,
    ownsGrant: false,
    isCancelled: false,
    phase: "orderbook",
    progress: "Asking the market for offers.",
    attempt: 0,
    reservation: null,
    amountSat: wish.amountSat,
    inputs: 0,
    inputSat: 0,
    makersWanted: wish.makers ?? 0,
    makersAsked: 0,
    makersGood: 0,
    makersSigned: 0,
    makers: [],
    makerFeesSat: null,
    miningFeeSat: null,
    unsignedTx: null,
    signedTx: null,
    txid: null,
    broadcastBy: null,
    faults: [],
    failure: null,
    startedAtS,
    endedAtS: null,
  };
}

export function isOver({ phase }: Pick<RunRecord, "phase">): boolean {
  return phase === "done" || phase === "failed" || phase === "cancelled";
}

/** What the coinjoin's owner is told. */
export function shownRun(record: RunRecord, version: number): CoinjoinRun {
  const { id, phase, progress, attempt, wish, amountSat, failure, faults } = record;
  return {
    id,
    version,
    phase,
    isOver: isOver(record),
    progress,
    attempt,
    mixdepth: wish.mixdepth,
    isSweep: wish.amountSat === null,
    amountSat,
    makersWanted: record.makersWanted,
    makersAsked: record.makersAsked,
    makersGood: record.makersGood,
    makersSigned: record.makersSigned,
    makerFeesSat: record.makerFeesSat,
    miningFeeSat: record.miningFeeSat,
    txid: record.txid,
    broadcastBy: record.broadcastBy,
    faults: faults.slice(-FAULTS_MAX) as CoinjoinRun["faults"],
    failure: failure === null ? null : { ...failure, message: failure.message.slice(0, MESSAGE_LENGTH_MAX) },
    startedAtS: record.startedAtS,
    endedAtS: record.endedAtS,
  };
}
