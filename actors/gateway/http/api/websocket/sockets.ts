/** Open WebSockets: a client shows its access token and hears, from then on, what happens to its wallet. */
import type { WebSocket } from "@fastify/websocket";
import type { Clock, Timer } from "../../../../../runtime/clock.ts";
import { TokenBucket } from "../../../../../runtime/limits.ts";
import type { TokenFault } from "../tokens/token-pairs.ts";

export interface SocketsOptions {
  readonly clock: Clock;
  readonly socketsMax: number;
  /** What is wrong with an access token now. */
  readonly faultOf: (token: string) => TokenFault | undefined;
}

const BEAT_EVERY_MS = 30_000;
/** JAM opens its socket before anybody has logged in. Whoever shows no token for so long is sent away. */
const SILENT_BEATS_MAX = 20;
/** Clients repeat their token every 30 s. */
const MESSAGES_BURST = 30;
/** A client that does not read what it is sent. */
const UNREAD_BYTES_MAX = 4 * 1024 * 1024;
export const MESSAGE_BYTES_MAX = 4_096;

/** As JoinMarket-NG closes; the codes above are of the WebSocket protocol. */
const CLOSE = Object.freeze({ badToken: 4001, noToken: 4002, tooManyMessages: 1008, tooManySockets: 1013 });

interface Listener {
  readonly socket: WebSocket;
  readonly messages: TokenBucket;
  token: string | undefined;
  /** Beats since it had a good token. */
  silentBeats: number;
  isAlive: boolean;
}

export class Sockets {
  readonly #options: SocketsOptions;
  readonly #listeners = new Set<Listener>();
  #timer: Timer | undefined;

  constructor(options: SocketsOptions) {
    this.#options = options;
  }

  get open(): number {
    return this.#listeners.size;
  }

  start(): void {
    this.#timer = this.#options.clock.after(BEAT_EVERY_MS, () => this.#beat(), { background: true });
  }

  stop(): void {
    this.#timer?.cancel();
    for (const { socket } of this.#listeners) socket.terminate();
  }

  add(socket: WebSocket): void {
    const { clock, socketsMax } = this.#options;
    if (this.#listeners.size >= socketsMax && !this.#makeRoom()) return socket.close(CLOSE.tooManySockets);
    const listener: Listener = {
      socket,
      messages: new TokenBucket({ clock, burst: MESSAGES_BURST, perSecond: 1 }),
      token: undefined,
      silentBeats: 0,
      isAlive: true,
    };
    this.#listeners.add(listener);
    socket.on("message", (data, isBinary) => this.#hear(listener, isBinary ? "" : String(data)));
    socket.on("pong", () => {
      listener.isAlive = true;
    });
    // `close` follows and takes it out.
    socket.on("error", () => socket.terminate());
    socket.once("close", () => this.#listeners.delete(listener));
  }

  /** Whoever came first without showing a token since makes room: anybody who reaches the door could have come. */
  #makeRoom(): boolean {
    const idle = [...this.#listeners].find((listener) => !this.#mayHear(listener));
    if (idle === undefined) return false;
    this.#listeners.delete(idle);
    idle.socket.close(CLOSE.tooManySockets);
    return true;
  }

  /** To everybody whose token is good now. */
  tell(frame: Readonly<Record<string, unknown>>): void {
    const text = JSON.stringify(frame);
    for (const listener of this.#listeners) {
      if (!this.#mayHear(listener)) continue;
      if (listener.socket.bufferedAmount > UNREAD_BYTES_MAX) listener.socket.terminate();
      else listener.socket.send(text);
    }
  }

  get hasListeners(): boolean {
    return [...this.#listeners].some((listener) => this.#mayHear(listener));
  }

  #mayHear({ token }: Listener): boolean {
    return token !== undefined && this.#options.faultOf(token) === undefined;
  }

  #hear(listener: Listener, token: string): void {
    listener.isAlive = true;
    if (!listener.messages.take()) return listener.socket.close(CLOSE.tooManyMessages);
    if (this.#options.faultOf(token) !== undefined) return listener.socket.close(CLOSE.badToken);
    listener.token = token;
  }

  #beat(): void {
    for (const listener of this.#listeners) {
      listener.silentBeats = this.#mayHear(listener) ? 0 : listener.silentBeats + 1;
      if (!listener.isAlive) listener.socket.terminate();
      else if (listener.silentBeats >= SILENT_BEATS_MAX) listener.socket.close(CLOSE.noToken);
      else listener.socket.ping();
      listener.isAlive = false;
    }
    this.start();
  }
}
