/** The market as makers and takers see it: one nick, public and private messages, whatever channels carry them. */

/** What a counterparty said: one command with its arguments. */
export interface PeerMessage {
  /** Of a private message the signature has been checked; who sent a public one is the channel's word only. */
  readonly from: string;
  readonly channel: string;
  /** "command args…", without the leading "!" and without signature; a line of several commands comes as several. */
  readonly text: string;
}

export interface ChannelStatus {
  readonly id: string;
  readonly kind: "irc" | "onion";
  readonly state: "connecting" | "up" | "down";
  /** Milliseconds since the Unix epoch. */
  readonly since: number;
  /** Why it is not up, for people. */
  readonly error?: string;
}

/** Told in the order of things; whatever a listener throws is its own fault and reaches nobody else. */
export interface MarketListener {
  onPublic?(message: PeerMessage): void;
  onPrivate?(message: PeerMessage): void;
  /** A peer was seen for the first time, or announces other features than before. */
  onArrived?(nick: string, features: ReadonlySet<string>): void;
  /** A peer has left every channel. */
  onLeft?(nick: string): void;
  onChannel?(status: ChannelStatus): void;
}

export interface Market {
  readonly nick: string;
  /** Resolves when one channel is up, and keeps trying the others. */
  start(listener: MarketListener): Promise<void>;
  /**
   * To everybody, on all channels that are up, or on the one whose status has this id. Several commands are joined by
   * "!": `cancel 0!cancel 1`.
   */
  announce(text: string, on?: string): void;
  /**
   * To one peer, signed, where it was last heard; a direct connection is preferred. Resolves when the message has
   * left, which is no promise that it arrives; rejects with `JOINMARKET_PEER_GONE` if no channel has seen the peer.
   * Every command needs an argument, as the signature covers what follows the first word.
   */
  tell(nick: string, text: string): Promise<void>;
  status(): readonly ChannelStatus[];
  /** Leaves all channels. The market cannot be started again: a new one has a new nick. */
  close(): Promise<void>;
}
