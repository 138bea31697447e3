/** What every kind of channel does for the market, which is above all of them. Nothing here is signed or checked. */
import type { ChannelStatus } from "./market.ts";

export interface ChannelListener {
  /** A public line as it came, "!" first. */
  onPublic(nick: string, line: string): void;
  /**
   * A private message with its signature, without the leading "!". True if the signature is the sender's: only then
   * does the channel take the nick as present, and the way that the message came as a way back.
   */
  onPrivate(nick: string, signed: string): boolean;
  /** The channel itself knows of a peer. */
  onSeen(nick: string, features: ReadonlySet<string>): void;
  /** The peer can be reached in no way of this channel any more. */
  onGone(nick: string): void;
  onStatus(status: ChannelStatus): void;
}

export interface Channel {
  /** In messages and in the log: `onion`, or `irc:` with a server. */
  readonly id: string;
  /** Signatures hold on one network of one name only. */
  readonly hostid: string;
  readonly isUp: boolean;
  /** Connects, and connects again whenever it is cut, until it is closed. */
  start(listener: ChannelListener): void;
  /** To everybody, or to everybody where the status of this id is; each entry is a command without "!". */
  announce(commands: readonly string[], on?: string): void;
  /** Whether a message to this peer could leave now. */
  sees(nick: string): boolean;
  /** A signed message without the leading "!". Throws if the peer is not seen, or the message too long. */
  tell(nick: string, signed: string): void;
  statuses(): readonly ChannelStatus[];
  close(): Promise<void>;
}
