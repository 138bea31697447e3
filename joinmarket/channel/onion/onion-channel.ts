/** The onion channel: all configured directories at once, and direct connections to peers where that is possible. */
import { randomInt } from "node:crypto";
import type { Clock } from "../../../runtime/clock.ts";
import { type HostPort, isLoopback, parseHostPort } from "../../../runtime/config/config-values.ts";
import { JoinmarketError } from "../../errors.ts";
import type { NickIdentity } from "../../nick/identity.ts";
import type { Channel, ChannelListener } from "../channel.ts";
import type { ChannelStatus } from "../market.ts";
import { type Dial, isDialable } from "./dial.ts";
import { type DirectPeer, DirectPeers } from "./direct-peers.ts";
import { DirectoryLink, NICK_AUTH, PEERLIST_FEATURES, PING } from "./directory-link.ts";
import type { BotHandshake, ChannelNetwork } from "./handshake.ts";
import { EVERYBODY, LINE_BYTES_MAX, type Line, LineType, parseRouted, routedText } from "./line.ts";
import { PeerTable } from "./peer-table.ts";
import { type ListedPeer, parsePeerlist } from "./peerlist.ts";
import { RecentLines } from "./recent-lines.ts";

/** All directories and all direct connections are one network to the signatures. */
const HOSTID = "onion-network";

/** Where others can dial us. */
export interface Serving {
  /** Where we listen. */
  readonly listen: HostPort;
  /** What peers are told to dial; without it, where we listen: that is for peers on this host. */
  readonly location?: string;
  /** Makes the place that peers are told to dial, once it is known where we listen. Throws with the reason why not. */
  expose?(target: HostPort): Promise<Exposed>;
}

/** A place in the world that leads to where we listen. */
export interface Exposed {
  readonly location: string;
  close(): void;
}

export interface OnionChannelOptions {
  readonly identity: NickIdentity;
  /** `host:port` of each. */
  readonly directories: readonly string[];
  readonly network: ChannelNetwork;
  readonly dial: Dial;
  readonly clock: Clock;
  /** Beside those of the channel itself, such as `neutrino_compat`. */
  readonly features?: readonly string[];
  readonly serving?: Serving;
}

type Way = DirectoryLink | DirectPeer;

export class OnionChannel implements Channel {
  readonly id = "onion";
  readonly hostid = HOSTID;
  readonly #options: OnionChannelOptions;
  readonly #nick: string;
  readonly #recent: RecentLines;
  #links: readonly DirectoryLink[] = [];
  #direct: DirectPeers | undefined;
  #peers: PeerTable | undefined;
  #listener: ChannelListener | undefined;
  #exposed: Exposed | undefined;
  #isClosed = false;

  constructor(options: OnionChannelOptions) {
    this.#options = options;
    this.#nick = options.identity.nick;
    this.#recent = new RecentLines(options.clock);
  }

  get isUp(): boolean {
    return this.#links.some(({ isUp }) => isUp);
  }

  start(listener: ChannelListener): void {
    this.#listener = listener;
    void this.#open();
  }

