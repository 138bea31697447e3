/** Connections to other bots without a directory between: those that we dial, and those that dial us. */
import { createServer, type Server, type Socket } from "node:net";
import type { Clock } from "../../../runtime/clock.ts";
import type { HostPort } from "../../../runtime/config/config-values.ts";
import { TokenBucket } from "../../../runtime/limits.ts";
import { Connection } from "./connection.ts";
import type { Dial } from "./dial.ts";
import { type BotHandshake, parseBotHandshake, writeBotHandshake } from "./handshake.ts";
import { type Line, LineType } from "./line.ts";

const DIAL_MS = 60_000;
/** Some peers never introduce themselves to who dials them. */
const INTRODUCTION_MS = 2_000;
/** Who dials us and does not say who it is has no business here. */
const HANDSHAKE_MS = 30_000;
const DIALLED_MAX = 64;
const ACCEPTED_MAX = 256;
const LINES_PER_S = 50;
const LINES_BURST = 500;
const KEEP_ALIVE_MS = 30_000;

export interface DirectPeersOptions {
  readonly self: BotHandshake;
  readonly dial: Dial;
  readonly clock: Clock;
  onLine(peer: DirectPeer, line: Line): void;
  /** A way to a peer has ended. */
  onEnd(peer: DirectPeer): void;
}

/** One connection, and whom we believe to be at its other end. */
export interface DirectPeer {
  nick: string | undefined;
  /** We dialled it by a directory's word, or it has sent us a message that its nick signed: only then it is a way. */
  isTrusted: boolean;
  readonly connection: Connection;
}

export class DirectPeers {
  readonly #options: DirectPeersOptions;
  readonly #handshake: string;
  readonly #peers = new Set<DirectPeer>();
  readonly #dialling = new Map<string, AbortController>();
  #accepted = 0;
  #server: Server | undefined;
  #isClosed = false;

  constructor(options: DirectPeersOptions) {
    this.#options = options;
    this.#handshake = writeBotHandshake(options.self);
  }

  /** Lets others in; resolves with the port. */
  listen(address: HostPort): Promise<number> {
    const server = createServer((socket) => this.#accept(socket));
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(address.port, address.host, () => {
        const bound = server.address();
        resolve(typeof bound === "object" && bound !== null ? bound.port : address.port);
      });
    });
  }

  /** The way to a nick, if there is one. */
  find(nick: string): DirectPeer | undefined {
    for (const peer of this.#peers) if (peer.isTrusted && peer.nick === nick) return peer;
    return undefined;
  }

  /** At most one try for a nick at a time; what is said meanwhile goes by a directory. */
  dial(nick: string, location: string): void {
    if (this.#isClosed || this.#dialling.has(nick) || this.#dialling.size >= DIALLED_MAX) return;
    if (this.find(nick) !== undefined) return;
    const dialling = new AbortController();
    this.#dialling.set(nick, dialling);
    const deadline = this.#options.clock.after(DIAL_MS, () => dialling.abort(), { background: true });
    this.#options
      .dial(location, dialling.signal)
      .then((socket) => this.#onDialled(nick, socket))
      // It is a shortcut: whatever bars it, the directory is there.
      .catch(() => undefined)
      .finally(() => {
        deadline.cancel();
        this.#dialling.delete(nick);
      });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const dialling of this.#dialling.values()) dialling.abort();
    for (const peer of this.#peers) peer.connection.end();
    const server = this.#server;
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #onDialled(nick: string, socket: Socket): void {
    if (this.#isClosed) return void socket.destroy();
    const peer = this.#open(socket, nick, false);
    const { clock } = this.#options;
    clock.after(INTRODUCTION_MS, () => (peer.isTrusted ||= peer.connection.isOpen), { background: true });
  }

  #accept(socket: Socket): void {
    if (this.#isClosed || this.#accepted >= ACCEPTED_MAX) return void socket.destroy();
    const peer = this.#open(socket, undefined, true);
    const silent = () => peer.nick === undefined && peer.connection.end();
    this.#options.clock.after(HANDSHAKE_MS, silent, { background: true });
  }

  #open(socket: Socket, nick: string | undefined, isAccepted: boolean): DirectPeer {
    const { clock } = this.#options;
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    const connection: Connection = new Connection(socket, {
      clock,
      pace: new TokenBucket({ clock, burst: LINES_BURST, perSecond: LINES_PER_S }),
      onLine: (line) => this.#onLine(peer, line, isAccepted),
      onEnd: () => {
        if (isAccepted) this.#accepted--;
        this.#peers.delete(peer);
        this.#options.onEnd(peer);
      },
    });
    const peer: DirectPeer = { nick, isTrusted: false, connection };
    if (isAccepted) this.#accepted++;
    this.#peers.add(peer);
    connection.send(LineType.handshake, this.#handshake);
    return peer;
  }

  #onLine(peer: DirectPeer, line: Line, isAccepted: boolean): void {
    if (line.type === LineType.handshake) return this.#onHandshake(peer, line.line, isAccepted);
    if (line.type === LineType.ping) return void peer.connection.send(LineType.pong, "");
    // Nothing is heard from who has not said its name. Whom we dial may answer our words without one.
    if (peer.nick !== undefined) this.#options.onLine(peer, line);
  }

  #onHandshake(peer: DirectPeer, text: string, isAccepted: boolean): void {
    const words = parseBotHandshake(text);
    const isOther = peer.nick !== undefined && peer.nick !== words?.nick;
    if (words === undefined || isOther || words.network !== this.#options.self.network) {
      return peer.connection.end("is not who it should be");
    }
    peer.nick = words.nick;
    if (!isAccepted) peer.isTrusted = true;
  }
}
