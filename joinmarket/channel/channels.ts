/** The market over several channels: one nick on all of them, and for each counterparty the channel it speaks on. */
import type { Clock } from "../../runtime/clock.ts";
import { toWireError } from "../../runtime/errors.ts";
import { TokenBucket } from "../../runtime/limits.ts";
import type { Log } from "../../runtime/log/log.ts";
import { JoinmarketError } from "../errors.ts";
import type { NickIdentity } from "../nick/identity.ts";
import { isNick } from "../nick/nick.ts";
import { openPrivate, signPrivate } from "../nick/signed-message.ts";
import type { Channel } from "./channel.ts";
import { privateCommands, publicCommands } from "./command-line.ts";
import type { ChannelStatus, Market, MarketListener, PeerMessage } from "./market.ts";

/** No honest peer says more to one bot; whoever does is not heard until it is quieter. */
const PRIVATE_PER_S = 10;
const PRIVATE_BURST = 200;
const PUBLIC_PER_S = 2;
const PUBLIC_BURST = 100;

export interface ChannelsOptions {
  readonly identity: NickIdentity;
  readonly channels: readonly Channel[];
  readonly clock: Clock;
  readonly log: Log;
}

interface Peer {
  readonly channels: Set<Channel>;
  readonly features: Set<string>;
  /** Where it was last heard for certain. */
  conversation: Channel | undefined;
  readonly privatePace: TokenBucket;
  readonly publicPace: TokenBucket;
}

export class Channels implements Market {
  readonly nick: string;
  readonly #options: ChannelsOptions;
  readonly #peers = new Map<string, Peer>();
  #listener: MarketListener = {};
  #isClosed = false;
  #onFirst: { up(): void; never(error: Error): void } | undefined;

  constructor(options: ChannelsOptions) {
    this.#options = options;
    this.nick = options.identity.nick;
  }

  start(listener: MarketListener): Promise<void> {
    const { channels } = this.#options;
    if (this.#isClosed || channels.length === 0) return Promise.reject(noChannel());
    this.#listener = listener;
    const first = new Promise<void>((up, never) => {
      this.#onFirst = { up, never };
    });
    for (const channel of channels) {
      channel.start({
        onPublic: (nick, line) => this.#onPublic(channel, nick, line),
        onPrivate: (nick, signed) => this.#onPrivate(channel, nick, signed),
        onSeen: (nick, features) => this.#seen(channel, nick, features),
        onGone: (nick) => this.#gone(channel, nick),
        onStatus: (status) => this.#onStatus(status),
      });
    }
    return first;
  }

  announce(text: string, on?: string): void {
    const commands = privateCommands(text);
    for (const channel of this.#options.channels) channel.announce(commands, on);
  }

  async tell(nick: string, text: string): Promise<void> {
    const channel = this.#channelTo(nick);
    if (channel === undefined) {
      throw new JoinmarketError({ code: "JOINMARKET_PEER_GONE", nick }, `${nick} is on no channel any more.`);
    }
    channel.tell(nick, signPrivate(this.#options.identity, text, channel.hostid));
  }

  status(): readonly ChannelStatus[] {
    return this.#options.channels.flatMap((channel) => channel.statuses());
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#listener = {};
    this.#onFirst?.never(noChannel());
    this.#onFirst = undefined;
    await Promise.all(this.#options.channels.map((channel) => channel.close()));
  }

  #onPublic(channel: Channel, nick: string, line: string): void {
    const peer = this.#seen(channel, nick, NO_FEATURES);
    if (peer === undefined || !peer.publicPace.take()) return;
    for (const text of publicCommands(line)) {
      this.#tell("onPublic", { from: nick, channel: channel.id, text });
    }
  }

  #onPrivate(channel: Channel, nick: string, signed: string): boolean {
    if (nick === this.nick || !isNick(nick)) return false;
    const text = openPrivate(nick, signed, channel.hostid);
    const peer = text === undefined ? undefined : this.#seen(channel, nick, NO_FEATURES);
    if (text === undefined || peer === undefined) return false;
    peer.conversation = channel;
    if (!peer.privatePace.take()) return true;
    for (const command of privateCommands(text)) {
      this.#tell("onPrivate", { from: nick, channel: channel.id, text: command });
    }
    return true;
  }

  #seen(channel: Channel, nick: string, features: ReadonlySet<string>): Peer | undefined {
    if (nick === this.nick || !isNick(nick) || this.#isClosed) return undefined;
    const known = this.#peers.get(nick);
    const peer = known ?? this.#newPeer();
    if (known === undefined) this.#peers.set(nick, peer);
    peer.channels.add(channel);
    const hasNews = [...features].some((feature) => !peer.features.has(feature));
    for (const feature of features) peer.features.add(feature);
    if (known === undefined || hasNews) {
      this.#guarded("onArrived", () => this.#listener.onArrived?.(nick, new Set(peer.features)));
    }
    return peer;
  }

  #gone(channel: Channel, nick: string): void {
    const peer = this.#peers.get(nick);
    if (peer === undefined) return;
    peer.channels.delete(channel);
    if (peer.conversation === channel) peer.conversation = undefined;
    if (peer.channels.size > 0) return;
    this.#peers.delete(nick);
    this.#guarded("onLeft", () => this.#listener.onLeft?.(nick));
  }

  #onStatus(status: ChannelStatus): void {
    if (status.state === "up") {
      this.#onFirst?.up();
      this.#onFirst = undefined;
    }
    this.#guarded("onChannel", () => this.#listener.onChannel?.(status));
  }

  /** Where the peer was last heard for certain, else wherever it is. */
  #channelTo(nick: string): Channel | undefined {
    const peer = this.#peers.get(nick);
    if (peer === undefined) return undefined;
    return [peer.conversation, ...peer.channels].find((channel) => channel?.isUp && channel.sees(nick));
  }

  #newPeer(): Peer {
    const { clock } = this.#options;
    return {
      channels: new Set(),
      features: new Set(),
      conversation: undefined,
      privatePace: new TokenBucket({ clock, burst: PRIVATE_BURST, perSecond: PRIVATE_PER_S }),
      publicPace: new TokenBucket({ clock, burst: PUBLIC_BURST, perSecond: PUBLIC_PER_S }),
    };
  }

  #tell(event: "onPublic" | "onPrivate", message: PeerMessage): void {
    this.#guarded(event, () => this.#listener[event]?.(message));
  }

  /** A message of a stranger must not bring down the bot, whatever it makes the listener do. */
  #guarded(event: keyof MarketListener, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#options.log.error("a listener of the market has failed", { event, error: toWireError(error) });
    }
  }
}

const NO_FEATURES: ReadonlySet<string> = new Set();

function noChannel(): JoinmarketError {
  return new JoinmarketError(
    { code: "JOINMARKET_NO_CHANNEL" },
    "The market has no channels, or was closed before one of them was up.",
  );
}
