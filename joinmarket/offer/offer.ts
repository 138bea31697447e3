/** An offer of a maker as every taker sees it: read from and written as a command. */

import { formatShare, type OfferFee, offerFeeSat, parseShare } from "../coinjoin/offer-fee.ts";
import { MAKER_CHANGE_SAT_MIN } from "../coinjoin/shape.ts";
import { badMessage } from "../messages/bad-message.ts";
import { type Command, writeCommand } from "../messages/command.ts";
import { AMOUNT_SAT_MAX, parseAmount, parseOfferId } from "../messages/numbers.ts";

/** By the coins that are mixed, and by how the fee is asked. */
const OFFER_TYPES = {
  sw0reloffer: { pit: "p2wpkh", fee: "relative" },
  sw0absoffer: { pit: "p2wpkh", fee: "absolute" },
  swreloffer: { pit: "p2sh-p2wpkh", fee: "relative" },
  swabsoffer: { pit: "p2sh-p2wpkh", fee: "absolute" },
  reloffer: { pit: "p2pkh", fee: "relative" },
  absoffer: { pit: "p2pkh", fee: "absolute" },
} as const;

export type OfferType = keyof typeof OFFER_TYPES;
export type Pit = (typeof OFFER_TYPES)[OfferType]["pit"];

export interface Offer {
  readonly type: OfferType;
  readonly pit: Pit;
  /** Of this maker's: with the maker's nick it names the offer. */
  readonly offerId: string;
  readonly minSat: number;
  readonly maxSat: number;
  /** What the maker gives to the miners. */
  readonly txfeeSat: number;
  /** What the maker asks, as it was written. */
  readonly feeText: string;
  readonly fee: OfferFee;
}

/** An offer that cannot be taken still takes the place of the one that it was to renew. */
export type OfferReading =
  | { readonly isGood: true; readonly offerId: string; readonly offer: Offer }
  | { readonly isGood: false; readonly offerId: string | undefined; readonly fault: string };

/** Amounts below this are dust to every peer, so no offer starts lower. */
const AMOUNT_SAT_MIN = MAKER_CHANGE_SAT_MIN;
const FEE_TEXT_LENGTH_MAX = 70;

export function isOfferType(name: string): name is OfferType {
  return Object.hasOwn(OFFER_TYPES, name);
}

/** Reads `sw0reloffer 0 27300 250000 0 0.00002`; the command must be an offer's. */
export function readOffer(command: Command & { readonly name: OfferType }): OfferReading {
  const [id = "", min = "", max = "", txfee = "", feeText = ""] = command.args;
  const offerId = parseOfferId(id);
  const bad = (fault: string) => ({ isGood: false, offerId, fault }) as const;
  if (offerId === undefined) return bad("its id is no number");
  const [minSat, maxSat, txfeeSat] = [parseAmount(min), parseAmount(max), parseAmount(txfee)];
  if (minSat === undefined || maxSat === undefined || txfeeSat === undefined) {
    return bad("one of its amounts is none");
  }
  const raisedSat = Math.max(minSat, AMOUNT_SAT_MIN);
  if (maxSat < raisedSat) return bad("it ends below where it begins");
  const { pit, fee: kind } = OFFER_TYPES[command.name];
  const fee = feeOrNothing(kind, feeText);
  if (fee === undefined) return bad("its fee is none");
  const offer = { type: command.name, pit, offerId, minSat: raisedSat, maxSat, txfeeSat, feeText, fee };
  return { isGood: true, offerId, offer };
}

/** The offer in the words of a command. */
export function writeOffer(offer: Omit<Offer, "pit" | "fee">): string {
  const { type, offerId, minSat, maxSat, txfeeSat, feeText } = offer;
  return writeCommand(type, offerId, String(minSat), String(maxSat), String(txfeeSat), feeText);
}

/** An offer of our own, its fee in the digits that every peer reads; a fault of it is a fault of ours. */
export function ownOffer(terms: Omit<Offer, "pit" | "fee">): Offer {
  const [, ...args] = writeOffer(terms).split(" ");
  const reading = readOffer({ name: terms.type, args });
  if (!reading.isGood) throw badMessage(terms.type, reading.fault);
  const { fee } = reading.offer;
  return { ...reading.offer, feeText: fee.type === "relative" ? formatShare(fee.share) : String(fee.feeSat) };
}

/** Both ends belong to it. */
export function isInRange({ minSat, maxSat }: Offer, amountSat: number): boolean {
  return minSat <= amountSat && amountSat <= maxSat;
}

/** What the maker earns, and the taker pays for it, when it gives its share to the miners. */
export function offerCostSat({ fee, txfeeSat }: Offer, amountSat: number): number {
  return offerFeeSat(fee, amountSat) - txfeeSat;
}

function feeOrNothing(kind: "relative" | "absolute", text: string): OfferFee | undefined {
  if (text.length > FEE_TEXT_LENGTH_MAX) return undefined;
  if (kind === "absolute") {
    const feeSat = parseAmount(text);
    return feeSat === undefined || feeSat > AMOUNT_SAT_MAX ? undefined : { type: "absolute", feeSat };
  }
  try {
    return { type: "relative", share: parseShare(text) };
  } catch {
    // A number that is no share: the offer is as good as none.
    return undefined;
  }
}
