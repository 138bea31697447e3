/** The offers of a market, maker by maker, as they come, change and go; bounded, whatever strangers send. */
import type { Offer, OfferReading } from "../offer/offer.ts";

/** What one maker says of itself; nothing of it is checked here but its form. */
export interface BookMaker {
  readonly nick: string;
  readonly offers: readonly Offer[];
  /** The proof of a fidelity bond, as it came. */
  readonly bondProof: string | undefined;
  readonly heardMs: number;
}

export interface OrderbookRules {
  readonly nowMs: () => number;
  /** Offers of makers that were not heard for so long are forgotten: a channel may lose the news that a maker left. */
  readonly staleMs: number;
}

/** More makers than the market ever had; whoever comes then waits until others leave. */
const MAKERS_MAX = 5_000;
/** Real makers have one or two. */
const OFFERS_MAX = 16;

interface Entry {
  readonly offers: Map<string, Offer>;
  bondProof: string | undefined;
  heardMs: number;
}

export class Orderbook {
  readonly #rules: OrderbookRules;
  readonly #makers = new Map<string, Entry>();

  constructor(rules: OrderbookRules) {
    this.#rules = rules;
  }

  /** The last word counts: whoever sends a bad update has withdrawn what it was to renew. */
  put(nick: string, reading: OfferReading): void {
    const entry = this.#heard(nick, reading.isGood);
    if (entry === undefined || reading.offerId === undefined) return;
    entry.offers.delete(reading.offerId);
    if (reading.isGood && entry.offers.size < OFFERS_MAX) entry.offers.set(reading.offerId, reading.offer);
  }

  withdraw(nick: string, offerId: string): void {
    this.#makers.get(nick)?.offers.delete(offerId);
  }

  putBond(nick: string, proof: string): void {
    const entry = this.#makers.get(nick);
    if (entry !== undefined) entry.bondProof = proof;
  }

  /** Of a maker that has left all channels. */
  forget(nick: string): void {
    this.#makers.delete(nick);
  }

  /** All that can be chosen from now. */
  makers(): readonly BookMaker[] {
    const oldestMs = this.#rules.nowMs() - this.#rules.staleMs;
    const makers: BookMaker[] = [];
    for (const [nick, { offers, bondProof, heardMs }] of this.#makers) {
      if (heardMs < oldestMs) this.#makers.delete(nick);
      else if (offers.size > 0) makers.push({ nick, offers: [...offers.values()], bondProof, heardMs });
    }
    return makers;
  }

  #heard(nick: string, isNewcomerWelcome: boolean): Entry | undefined {
    const heardMs = this.#rules.nowMs();
    const known = this.#makers.get(nick);
    if (known !== undefined) {
      known.heardMs = heardMs;
      return known;
    }
    if (!isNewcomerWelcome || this.#makers.size >= MAKERS_MAX) return undefined;
    const entry = { offers: new Map<string, Offer>(), bondProof: undefined, heardMs };
    this.#makers.set(nick, entry);
    return entry;
  }
}
