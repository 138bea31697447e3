/** Builds the transaction of a coinjoin as most takers build theirs, and reckons what a sweep can mix. */
import { txidToBytes } from "../../bitcoin/bytes.ts";
import type { Transaction } from "../../bitcoin/transaction.ts";
import { totalSat } from "../coins/select.ts";
import { JoinmarketError } from "../errors.ts";
import { makerChangeSat } from "./maker-check.ts";
import { divideHalfEven, type OfferFee } from "./offer-fee.ts";
import type { CoinjoinCoin } from "./own-side.ts";

/** What one maker answered, and what it is paid. */
export interface MakerPart {
  readonly coins: readonly CoinjoinCoin[];
  readonly coinjoinScript: Uint8Array;
  readonly changeScript: Uint8Array;
  readonly coinjoinFeeSat: number;
  readonly txfeeSat: number;
}

export interface TakerPart {
  readonly coins: readonly CoinjoinCoin[];
  readonly destinationScript: Uint8Array;
  /** None in a sweep: what is left over goes to the miners. */
  readonly changeScript?: Uint8Array;
}

export interface CoinjoinPlan {
  readonly taker: TakerPart;
  readonly makers: readonly MakerPart[];
  readonly amountSat: number;
  /** What the miners get at least, by taker and makers together. */
  readonly minerFeeSat: number;
  readonly tipHeight: number;
}

/** A whole number from 0 up to below `end`, every one as likely, from the system's random source. */
export type RandomBelow = (end: number) => number;

/** joinmarket-clientserver's; whoever looks at the chain shall not tell our coinjoins from theirs. */
const VERSION = 2;
const SEQUENCE = 0xffff_fffe;
const EARLIER_ONE_IN = 10;
const EARLIER_BLOCKS = 100;
/** Change up to this is left to the miners. */
export const DROPPED_CHANGE_SAT_MAX = 2_730;
/** Makers' change below this would tell nothing new but cost them to spend: such an answer is refused. */
export const MAKER_CHANGE_SAT_MIN = 27_300;
/** The rounding of a sweep's amount may take one satoshi more than there is; the miners bear it. */
export const SWEEP_SHORTAGE_SAT_MAX = 1;

/** What is left to the taker after the makers' fees and its share of the miners'; negative if it is not enough. */
export function takerRestSat({ taker, makers, amountSat, minerFeeSat }: CoinjoinPlan): number {
  const makerFeesSat = makers.reduce((sum, { coinjoinFeeSat }) => sum + coinjoinFeeSat, 0);
  const givenSat = makers.reduce((sum, { txfeeSat }) => sum + txfeeSat, 0);
  return totalSat(taker.coins) - amountSat - makerFeesSat - Math.max(minerFeeSat - givenSat, 0);
}

/** The unsigned transaction, inputs and outputs in random order. */
export function buildCoinjoin(plan: CoinjoinPlan, randomBelow: RandomBelow): Transaction {
  const { taker, makers, amountSat, tipHeight } = plan;
  const restSat = takerRestSat(plan);
  const isSweep = taker.changeScript === undefined;
  if (restSat < (isSweep ? -SWEEP_SHORTAGE_SAT_MAX : 0)) throw notEnough(-restSat);
  const outputs = [{ valueSat: amountSat, script: taker.destinationScript }];
  if (taker.changeScript !== undefined && restSat > DROPPED_CHANGE_SAT_MAX) {
    outputs.push({ valueSat: restSat, script: taker.changeScript });
  }
  for (const maker of makers) {
    const changeSat = makerChangeSat({ ...maker, amountSat });
    if (changeSat < MAKER_CHANGE_SAT_MIN) throw notEnough(MAKER_CHANGE_SAT_MIN - changeSat);
    outputs.push({ valueSat: amountSat, script: maker.coinjoinScript });
    outputs.push({ valueSat: changeSat, script: maker.changeScript });
  }
  const coins = [...taker.coins, ...makers.flatMap((maker) => maker.coins)];
  return {
    version: VERSION,
    inputs: shuffled(coins, randomBelow).map(({ txid, vout }) => ({
      previousTxidBytes: txidToBytes(txid),
      previousIndex: vout,
      scriptSig: new Uint8Array(0),
      sequence: SEQUENCE,
      witness: [],
    })),
    outputs: shuffled(outputs, randomBelow).map(({ valueSat, script }) => ({
      amountSat: BigInt(valueSat),
      scriptPubKey: script,
    })),
    locktime: locktimeAt(tipHeight, randomBelow),
  };
}

/** What one maker of a sweep asks for, before its amount is known. */
export interface SweepOffer {
  readonly fee: OfferFee;
  readonly txfeeSat: number;
}

/** The amount with which nothing is left of the taker's coins, rounded half to even: up to a satoshi too much or too little. */
export function sweepAmountSat(
  coins: readonly Pick<CoinjoinCoin, "valueSat">[],
  offers: readonly SweepOffer[],
  minerFeeSat: number,
): number {
  let restSat = totalSat(coins);
  let givenSat = 0;
  // One and all shares of the amount, as one fraction.
  let numerator = 1n;
  let denominator = 1n;
  for (const { fee, txfeeSat } of offers) {
    givenSat += txfeeSat;
    if (fee.type === "absolute") {
      restSat -= fee.feeSat;
      continue;
    }
    numerator = numerator * fee.share.denominator + fee.share.numerator * denominator;
    denominator *= fee.share.denominator;
  }
  restSat -= Math.max(minerFeeSat - givenSat, 0);
  if (restSat <= 0) throw notEnough(-restSat);
  return Number(divideHalfEven(BigInt(restSat) * denominator, numerator));
}

/** A locktime at the tip makes rewriting the last blocks worth less; sometimes it is earlier, as after a delay in signing. */
function locktimeAt(tipHeight: number, randomBelow: RandomBelow): number {
  if (randomBelow(EARLIER_ONE_IN) !== 0) return tipHeight;
  return Math.max(tipHeight - randomBelow(EARLIER_BLOCKS), 1);
}

/** Fisher and Yates: every order is as likely. */
function shuffled<T>(items: readonly T[], randomBelow: RandomBelow): readonly T[] {
  const order = [...items];
  for (let end = order.length; end > 1; end--) {
    const from = randomBelow(end);
    const moved = order[from] as T;
    order[from] = order[end - 1] as T;
    order[end - 1] = moved;
  }
  return order;
}

function notEnough(missingSat: number): JoinmarketError {
  return new JoinmarketError(
    { code: "JOINMARKET_NO_COINJOIN", missingSat },
    `these coins do not cover the amount and its fees: ${missingSat} satoshi are missing`,
  );
}
