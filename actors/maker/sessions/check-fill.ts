/** What a maker checks of a `!fill`, in the order in which joinmarket-clientserver does, with its words. */
import { COMMITMENT_TYPE, canonicalCommitment } from "../../../joinmarket/messages/commitment.ts";
import { type Fill, parseEncryptionKey } from "../../../joinmarket/messages/fill.ts";
import { isInRange, type Offer, offerCostSat } from "../../../joinmarket/offer/offer.ts";

export interface FillRules {
  isUsed(commitment: string): boolean;
  /** Those that stand, and those that takers may still have in mind. */
  readonly offers: readonly Offer[];
}

export type FillVerdict =
  | {
      readonly isGood: true;
      readonly commitment: string;
      readonly encryptionKey: string;
      readonly offer: Offer;
    }
  | {
      readonly isGood: false;
      readonly why: string;
      /** What the taker is told; nothing where the others keep silent too. */
      readonly answer?: string;
      /** The commitment, when others should hear of it. */
      readonly used?: string;
    };

const ANSWER_LENGTH_MAX = 120;

export function checkFill(fill: Fill, { isUsed, offers }: FillRules): FillVerdict {
  const [type = ""] = fill.commitment;
  if (type !== COMMITMENT_TYPE) return refused("commitment type", `Unsupported commitment type: ${type}`);
  const commitment = canonicalCommitment(fill.commitment.slice(1));
  if (commitment === undefined) return { isGood: false, why: "commitment is no hash" };
  if (isUsed(commitment)) {
    const answer = `Commitment is blacklisted: ${commitment}`;
    return { isGood: false, why: "commitment was used", answer, used: commitment };
  }
  const named = offers.filter(({ offerId }) => offerId === fill.offerId);
  if (named.length === 0) return refused("no such offer", "oid not found");
  const inRange = named.filter((offer) => isInRange(offer, fill.amountSat));
  const [offer] = inRange.toSorted(
    (a, b) => offerCostSat(a, fill.amountSat) - offerCostSat(b, fill.amountSat),
  );
  // Of an offer and the one that took its place the cheaper counts: a taker who goes by the other one pays more.
  if (offer === undefined) return refused("amount out of range", "amount out of range");
  const encryptionKey = parseEncryptionKey(fill.encryptionKey);
  if (encryptionKey === undefined) {
    const given = fill.encryptionKey.slice(0, ANSWER_LENGTH_MAX);
    return refused("no encryption key", `Invalid nacl pubkey: ${given}`);
  }
  return { isGood: true, commitment, encryptionKey, offer };
}

function refused(why: string, answer: string): FillVerdict {
  return { isGood: false, why, answer };
}
