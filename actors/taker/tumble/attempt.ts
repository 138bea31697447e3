/** Makes a coinjoin of a schedule's entry: what is there now, how much of it, with whom, and at what price. */
import type { RpcReply } from "../../../bus/contract/contract.ts";
import type { takerContract } from "../../../bus/contracts/taker.ts";
import { amountOf } from "../../../joinmarket/schedule/amounts.ts";
import { isShare, isSweep, type ScheduleEntry } from "../../../joinmarket/schedule/entry.ts";
import { hasCode } from "../../../runtime/errors.ts";
import type { Plans } from "../answers/plans.ts";
import type { CoinjoinParts } from "../coinjoin/parts.ts";
import type { RunWish } from "../coinjoin/record.ts";
import { denials } from "../denials.ts";
import type { OwnMakers } from "../market/own-makers.ts";
import type { TumbleRecord } from "./record.ts";

/** Where it goes was looked at with the schedule, and its offers are those of the coinjoin that follows. */
const PLAN = { destination: null, isKept: true } as const;

export interface Attempt {
  readonly wish: RunWish;
  /** The offers that were gathered for it. */
  readonly plan: string;
  readonly baseSat: number;
}

export interface AttemptParts {
  readonly ownMakers: OwnMakers;
  readonly coinjoins: CoinjoinParts;
  readonly plans: Plans;
}

/** Why an entry is left out, in words for people. */
export interface LeftOut {
  readonly why: string;
}

type Planned = RpcReply<typeof takerContract, "plan">;

/** Throws what keeps it from being tried now. */
export async function prepared(
  { coinjoins, plans, ownMakers }: AttemptParts,
  record: TumbleRecord,
  entry: ScheduleEntry,
  at: number,
  signal: AbortSignal,
): Promise<Attempt | LeftOut> {
  const { mixdepth } = entry;
  const { amountSatMin, limits, satPerVb, feeBlocks, broadcast } = record;
  const funds = await fundsOf(coinjoins, record, mixdepth, 1);
  if (funds === undefined) throw denials.schedule(at + 1, `the wallet has no mixdepth ${mixdepth}`);
  const { availableSat, coins } = funds;
  const baseSat = record.base?.mixdepth === mixdepth ? record.base.sat : availableSat;
  const amount = amountOf(entry, { availableSat, baseSat, amountSatMin, feesSat: 0 });
  if (amount.kind === "nothing") {
    const coming = await fundsOf(coinjoins, record, mixdepth, 0);
    const isComing = availableSat < amountSatMin && (coming?.availableSat ?? 0) >= amountSatMin;
    if (isComing) throw denials.noCoins(amountSatMin);
    return leftOut(availableSat, mixdepth);
  }
  const amountSat = amount.kind === "all" ? null : amount.sat;
  const { makers } = entry;
  const makersMin = Math.min(record.makersMin ?? coinjoins.config.makers_min, makers);
  const asked = { amountSat, makers, makersMin, limits, ignored: ownMakers.nicksOf(record.wallet) };
  const rate = {
    ...(satPerVb !== null && { satPerVb }),
    ...(feeBlocks !== null && { feeBlocks }),
  };
  let plan: Planned;
  try {
    plan = await plans.make({ ...asked, ...rate, availableSat, coins, ...PLAN }, signal);
  } catch (error) {
    // The mixdepth's sweep takes it along.
    if (hasCode(error, "TAKER_TOO_SMALL") && isShare(entry)) return leftOut(availableSat, mixdepth);
    throw error;
  }
  const leftSat = availableSat - plan.amountSat - plan.makerFeesSat - plan.miningFeeSat;
  if (isShare(entry) && leftSat < amountSatMin) {
    await plans.take(plan.plan)?.close();
    return leftOut(availableSat, mixdepth);
  }
  const wish: RunWish = {
    mixdepth,
    ...asked,
    destination: entry.destination === "INTERNAL" ? null : entry.destination,
    satPerVb,
    coins: null,
    makerFeesSatMax: Math.min(plan.makerFeesSatMax, record.makerFeesSatMax),
    miningFeeSatMax: Math.min(plan.miningFeeSatMax, record.miningFeeSatMax),
    broadcast,
  };
  return { wish, plan: plan.plan, baseSat: isSweep(entry) ? 0 : baseSat };
}

async function fundsOf(
  { walletd }: CoinjoinParts,
  { grant }: TumbleRecord,
  mixdepth: number,
  confirmationsMin: number,
) {
  const { mixdepths } = await walletd.funds({ grant: grant ?? "", confirmationsMin });
  return mixdepths.find((one) => one.mixdepth === mixdepth);
}

function leftOut(availableSat: number, mixdepth: number): LeftOut {
  return { why: `Mixdepth ${mixdepth} has ${availableSat} sat, too little for this part.` };
}
