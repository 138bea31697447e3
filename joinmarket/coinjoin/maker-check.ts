/** What a maker checks before it signs: that the transaction pays it what was agreed, whoever made it and whatever else is in it. */
import { equalBytes } from "../../bitcoin/bytes.ts";
import type { Network } from "../../bitcoin/network.ts";
import type { Transaction } from "../../bitcoin/transaction.ts";
import { checkTransaction } from "../../bitcoin/transaction-check.ts";
import { totalSat } from "../coins/select.ts";
import { type CoinjoinCoin, indexesOf, outputsWorth, valuesTo } from "./own-side.ts";

/** What the maker told the taker and reserved for it, from the maker's own records. */
export interface MakerPromise {
  readonly network: Network;
  readonly coins: readonly CoinjoinCoin[];
  readonly amountSat: number;
  /** What the offer asks for this amount, and what it gives to the miners. */
  readonly coinjoinFeeSat: number;
  readonly txfeeSat: number;
  readonly coinjoinScript: Uint8Array;
  readonly changeScript: Uint8Array;
}

export type MakerRefusal =
  | "malformed"
  | "bad-promise"
  | "own-coin-missing"
  | "earns-less-than-nothing"
  | "coinjoin-output-not-once"
  | "coinjoin-output-too-small"
  | "change-output-not-once"
  | "change-output-too-small"
  | "no-other-equal-output";

export type MakerVerdict =
  | { readonly isGood: true; readonly ownInputs: readonly number[]; readonly earnedSat: number }
  | { readonly isGood: false; readonly refusal: MakerRefusal };

/** What must come back as change at least: what went in, less the mixed amount and our share of the miner's fee, plus our fee. */
export function makerChangeSat(
  promise: Omit<MakerPromise, "network" | "coinjoinScript" | "changeScript">,
): number {
  const { coins, amountSat, txfeeSat, coinjoinFeeSat } = promise;
  return totalSat(coins) - amountSat - txfeeSat + coinjoinFeeSat;
}

/**
 * The checks of both peers, of which every one protects the maker's money, and two of our own: the transaction keeps
 * the rules of all transactions, and at least one other output equals the amount, or there would be nothing mixed.
 * Only the inputs named in a good verdict may be signed.
 */
export function checkAsMaker(transaction: Transaction, promise: MakerPromise): MakerVerdict {
  const { network, coins, amountSat, coinjoinFeeSat, txfeeSat, coinjoinScript, changeScript } = promise;
  if (!isSane(promise)) return refused("bad-promise");
  if (checkTransaction(transaction, network) !== undefined) return refused("malformed");
  const ownInputs = indexesOf(transaction, coins);
  if (ownInputs === undefined) return refused("own-coin-missing");
  if (coinjoinFeeSat - txfeeSat < 0) return refused("earns-less-than-nothing");

  const [coinjoinSat = 0, ...moreCoinjoin] = valuesTo(transaction, coinjoinScript);
  if (moreCoinjoin.length > 0 || coinjoinSat === 0) return refused("coinjoin-output-not-once");
  if (coinjoinSat < amountSat) return refused("coinjoin-output-too-small");

  const [changeSat = 0, ...moreChange] = valuesTo(transaction, changeScript);
  if (moreChange.length > 0 || changeSat === 0) return refused("change-output-not-once");
  if (changeSat < makerChangeSat(promise)) return refused("change-output-too-small");

  const own = (coinjoinSat === amountSat ? 1 : 0) + (changeSat === amountSat ? 1 : 0);
  if (outputsWorth(transaction, amountSat) - own < 1) return refused("no-other-equal-output");
  return { isGood: true, ownInputs, earnedSat: coinjoinSat + changeSat - totalSat(coins) };
}

/** One script for both outputs would let one output stand for two. */
function isSane(promise: MakerPromise): boolean {
  const { coins, amountSat, coinjoinFeeSat, txfeeSat, coinjoinScript, changeScript } = promise;
  const amounts = [amountSat, coinjoinFeeSat, txfeeSat, ...coins.map(({ valueSat }) => valueSat)];
  return (
    amounts.every((sat) => Number.isSafeInteger(sat) && sat >= 0) &&
    amountSat > 0 &&
    makerChangeSat(promise) > 0 &&
    !equalBytes(coinjoinScript, changeScript)
  );
}

function refused(refusal: MakerRefusal): MakerVerdict {
  return { isGood: false, refusal };
}
