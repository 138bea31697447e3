/** Makes offers of terms and funds, each number a little varied, so that a maker is not known again by its numbers. */
import { MAKER_CHANGE_SAT_MIN } from "../../../joinmarket/coinjoin/shape.ts";
import { type Offer, ownOffer } from "../../../joinmarket/offer/offer.ts";
import type { OfferTerms } from "./terms.ts";

/** From 0 up to 1. */
export type Random = () => number;

export interface OfferFunds {
  /** What the fullest mixdepth can give. */
  readonly largestSat: number;
  readonly hasBond: boolean;
}

/** As others print them; a fee that needs more gets more. */
const FEE_PLACES = 6;
const FEE_DIGITS = 2;
const HALVINGS_MAX = 20;
/** What is given to the miners must be earned by the smallest amount, and half of it again. */
const TXFEE_COVER = 1.5;

/** None when the funds do not suffice for the smallest amount. */
export function makeOffers(terms: OfferTerms, funds: OfferFunds, random: Random): readonly Offer[] {
  if (isFree(terms, funds)) return freeOffer(terms, funds, random);
  const relative = terms.offers === "absolute" ? undefined : relativeOffer(terms, funds, random);
  const absolute = terms.offers === "relative" ? undefined : absoluteOffer(terms, funds, random);
  if (relative === undefined || absolute === undefined) {
    return [relative, absolute].flatMap((offer) => (offer === undefined ? [] : checked(offer)));
  }
  // From here on the share is more than the fixed fee: below it the fixed one is asked, above it the share.
  const share = Number(relative.feeText);
  const meetSat = share === 0 ? absolute.maxSat : Math.floor(Number(absolute.feeText) / share);
  return [
    ...checked({ ...relative, minSat: Math.max(relative.minSat, meetSat + 1) }),
    ...checked({ ...absolute, maxSat: Math.min(absolute.maxSat, meetSat) }),
  ];
}

/** A maker without a bond that asks for a fee is not seen by many takers. */
export function isFree(terms: OfferTerms, { hasBond }: OfferFunds): boolean {
  return terms.isFreeWithoutBond && !hasBond;
}

type Draft = Omit<Offer, "pit" | "fee">;

function freeOffer(terms: OfferTerms, funds: OfferFunds, random: Random): readonly Offer[] {
  const minSat = varied(terms.minSat, terms.sizeFactor, random);
  const feeText = "0";
  return checked({
    type: "sw0absoffer",
    offerId: "0",
    minSat,
    txfeeSat: 0,
    feeText,
    ...upTo(terms, funds, 0, random),
  });
}

function relativeOffer(terms: OfferTerms, funds: OfferFunds, random: Random): Draft {
  const feeText = variedShare(terms.relativeFee, terms.feeFactor, random);
  const share = Number(feeText);
  let txfeeSat = varied(terms.txfeeSat, terms.txfeeFactor, random);
  for (let halved = 0; txfeeSat > 0 && txfeeSat >= share * terms.minSat; halved++) {
    txfeeSat = halved < HALVINGS_MAX ? Math.floor(txfeeSat / 2) : 0;
  }
  const coverSat = txfeeSat === 0 ? 0 : Math.ceil((TXFEE_COVER * txfeeSat) / share);
  const minSat = Math.max(varied(terms.minSat, terms.sizeFactor, random), coverSat);
  return {
    type: "sw0reloffer",
    offerId: "0",
    minSat,
    txfeeSat,
    feeText,
    ...upTo(terms, funds, txfeeSat, random),
  };
}

function absoluteOffer(terms: OfferTerms, funds: OfferFunds, random: Random): Draft {
  const txfeeSat = varied(terms.txfeeSat, terms.txfeeFactor, random);
  const feeText = String(varied(terms.absoluteFeeSat, terms.feeFactor, random) + txfeeSat);
  const minSat = varied(terms.minSat, terms.sizeFactor, random);
  const offerId = terms.offers === "both" ? "1" : "0";
  return { type: "sw0absoffer", offerId, minSat, txfeeSat, feeText, ...upTo(terms, funds, txfeeSat, random) };
}

/** Never all: the change must be worth having, and the fullest mixdepth's sum is nobody's business. */
function upTo({ sizeFactor }: OfferTerms, { largestSat }: OfferFunds, txfeeSat: number, random: Random) {
  const mostSat = largestSat - MAKER_CHANGE_SAT_MIN - 1 - txfeeSat;
  return { maxSat: Math.floor(mostSat * (1 - sizeFactor * random())) };
}

function checked(draft: Draft): readonly Offer[] {
  const minSat = Math.max(draft.minSat, MAKER_CHANGE_SAT_MIN);
  return draft.maxSat < minSat ? [] : [ownOffer({ ...draft, minSat })];
}

function varied(sat: number, factor: number, random: Random): number {
  return Math.round(sat * (1 + factor * (2 * random() - 1)));
}

function variedShare(share: string, factor: number, random: Random): string {
  const value = Number(share) * (1 + factor * (2 * random() - 1));
  if (value === 0) return "0";
  const places = Math.max(FEE_PLACES, FEE_DIGITS - Math.floor(Math.log10(value)) - 1);
  return Math.min(value, 0.999_999).toFixed(Math.min(places, 30));
}
