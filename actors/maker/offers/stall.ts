/** The offers that stand, and those that they took the place of, which takers may still have in mind. */
import type { Offer } from "../../../joinmarket/offer/offer.ts";
import type { Clock } from "../../../runtime/clock.ts";
import { makeOffers, type OfferFunds, type Random } from "./make-offers.ts";
import type { OfferTerms } from "./terms.ts";

/** A taker chooses within a minute of its question, and asks within a few more. */
const REMEMBERED_MS = 300_000;

export class Stall {
  readonly #clock: Clock;
  readonly #random: Random;
  #terms: OfferTerms;
  #funds: OfferFunds | undefined;
  #offers: readonly Offer[] = [];
  #former: { readonly offers: readonly Offer[]; readonly untilMs: number } | undefined;

  constructor(terms: OfferTerms, clock: Clock, random: Random) {
    this.#terms = terms;
    this.#clock = clock;
    this.#random = random;
  }

  get offers(): readonly Offer[] {
    return this.#offers;
  }

  get terms(): OfferTerms {
    return this.#terms;
  }

  get funds(): OfferFunds | undefined {
    return this.#funds;
  }

  /** Those that a taker may ask for. */
  get askable(): readonly Offer[] {
    const former = this.#former;
    if (former === undefined || former.untilMs <= this.#clock.monotonicMs()) return this.#offers;
    return [...this.#offers, ...former.offers];
  }

  /** New offers, if terms or funds are others than before: what has not changed is not varied anew. */
  renew(funds: OfferFunds, terms: OfferTerms = this.#terms): boolean {
    const isSame =
      terms === this.#terms &&
      funds.largestSat === this.#funds?.largestSat &&
      funds.hasBond === this.#funds.hasBond;
    if (isSame) return false;
    this.#replace(makeOffers(terms, funds, this.#random));
    this.#terms = terms;
    this.#funds = funds;
    return true;
  }

  withdraw(): void {
    this.#replace([]);
    this.#funds = undefined;
  }

  #replace(offers: readonly Offer[]): void {
    if (this.#offers.length > 0) {
      this.#former = { offers: this.#offers, untilMs: this.#clock.monotonicMs() + REMEMBERED_MS };
    }
    this.#offers = offers;
  }
}
