/** What a coinjoin costs: the size that its transaction will have, and what makers and miners get. Pure. */

import { classifyScript } from "../../../bitcoin/script/script-type.ts";
import { estimateSizeVb, feeOfSizeSat, SCRIPT_LENGTH } from "../../../joinmarket/coins/sizes.ts";
import type { Candidate } from "../../../joinmarket/orderbook/candidates.ts";

/** As joinmarket-clientserver reckons before it knows better. */
const COINS_OF_MAKER = 3;
/** Makers may bring more coins than reckoned, and be replaced by dearer ones: what is granted beyond the estimate. */
const MINING_MARGIN = 2;
const MAKER_MARGIN = 2;

type Output = { readonly length: number };

/** Before the makers have named their coins. */
export function expectedMinerFeeSat(
  ownCoins: number,
  makers: number,
  satPerKvb: number,
  destination: Output = SCRIPT_LENGTH.p2wpkh,
): number {
  const inputs = Array.from({ length: ownCoins + makers * COINS_OF_MAKER }, () => "p2wpkh" as const);
  const outputs = Array.from({ length: 2 * makers + 1 }, () => SCRIPT_LENGTH.p2wpkh);
  return feeOfSizeSat(estimateSizeVb(inputs, [destination, ...outputs]), satPerKvb);
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
