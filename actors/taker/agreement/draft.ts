/** The transaction of a coinjoin once its makers are known: who brings too many coins is left out, the miners get what is due. */
import { scriptOfAddress } from "../../../bitcoin/script/address.ts";
import type { Transaction } from "../../../bitcoin/transaction.ts";
import {
  buildCoinjoin,
  type CoinjoinPlan,
  DROPPED_CHANGE_SAT_MAX,
  takerRestSat,
} from "../../../joinmarket/coinjoin/shape.ts";
import { hasCode } from "../../../runtime/errors.ts";
import type { CoinjoinParts } from "../coinjoin/parts.ts";
import type { RunWish } from "../coinjoin/record.ts";
import type { WalletShare } from "../coinjoin/wallet-share.ts";
import { denials } from "../denials.ts";
import { minerFeeSat } from "./costs.ts";
import type { Team } from "./team.ts";

export interface Draft {
  readonly transaction: Transaction;
  /** How many are in it. */
  readonly makers: number;
  readonly makerFeesSat: number;
  /** What the miners get, also of what is too little to be change. */
  readonly minerFeeSat: number;
}

/** joinmarket-clientserver's `max_sweep_fee_change`: a sweep's amount is fixed before its size is known. */
const SWEEP_RATE_MIN = 0.2;

export async function drafted(
  parts: CoinjoinParts,
  { share, wish }: { readonly share: WalletShare; readonly wish: RunWish },
  {
    team,
    amountSat,
    satPerKvb,
  }: { readonly team: Team; readonly amountSat: number; readonly satPerKvb: number },
): Promise<Draft> {
  const { network, randomBelow, indexer } = parts;
  const isSweep = wish.amountSat === null;
  const destinationScript = scriptOfAddress(share.coinjoinAddress, network);
  const changeScript = scriptOfAddress(share.changeAddress, network);
  const { tip } = await indexer.tip({});
  for (;;) {
    const makers = team.good.flatMap(({ part }) => (part === undefined ? [] : [part]));
    const outputs = [
      destinationScript,
      ...(isSweep ? [] : [changeScript]),
      ...makers.flatMap((maker) => [maker.coinjoinScript, maker.changeScript]),
    ];
    const scripts = [...share.coins, ...makers.flatMap(({ coins }) => coins)].map(
      (coin) => coin.scriptPubKey,
    );
    const dueSat = minerFeeSat(scripts, outputs, satPerKvb);
    const plan: CoinjoinPlan = {
      taker: { coins: share.coins, destinationScript, ...(isSweep ? {} : { changeScript }) },
      makers,
      amountSat,
      minerFeeSat: isSweep ? 0 : dueSat,
      tipHeight: tip?.height ?? 0,
    };
    const paidSat = minersGet(plan, isSweep);
    const leastSat = isSweep ? Math.ceil(dueSat * SWEEP_RATE_MIN) : dueSat;
    const lowestSat = minerFeeSat(scripts, outputs, await parts.feerate.lowestSatPerKvb());
    const neededSat = Math.max(leastSat, lowestSat);
    const feesSat = makers.reduce((sum, maker) => sum + maker.coinjoinFeeSat, 0);
    const isFair = paidSat >= neededSat && paidSat <= wish.miningFeeSatMax;
    if (isFair)
      return {
        transaction: built(plan, share.inputSat, randomBelow),
        makers: makers.length,
        makerFeesSat: feesSat,
        minerFeeSat: paidSat,
      };
    // Too many coins of others: without the one that brings most it may do.
    const isTooLarge = isSweep ? paidSat < neededSat : paidSat > wish.miningFeeSatMax;
    const [largest] = [...team.good].sort(
      (a, b) => (b.part?.coins.length ?? 0) - (a.part?.coins.length ?? 0),
    );
    if (!isTooLarge || largest === undefined || makers.length <= wish.makersMin) {
      throw denials.miningFee(isSweep ? neededSat : paidSat, wish.miningFeeSatMax);
    }
    team.drop(largest, "it brings so many coins that the miners' fee would be too high");
  }
}

/** All that goes in and does not come out. */
function minersGet(plan: CoinjoinPlan, isSweep: boolean): number {
  const restSat = takerRestSat(plan);
  const givenSat = plan.makers.reduce((sum, { txfeeSat }) => sum + txfeeSat, 0);
  if (isSweep) return restSat + givenSat;
  const dueSat = Math.max(plan.minerFeeSat, givenSat);
  return restSat > DROPPED_CHANGE_SAT_MAX ? dueSat : dueSat + Math.max(restSat, 0);
}

function built(plan: CoinjoinPlan, inputSat: number, randomBelow: CoinjoinParts["randomBelow"]): Transaction {
  try {
    return buildCoinjoin(plan, randomBelow);
  } catch (error) {
    if (!hasCode(error, "JOINMARKET_NO_COINJOIN")) throw error;
    throw denials.tooSmall(inputSat);
  }
}
