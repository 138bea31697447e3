/** Says in public what is offered: when it changes, not more often than directories bear, and what is no longer. */
import type { Market } from "../../../joinmarket/channel/market.ts";
import { writeCancel } from "../../../joinmarket/offer/announcement.ts";
import { type Offer, writeOffer } from "../../../joinmarket/offer/offer.ts";
import type { Clock, Timer } from "../../../runtime/clock.ts";

export interface AnnouncerParts {
  readonly market: Market;
  readonly clock: Clock;
  readonly random: () => number;
  /** New offers wait for a random time of up to so long. */
  readonly delayMaxMs: number;
  readonly offers: () => readonly Offer[];
}

/** Directories cut off who says more than thirty things in a minute. */
const GAP_MS = 5_000;

export class Announcer {
  readonly #parts: AnnouncerParts;
  #announced = new Set<string>();
  #timer: Timer | undefined;
  #saidAtMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(parts: AnnouncerParts) {
    this.#parts = parts;
  }

  /** The offers are others than before, or a channel has not heard them yet. */
  announce(isDelayed: boolean): void {
    if (this.#timer !== undefined || this.#isClosed) return;
    const { clock, random, delayMaxMs } = this.#parts;
    const gapMs = Math.max(0, this.#saidAtMs + GAP_MS - clock.monotonicMs());
    const delayMs = isDelayed ? Math.round(random() * delayMaxMs) : 0;
    if (gapMs + delayMs === 0) return this.#say();
    this.#timer = clock.after(Math.max(gapMs, delayMs), () => {
      this.#timer = undefined;
      this.#say();
    });
  }

  /** Withdraws what was announced, for the last time. */
  close(): void {
    this.#timer?.cancel();
    this.#isClosed = true;
    const gone = [...this.#announced].map(writeCancel);
    if (gone.length > 0) this.#parts.market.announce(gone.join("!"));
  }

  #say(): void {
    const { market, clock, offers } = this.#parts;
    const standing = offers();
    const ids = new Set(standing.map(({ offerId }) => offerId));
    const gone = [...this.#announced].filter((id) => !ids.has(id)).map(writeCancel);
    const text = [...gone, ...standing.map(writeOffer)].join("!");
    this.#announced = ids;
    if (text === "") return;
    this.#saidAtMs = clock.monotonicMs();
    market.announce(text);
  }
}
