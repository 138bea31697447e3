/** The bots inside: each nick belongs to one connection, and a proven owner cannot be put out by anybody else. */

import type { Connection } from "../../joinmarket/channel/onion/connection.ts";
import type { BotHandshake } from "../../joinmarket/channel/onion/handshake.ts";
import type { Clock } from "../../runtime/clock.ts";
import { TokenBucket } from "../../runtime/limits.ts";

export interface Pace {
  readonly orderbook: TokenBucket;
  readonly public: TokenBucket;
  readonly private: TokenBucket;
  readonly peerlist: TokenBucket;
  /** Empty when too much was not passed on. */
  readonly patience: TokenBucket;
}

/** A bot that has introduced itself. */
export interface Bot extends BotHandshake {
  readonly connection: Connection;
  readonly remoteAddress: string;
  /** Proven to be the nick's. */
  readonly publicKeyHex: string | undefined;
  readonly pace: Pace;
  /** Those whose place it has been told; a bot that comes back is another. */
  readonly introduced: WeakSet<Bot>;
  readonly enteredMs: number;
  /** Messages that were passed on, and that were not. */
  passed: number;
  dropped: number;
  heardMs: number;
  /** When it was asked whether it lives, if it has not answered. */
  askedMs: number | undefined;
}

export interface PaceLimits {
  readonly orderbook_per_minute: number;
  readonly public_per_minute: number;
  readonly private_per_minute: number;
  readonly violations_max: number;
}

/** Every bot may do a minute's worth at once, and then only as fast as the minute allows. */
export function newPace(clock: Clock, limits: PaceLimits): Pace {
  const minutely = (burst: number) => new TokenBucket({ clock, burst, perSecond: burst / 60 });
  return {
    orderbook: minutely(limits.orderbook_per_minute),
    public: minutely(limits.public_per_minute),
    private: minutely(limits.private_per_minute),
    peerlist: minutely(PEERLISTS_PER_MINUTE),
    patience: new TokenBucket({
      clock,
      burst: limits.violations_max,
      perSecond: limits.violations_max / 3_600,
    }),
  };
}

const PEERLISTS_PER_MINUTE = 6;

export class Bots {
  readonly #byNick = new Map<string, Bot>();
  #serving = 0;
  #proven = 0;

  get count(): number {
    return this.#byNick.size;
  }

  get serving(): number {
    return this.#serving;
  }

  get proven(): number {
    return this.#proven;
  }

  get(nick: string): Bot | undefined {
    return this.#byNick.get(nick);
  }

  all(): IterableIterator<Bot> {
    return this.#byNick.values();
  }

  /** Whether a nick is somebody's that the newcomer may not put out: the first stays, unless only the newcomer has a proof. */
  isOwned(nick: string, publicKeyHex: string | undefined): boolean {
    const owner = this.#byNick.get(nick);
    if (owner === undefined) return false;
    if (publicKeyHex === undefined) return true;
    return owner.publicKeyHex !== undefined && owner.publicKeyHex !== publicKeyHex;
  }

  /** The one that had the nick until now, if any, has lost it. */
  add(bot: Bot): Bot | undefined {
    const displaced = this.#byNick.get(bot.nick);
    if (displaced !== undefined) this.remove(displaced);
    this.#byNick.set(bot.nick, bot);
    this.#count(bot, 1);
    return displaced;
  }

  /** False if it is not inside any more: another has its nick now. */
  remove(bot: Bot): boolean {
    if (this.#byNick.get(bot.nick) !== bot) return false;
    this.#byNick.delete(bot.nick);
    this.#count(bot, -1);
    return true;
  }

  #count({ location, publicKeyHex }: Bot, by: 1 | -1): void {
    if (location !== undefined) this.#serving += by;
    if (publicKeyHex !== undefined) this.#proven += by;
  }
}
