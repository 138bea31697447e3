/** What a coinjoin costs: the size that its transaction will have, and what makers and miners get. Pure. */

import { classifyScript } from "../../../bitcoin/script/script-type.ts";
import { estimateSizeVb, feeOfSizeSat, SCRIPT_LENGTH } from "../../../joinmarket/coins/sizes.ts";
import type { Candidate } from "../../../joinmarket/orderbook/candidates.ts";

/** As joinmarket-clientserver reckons before it knows better: what must suffice, and what a sweep gives. */
const COINS_OF_MAKER = 3;
/** Most bring one. */
const USUAL_COINS_OF_MAKER = 1;
/** Makers may bring more coins than reckoned, and be replaced by dearer ones: what is granted beyond the estimate. */
const MINING_MARGIN = 2;
const MAKER_MARGIN = 2;

type Output = { readonly length: number };

/** What suffices, before the makers have named their coins. */
export function expectedMinerFeeSat(ownCoins: number, makers: number, satPerKvb: number): number {
  return feeFor(ownCoins + makers * COINS_OF_MAKER, makers, satPerKvb);
}

/** What it will rather be. */
export function likelyMinerFeeSat(ownCoins: number, makers: number, satPerKvb: number): number {
  return feeFor(ownCoins + makers * USUAL_COINS_OF_MAKER, makers, satPerKvb);
}

function feeFor(coins: number, makers: number, satPerKvb: number): number {
  const inputs = Array.from({ length: coins }, () => "p2wpkh" as const);
  const outputs = Array.from({ length: 2 * makers + 2 }, () => SCRIPT_LENGTH.p2wpkh);
  return feeOfSizeSat(estimateSizeVb(inputs, outputs), satPerKvb);
}

/** With the coins and outputs that there really are. */
export function minerFeeSat(
  scripts: readonly Uint8Array[],
  outputs: readonly Output[],
  satPerKvb: number,
): number {
  const inputs = scripts.map((script) => {
    const { type } = classifyScript(script);
    return type === "p2sh" ? ("p2sh-p2wpkh" as const) : ("p2wpkh" as const);
  });
  return feeOfSizeSat(estimateSizeVb(inputs, outputs), satPerKvb);
}

export function makerFeesSat(makers: readonly Pick<Candidate, "feeSat">[]): number {
  return makers.reduce((sum, { feeSat }) => sum + feeSat, 0);
}

/** What the wallet's owner should allow, so that a maker that fails can be replaced. */
export function grantedSat(makersSat: number, minersSat: number) {
  return { makerFeesSatMax: makersSat * MAKER_MARGIN, miningFeeSatMax: minersSat * MINING_MARGIN };
}