  announce(commands: readonly string[], on?: string): void {
    const links = on === undefined ? this.#links : this.#links.filter(({ status }) => status.id === on);
    // One command in a line, as both peers do: their directories judge a line by its first word.
    for (const command of commands) {
      const line = routedText({ from: this.#nick, to: EVERYBODY, text: command });
      for (const link of links) link.send(LineType.public, line);
    }
  }

  sees(nick: string): boolean {
    return this.#direct?.find(nick) !== undefined || this.#directoryTo(nick) !== undefined;
  }

  tell(nick: string, signed: string): void {
    const direct = this.#direct?.find(nick);
    const directory = this.#directoryTo(nick);
    const line = routedText({ from: this.#nick, to: nick, text: signed });
    if (direct === undefined && directory === undefined) {
      throw new JoinmarketError(
        { code: "JOINMARKET_PEER_GONE", nick },
        `${nick} is in no directory that we see.`,
      );
    }
    const hasLeft =
      direct?.connection.send(LineType.private, line) ?? directory?.send(LineType.private, line);
    if (hasLeft !== true) throw tooLong(line);
    if (direct === undefined) this.#dial(nick);
  }

  statuses(): readonly ChannelStatus[] {
    return this.#links.map(({ status }) => status);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#exposed?.close();
    for (const link of this.#links) link.close();
    await this.#direct?.close();
  }

  async #open(): Promise<void> {
    const { identity, dial, clock, directories, serving } = this.#options;
    const peers = new PeerTable({
      ownNick: this.#nick,
      onSeen: (nick, features) => this.#listener?.onSeen(nick, features),
      onGone: (nick) => this.#listener?.onGone(nick),
      isDirect: (nick) => this.#direct?.find(nick) !== undefined,
    });
    this.#peers = peers;
    const self = this.#self(serving?.location);
    const direct = new DirectPeers({
      self,
      dial,
      clock,
      onLine: (peer, line) => this.#onDirect(peer, line),
      onEnd: ({ nick }) => nick !== undefined && peers.lost(nick, undefined),
    });
    this.#direct = direct;
    const location = serving === undefined ? undefined : await this.#serve(direct, serving);
    if (this.#isClosed) return direct.close();
    this.#links = directories.map(
      (address) =>
        new DirectoryLink({
          address,
          identity,
          self: { ...self, location },
          dial,
          clock,
          onLine: (link, line) => this.#onDirectory(link, line),
          onStatus: (link, status) => {
            if (status.state !== "up") peers.forget(link);
            this.#listener?.onStatus(status);
          },
        }),
    );
    for (const link of this.#links) link.start();
  }

  /** Where others can dial us; without it we are still on the market, by the directories. */
  async #serve(direct: DirectPeers, serving: Serving): Promise<string | undefined> {
    const { listen, location } = serving;
    try {
      const port = await direct.listen(listen);
      if (serving.expose !== undefined) {
        const exposed = await serving.expose({ host: listen.host, port });
        if (this.#isClosed) exposed.close();
        this.#exposed = exposed;
        return exposed.location;
      }
      return location ?? `${listen.host}:${port}`;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#listener?.onStatus({
        id: `${listen.host}:${listen.port}`,
        kind: "onion",
        state: "down",
        since: this.#options.clock.now(),
        error: `peers cannot connect to us: ${why}`,
      });
      return undefined;
    }
  }

  #self(location: string | undefined): BotHandshake {
    const features = new Set([PEERLIST_FEATURES, PING, NICK_AUTH, ...(this.#options.features ?? [])]);
    return { nick: this.#nick, network: this.#options.network, location, features };
  }

  #onDirectory(link: DirectoryLink, { type, line }: Line): void {
    if (type === LineType.peerlist) {
      for (const peer of parsePeerlist(line)) this.#peers?.listed(fromThere(peer, link), link);
    } else if (type === LineType.public) this.#onPublic(link, line);
    else if (type === LineType.private) this.#onPrivate(link, line);
    // Others, such as those that joinmarket-clientserver keeps for its own use, mean nothing to us.
  }

  #onDirect(peer: DirectPeer, { type, line }: Line): void {
    // A peer speaks for itself only, and to us only.
    if (type === LineType.private && parseRouted(line)?.from === peer.nick) this.#onPrivate(peer, line);
  }

  #onPublic(link: DirectoryLink, line: string): void {
    const message = parseRouted(line);
    if (message?.to !== EVERYBODY || this.#peers?.seen(message.from, link) === undefined) return;
    if (this.#recent.isFirst(line, link)) this.#listener?.onPublic(message.from, `!${message.text}`);
  }

  #onPrivate(way: Way, line: string): void {
    const message = parseRouted(line);
    if (message?.to !== this.#nick) return;
    const link = way instanceof DirectoryLink ? way : undefined;
    // Nor would anybody hear that such a one has gone.
    if (this.#peers?.hasRoom(message.from, link) !== true) return;
    // An echo of what was verified: the peer is there too.
    if (!this.#recent.isFirst(line, way)) return void this.#peers?.seen(message.from, link);
    if (this.#listener?.onPrivate(message.from, message.text) !== true) return this.#recent.drop(line);
    if (!(way instanceof DirectoryLink)) way.isTrusted = true;
    const peer = this.#peers?.seen(message.from, link);
    if (peer !== undefined && link !== undefined) peer.lastWay = link;
  }

  /** The directory by which it spoke last, else any that shows it. */
  #directoryTo(nick: string): DirectoryLink | undefined {
    const peer = this.#peers?.get(nick);
    if (peer === undefined) return undefined;
    if (peer.lastWay?.isUp) return peer.lastWay;
    const ways = [...peer.directories.keys()].filter(({ isUp }) => isUp);
    return ways.length === 0 ? undefined : ways[randomInt(ways.length)];
  }

  #dial(nick: string): void {
    const location = this.#peers?.placeOf(nick);
    const address = location === undefined ? undefined : parseHostPort(location);
    if (location !== undefined && address !== undefined && isDialable(address))
      this.#direct?.dial(nick, location);
  }
}

/** A place on this host means one only to a directory of this host: others' bots would have us connect to what else listens here. */
function fromThere(peer: ListedPeer, { address }: DirectoryLink): ListedPeer {
  const isHere = (text: string) => isLoopback(parseHostPort(text)?.host ?? "");
  const { location } = peer;
  return location === undefined || !isHere(location) || isHere(address)
    ? peer
    : { ...peer, location: undefined };
}

function tooLong(line: string): JoinmarketError {
  const lengthBytes = Buffer.byteLength(line);
  return new JoinmarketError(
    { code: "JOINMARKET_MESSAGE_TOO_LONG", lengthBytes, maxBytes: LINE_BYTES_MAX },
    `A message of ${lengthBytes} bytes was not sent: peers take ${LINE_BYTES_MAX}.`,
  );
}
