/** On which terms a wallet earns: what was asked for, and what the configuration says of the rest. */
import type { MakerTerms } from "../../../bus/contracts/maker.ts";
import type { MakerConfig } from "../config.ts";

export interface OfferTerms {
  readonly offers: "relative" | "absolute" | "both";
  readonly relativeFee: string;
  readonly absoluteFeeSat: number;
  readonly txfeeSat: number;
  readonly minSat: number;
  readonly isFreeWithoutBond: boolean;
  /** By how much of themselves the numbers are varied. */
  readonly feeFactor: number;
  readonly sizeFactor: number;
  readonly txfeeFactor: number;
}

export function termsOf(asked: MakerTerms, config: MakerConfig): OfferTerms {
  // Who names a fee means it: the maker is then seen by fewer takers.
  const namesFee = asked.relativeFee !== undefined || asked.absoluteFeeSat !== undefined;
  return {
    offers: asked.offers ?? kindOf(asked) ?? config.offers,
    relativeFee: asked.relativeFee ?? config.relative_fee,
    absoluteFeeSat: asked.absoluteFeeSat ?? config.absolute_fee_sat,
    txfeeSat: asked.txfeeSat ?? config.txfee_sat,
    minSat: asked.minSat ?? config.min_sat,
    isFreeWithoutBond: asked.isFreeWithoutBond ?? (namesFee ? false : config.free_without_bond),
    feeFactor: config.fee_factor,
    sizeFactor: config.size_factor,
    txfeeFactor: config.txfee_factor,
  };
}

function kindOf({ relativeFee, absoluteFeeSat }: MakerTerms): OfferTerms["offers"] | undefined {
  if (relativeFee !== undefined) return absoluteFeeSat === undefined ? "relative" : "both";
  return absoluteFeeSat === undefined ? undefined : "absolute";
}
