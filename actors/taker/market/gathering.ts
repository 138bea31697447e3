/** One stay on the market under a nick of its own: asks for offers, collects them, and hands what makers say in private to whoever talks with them. */
import { randomBytes } from "node:crypto";
import type { Market, PeerMessage } from "../../../joinmarket/channel/market.ts";
import { type Command, readCommands } from "../../../joinmarket/messages/command.ts";
import { parseCancel } from "../../../joinmarket/offer/announcement.ts";
import { isOfferType, readOffer } from "../../../joinmarket/offer/offer.ts";
import { Orderbook } from "../../../joinmarket/orderbook/orderbook.ts";
import type { Clock, Timer } from "../../../runtime/clock.ts";
import { withDeadline } from "../../../runtime/limits.ts";
import { denials, type ShownChannel } from "../denials.ts";
import { Pokes } from "../pokes.ts";

export interface GatheringRules {
  readonly clock: Clock;
  readonly gatherMs: number;
  readonly quietMs: number;
}

/** Hears the makers that it talks with. */
export interface Ear {
  hear(nick: string, command: Command): void;
  left(nick: string): void;
}

/** Makers speak up once; whoever was silent for so long is taken to be gone. */
const STALE_MS = 60 * 60_000;
/** Directories throw out whoever asks more than three times in a minute. */
const ASK_AGAIN_MS = 25_000;
const PROOF_LENGTH_MAX = 1_000;

export class Gathering {
  readonly book: Orderbook;
  /** For plans and whoever asks for them. */
  readonly id = randomBytes(8).toString("hex");
  readonly #market: Market;
  readonly #rules: GatheringRules;
  readonly #pokes = new Pokes();
  #ear: Ear | undefined;
  /** When the makers of each channel were asked last. */
  readonly #askedMs = new Map<string, number>();
  readonly #again = new Map<string, Timer>();
  #lastAskedMs = 0;
  #heardMs = 0;
  #isClosed = false;

  constructor(market: Market, rules: GatheringRules) {
    this.#market = market;
    this.#rules = rules;
    this.book = new Orderbook({ nowMs: () => rules.clock.monotonicMs(), staleMs: STALE_MS });
  }

  get nick(): string {
    return this.#market.nick;
  }

  get channels(): ShownChannel[] {
    return this.#market
      .status()
      .map(({ id, kind, state, error }) => ({ id, kind, state, error: error?.slice(0, 300) ?? null }));
  }

  /** Resolves when a channel is up and everybody on it was asked. */
  async start(): Promise<void> {
    const { clock, gatherMs } = this.#rules;
    const started = this.#market.start({
      onPublic: (message) => this.#onOffers(message),
      onPrivate: (message) => this.#onPrivate(message),
      onLeft: (nick) => this.#onLeft(nick),
      onChannel: ({ id, state }) => {
        if (state === "up") this.#askSoon(id);
      },
    });
    try {
      await withDeadline(clock, started, gatherMs);
    } catch {
      // Whatever went wrong, the channels' own words say it.
      throw denials.noMarket(this.channels);
    }
  }

  /** Whoever talks with makers now. */
  listen(ear: Ear | undefined): void {
    this.#ear = ear;
  }

  /** Ends when there is enough and no more comes, or the time for it is over. */
  async offers(isEnough: () => boolean, signal?: AbortSignal): Promise<void> {
    const { clock, gatherMs, quietMs } = this.#rules;
    const endMs = clock.monotonicMs() + gatherMs;
    for (;;) {
      const nowMs = clock.monotonicMs();
      const quietAtMs = Math.max(this.#heardMs, this.#lastAskedMs) + quietMs;
      if (nowMs >= endMs || (nowMs >= quietAtMs && isEnough())) return;
      const heardMs = this.#heardMs;
      const untilMs = nowMs >= quietAtMs ? endMs : Math.min(quietAtMs, endMs);
      await this.#pokes.until(() => this.#heardMs !== heardMs, {
        clock,
        timeoutMs: Math.max(1, untilMs - nowMs),
        ...(signal === undefined ? {} : { signal }),
      });
    }
  }

  tell(nick: string, text: string): Promise<void> {
    return this.#market.tell(nick, text);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const again of this.#again.values()) again.cancel();
    this.#ear = undefined;
    await this.#market.close();
  }

  /** Each channel for itself: when one comes up later only its makers have not been asked yet. */
  #askSoon(channel: string): void {
    if (this.#isClosed || this.#again.has(channel)) return;
    const { clock } = this.#rules;
    const nowMs = clock.monotonicMs();
    const waitMs = (this.#askedMs.get(channel) ?? Number.NEGATIVE_INFINITY) + ASK_AGAIN_MS - nowMs;
    if (waitMs <= 0) {
      this.#askedMs.set(channel, nowMs);
      this.#lastAskedMs = nowMs;
      this.#market.announce("orderbook", channel);
      return;
    }
    const again = clock.after(waitMs, () => {
      this.#again.delete(channel);
      this.#askSoon(channel);
    });
    this.#again.set(channel, again);
  }

  #onOffers({ from, text }: PeerMessage): void {
    if (from === this.nick) return;
    for (const command of readCommands(text)) this.#onOffer(from, command);
  }

  #onPrivate({ from, text }: PeerMessage): void {
    for (const command of readCommands(text)) {
      this.#onOffer(from, command);
      const proof = command.name === "tbond" ? command.args[0] : undefined;
      if (proof !== undefined && proof.length <= PROOF_LENGTH_MAX) this.book.putBond(from, proof);
      this.#ear?.hear(from, command);
    }
  }

  #onOffer(from: string, command: Command): void {
    const { name } = command;
    if (isOfferType(name)) {
      this.book.put(from, readOffer({ ...command, name }));
      this.#heardMs = this.#rules.clock.monotonicMs();
      this.#pokes.poke();
    } else if (name === "cancel") {
      const offerId = cancelled(command);
      if (offerId !== undefined) this.book.withdraw(from, offerId);
    }
  }

  #onLeft(nick: string): void {
    this.book.forget(nick);
    this.#ear?.left(nick);
  }
}

function cancelled(command: Command): string | undefined {
  try {
    return parseCancel(command);
  } catch {
    // Malformed: there is nobody to tell.
    return undefined;
  }
}
