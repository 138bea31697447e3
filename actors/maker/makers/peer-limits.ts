/** How much one nick may ask of a maker, and all of them together. */
import type { Clock } from "../../../runtime/clock.ts";
import { TokenBucket } from "../../../runtime/limits.ts";

/** Nicks cost nothing: no more of them are remembered. */
const NICKS_MAX = 5_000;
const PRIVATE_BURST = 40;
const PRIVATE_PER_SECOND = 4;
/** An honest taker asks once and waits for the answers. */
const BOOK_EVERY_S = 10;
const BOOKS_BURST = 60;
const BOOKS_PER_SECOND = 4;

export class PeerLimits {
  readonly #clock: Clock;
  readonly #private = new Map<string, TokenBucket>();
  readonly #book = new Map<string, TokenBucket>();
  readonly #books: TokenBucket;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#books = new TokenBucket({ clock, burst: BOOKS_BURST, perSecond: BOOKS_PER_SECOND });
  }

  mayAsk(nick: string): boolean {
    return this.#bucketOf(this.#private, nick, PRIVATE_BURST, PRIVATE_PER_SECOND).take();
  }

  maySeeOffers(nick: string): boolean {
    return this.#bucketOf(this.#book, nick, 1, 1 / BOOK_EVERY_S).take() && this.#books.take();
  }

  #bucketOf(buckets: Map<string, TokenBucket>, nick: string, burst: number, perSecond: number): TokenBucket {
    const known = buckets.get(nick);
    const bucket = known ?? new TokenBucket({ clock: this.#clock, burst, perSecond });
    // The one heard last stands last, so that the first is the one to forget.
    buckets.delete(nick);
    buckets.set(nick, bucket);
    for (const oldest of buckets.keys()) {
      if (buckets.size <= NICKS_MAX) break;
      buckets.delete(oldest);
    }
    return bucket;
  }
}
