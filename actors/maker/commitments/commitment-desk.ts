/** What is known of used commitments, and the makers' habit of telling each other of them without saying who was asked. */
import { join } from "node:path";
import type { Market } from "../../../joinmarket/channel/market.ts";
import { writeUsedCommitment } from "../../../joinmarket/messages/commitment.ts";
import type { Clock } from "../../../runtime/clock.ts";
import { TokenBucket } from "../../../runtime/limits.ts";
import { UsedCommitments } from "./used-commitments.ts";

export interface CommitmentDeskParts {
  readonly directory: string;
  readonly heardMax: number;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Whoever was shown one by a taker knows it from its own coins: so many no troupe serves. */
const OWN_MAX = 5_000_000;
/** Heard ones cost memory and disk, and anybody may tell of any. */
const HEARD_PER_SECOND = 10;
const HEARD_BURST = 1_000;
/** Directories cut off who talks too much in public. */
const PUBLISHED_PER_SECOND = 0.2;
const PUBLISHED_BURST = 5;

export class CommitmentDesk {
  readonly #own: UsedCommitments;
  readonly #heard: UsedCommitments;
  readonly #hearing: TokenBucket;
  readonly #publishing: TokenBucket;
  readonly #random: () => number;

  constructor({ directory, heardMax, clock, random }: CommitmentDeskParts) {
    // The form of joinmarket-clientserver's file of this name, which may be put in its place.
    this.#heard = new UsedCommitments({
      path: join(directory, "commitmentlist"),
      most: heardMax,
      isFlushed: false,
    });
    this.#own = new UsedCommitments({
      path: join(directory, "own-commitments"),
      most: OWN_MAX,
      isFlushed: true,
    });
    this.#hearing = new TokenBucket({ clock, burst: HEARD_BURST, perSecond: HEARD_PER_SECOND });
    this.#publishing = new TokenBucket({ clock, burst: PUBLISHED_BURST, perSecond: PUBLISHED_PER_SECOND });
    this.#random = random;
  }

  get count(): number {
    return this.#own.count + this.#heard.count;
  }

  isUsed(commitment: string): boolean {
    return this.#own.has(commitment) || this.#heard.has(commitment);
  }

  /** It was used with us, and is on the disk when this returns. */
  used(commitment: string): void {
    this.#own.add(commitment);
  }

  /** Another maker published it. */
  heard(commitment: string): void {
    if (!this.isUsed(commitment) && this.#hearing.take()) this.#heard.add(commitment);
  }

  /** Asks one of the other makers to publish it: if we did, all would know that we were asked. */
  async pass(commitment: string, market: Market, makers: readonly string[]): Promise<void> {
    const chosen = makers[Math.floor(this.#random() * makers.length)];
    if (chosen === undefined) return;
    await market.tell(chosen, writeUsedCommitment(commitment));
  }

  /** Another maker asks us to publish it. */
  publish(commitment: string, market: Market): void {
    if (this.#publishing.take()) market.announce(writeUsedCommitment(commitment));
  }
}
