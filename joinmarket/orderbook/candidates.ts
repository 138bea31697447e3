/** Which makers can be asked for an amount: the right kind, size and price, one offer of each, one maker for each bond. */
import { offerFeeSat, type Share } from "../coinjoin/offer-fee.ts";
import { isInRange, type Offer } from "../offer/offer.ts";
import type { BookMaker } from "./orderbook.ts";

/**
 * What one maker may cost. `either`: an offer is refused only if it is above both limits, as joinmarket-clientserver
 * does. `each`: an absolute fee is held to the absolute limit and a relative one to the relative, as joinmarket-ng does.
 */
export interface FeeLimits {
  readonly mode: "either" | "each";
  readonly absoluteSat: number;
  readonly relative: Share;
}

/** A proven bond: the coin behind it, and what it is worth. */
export interface ProvenValue {
  readonly outpoint: string;
  readonly value: number;
}

export interface CandidateRules {
  readonly amountSat: number;
  readonly limits: FeeLimits;
  /** Our own makers, and those that have failed us. */
  readonly ignored: ReadonlySet<string>;
  /** By nick, of the makers that have proved one. */
  readonly bonds: ReadonlyMap<string, ProvenValue>;
}

/** A maker that can be asked, with the cheapest of its offers. */
export interface Candidate {
  readonly nick: string;
  readonly offer: Offer;
  readonly feeSat: number;
  /** What it costs the taker: the fee without what the maker gives to the miners. */
  readonly costSat: number;
  readonly bondValue: number;
}

export function candidatesFor(makers: readonly BookMaker[], rules: CandidateRules): readonly Candidate[] {
  const found: Candidate[] = [];
  for (const { nick, offers } of makers) {
    if (rules.ignored.has(nick)) continue;
    const bondValue = rules.bonds.get(nick)?.value ?? 0;
    let best: Candidate | undefined;
    for (const offer of offers) {
      const feeSat = fittingFeeSat(offer, rules);
      if (feeSat === undefined) continue;
      const costSat = feeSat - offer.txfeeSat;
      if (best === undefined || costSat < best.costSat) best = { nick, offer, feeSat, costSat, bondValue };
    }
    if (best !== undefined) found.push(best);
  }
  return withOneEachBond(found, rules.bonds);
}

/** Its fee for this amount; nothing if it is of another pit, another size, or too dear. */
export function fittingFeeSat(
  offer: Offer,
  { amountSat, limits }: Pick<CandidateRules, "amountSat" | "limits">,
): number | undefined {
  if (offer.pit !== "p2wpkh" || !isInRange(offer, amountSat)) return undefined;
  const feeSat = offerFeeSat(offer.fee, amountSat);
  // A maker that would lose by it does not sign.
  if (feeSat < offer.txfeeSat) return undefined;
  return isWithin(offer, feeSat, amountSat, limits) ? feeSat : undefined;
}

function isWithin({ fee }: Offer, feeSat: number, amountSat: number, limits: FeeLimits): boolean {
  const { numerator, denominator } = limits.relative;
  if (limits.mode === "each") {
    return fee.type === "absolute"
      ? feeSat <= limits.absoluteSat
      : fee.share.numerator * denominator <= numerator * fee.share.denominator;
  }
  return feeSat <= limits.absoluteSat || BigInt(feeSat) * denominator <= numerator * BigInt(amountSat);
}

/** Who shows one bond under two nicks is one maker: the cheaper nick stands for both. */
function withOneEachBond(
  candidates: readonly Candidate[],
  bonds: ReadonlyMap<string, ProvenValue>,
): readonly Candidate[] {
  const cheapest = new Map<string, Candidate>();
  for (const candidate of candidates) {
    const outpoint = bonds.get(candidate.nick)?.outpoint;
    if (outpoint === undefined) continue;
    const before = cheapest.get(outpoint);
    if (before === undefined || candidate.costSat < before.costSat) cheapest.set(outpoint, candidate);
  }
  return candidates.filter((candidate) => {
    const outpoint = bonds.get(candidate.nick)?.outpoint;
    return outpoint === undefined || cheapest.get(outpoint) === candidate;
  });
}
