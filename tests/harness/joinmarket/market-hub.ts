/** A market within one process: several bots joined by a hub on whose clock messages are late, lost, doubled or altered. */

import { privateCommands, publicCommands } from "../../../joinmarket/channel/command-line.ts";
import type { ChannelStatus, Market, MarketListener } from "../../../joinmarket/channel/market.ts";
import { JoinmarketError } from "../../../joinmarket/errors.ts";
import { NickIdentity } from "../../../joinmarket/nick/identity.ts";
import { signPrivate } from "../../../joinmarket/nick/signed-message.ts";
import type { Clock } from "../../../runtime/clock.ts";

const HOSTID = "hub-network";
const CHANNEL = "hub";

/** One message on its way to one bot. */
export interface HubMessage {
  readonly from: string;
  readonly to: string;
  readonly isPrivate: boolean;
  /** As the sender wrote it: without signature, commands joined by "!". */
  readonly text: string;
  /** 0 for the first message of the hub, and so on. */
  readonly number: number;
}

/**
 * One arrival of a message. A lying peer signs whatever it likes, so the text may be another; what a stranger alters
 * has no valid signature, is dropped by the real market, and is simply lost here.
 */
export interface HubDelivery {
  readonly delayMs?: number;
  readonly text?: string;
}

export interface HubOptions {
  readonly clock: Clock;
  /** How long every message takes; 1 ms unless told. */
  readonly latencyMs?: number;
}

/** Decides over every message; a test replaces it at any time. */
export type HubFate = (message: HubMessage) => readonly HubDelivery[];

export const DELIVERED: readonly HubDelivery[] = [{}];
export const LOST: readonly HubDelivery[] = [];

export class MarketHub {
  fate: HubFate = () => DELIVERED;
  /** All that was ever sent, for tests that look at the conversation or replay it. */
  readonly sent: HubMessage[] = [];
  readonly #clock: Clock;
  readonly #latencyMs: number;
  readonly #bots = new Map<string, HubMarket>();
  readonly #absent = new Map<string, HubMarket>();

  constructor({ clock, latencyMs = 1 }: HubOptions) {
    this.#clock = clock;
    this.#latencyMs = latencyMs;
  }

  /** A new bot; its nick is there from the start, its messages come once it has started. */
  market(options: { identity?: NickIdentity; features?: readonly string[] } = {}): Market {
    return new HubMarket(this, options.identity ?? NickIdentity.random(), new Set(options.features));
  }

  /** Sends again what was sent before, or what a bot never said; the fate has its say in it too. */
  send(from: string, to: string, text: string, isPrivate: boolean): void {
    const message = { from, to, isPrivate, text, number: this.sent.length };
    this.sent.push(message);
    for (const delivery of this.fate(message)) {
      this.#clock.after(this.#latencyMs + (delivery.delayMs ?? 0), () =>
        this.#bots.get(to)?.hear(message, delivery),
      );
    }
  }

  /** Takes a bot off the market as when its connection breaks; `restore` brings it back. */
  cut(nick: string): void {
    const bot = this.#bots.get(nick);
    if (bot === undefined) return;
    this.#bots.delete(nick);
    this.#absent.set(nick, bot);
    for (const other of this.#bots.values()) other.onGone(nick);
    bot.tellChannel();
  }

  restore(nick: string): void {
    const bot = this.#absent.get(nick);
    if (bot === undefined) return;
    this.enter(bot);
    bot.tellChannel();
  }

  enter(bot: HubMarket): void {
    for (const other of this.#bots.values()) {
      other.onCome(bot.nick, bot.features);
      bot.onCome(other.nick, other.features);
    }
    this.#absent.delete(bot.nick);
    this.#bots.set(bot.nick, bot);
  }

  announce(from: string, text: string): void {
    for (const to of this.#bots.keys()) if (to !== from) this.send(from, to, text, false);
  }

  has(nick: string): boolean {
    return this.#bots.has(nick);
  }

  statusOf(nick: string): ChannelStatus {
    return { id: CHANNEL, kind: "onion", state: this.has(nick) ? "up" : "down", since: this.#clock.now() };
  }
}

class HubMarket implements Market {
  readonly nick: string;
  readonly features: ReadonlySet<string>;
  readonly #hub: MarketHub;
  readonly #identity: NickIdentity;
  #listener: MarketListener = {};

  constructor(hub: MarketHub, identity: NickIdentity, features: ReadonlySet<string>) {
    this.#hub = hub;
    this.#identity = identity;
    this.nick = identity.nick;
    this.features = features;
  }

  async start(listener: MarketListener): Promise<void> {
    this.#listener = listener;
    this.#hub.enter(this);
    this.tellChannel();
  }

  announce(text: string, on = CHANNEL): void {
    if (on === CHANNEL && this.#hub.has(this.nick)) this.#hub.announce(this.nick, text);
  }

  async tell(nick: string, text: string): Promise<void> {
    // What the real market would not sign is not sent here either.
    signPrivate(this.#identity, text, HOSTID);
    if (!this.#hub.has(this.nick) || !this.#hub.has(nick)) {
      throw new JoinmarketError({ code: "JOINMARKET_PEER_GONE", nick }, `${nick} is not on the market.`);
    }
    this.#hub.send(this.nick, nick, text, true);
  }

  status(): readonly ChannelStatus[] {
    return [this.#hub.statusOf(this.nick)];
  }

  async close(): Promise<void> {
    this.#listener = {};
    this.#hub.cut(this.nick);
  }

  hear({ from, text, isPrivate }: HubMessage, delivery: HubDelivery): void {
    const heard = delivery.text ?? text;
    const commands = isPrivate ? privateCommands(heard) : publicCommands(`!${heard}`);
    for (const command of commands) {
      const message = { from, channel: CHANNEL, text: command };
      if (isPrivate) this.#listener.onPrivate?.(message);
      else this.#listener.onPublic?.(message);
    }
  }

  onCome(nick: string, features: ReadonlySet<string>): void {
    this.#listener.onArrived?.(nick, features);
  }

  onGone(nick: string): void {
    this.#listener.onLeft?.(nick);
  }

  tellChannel(): void {
    this.#listener.onChannel?.(this.#hub.statusOf(this.nick));
  }
}
