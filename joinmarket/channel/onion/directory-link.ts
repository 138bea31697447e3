/** Our connection to one directory: kept up for ever, introduced and, where the directory asks, proven. */
import type { Clock, Timer } from "../../../runtime/clock.ts";
import { TokenBucket } from "../../../runtime/limits.ts";
import type { NickIdentity } from "../../nick/identity.ts";
import type { ChannelStatus } from "../market.ts";
import { printable } from "../printable.ts";
import { Connection } from "./connection.ts";
import type { Dial } from "./dial.ts";
import { type BotHandshake, parseDirectoryHandshake, writeBotHandshake } from "./handshake.ts";
import { type Line, LineType } from "./line.ts";
import { directoryIdOf, parseChallenge, parseResult, writeProof } from "./nick-auth.ts";

/** Tor may take a minute to find an onion service. */
const CONNECT_MS = 90_000;
const HANDSHAKE_MS = 60_000;
const RETRY_FIRST_MS = 1_000;
const RETRY_FACTOR = 1.7;
const RETRY_MAX_MS = 300_000;
/** A directory that keeps us for so long is a good one: the next try is early again. */
const STABLE_MS = 60_000;
const PEERLIST_MS = 600_000;
/** A directory carries the words of thousands. */
const LINES_PER_S = 500;
const LINES_BURST = 5_000;

export interface DirectoryLinkOptions {
  /** `host:port` as it is configured: also the name by which the directory must ask for a proof. */
  readonly address: string;
  readonly identity: NickIdentity;
  readonly self: BotHandshake;
  readonly dial: Dial;
  readonly clock: Clock;
  onLine(link: DirectoryLink, line: Line): void;
  onStatus(link: DirectoryLink, status: ChannelStatus): void;
}

export class DirectoryLink {
  readonly address: string;
  readonly #options: DirectoryLinkOptions;
  readonly #handshake: string;
  #connection: Connection | undefined;
  #features: ReadonlySet<string> = new Set();
  #state: "waiting" | "greeting" | "proving" | "up" = "waiting";
  #status: ChannelStatus;
  #deadline: Timer | undefined;
  #retry: Timer | undefined;
  #peerlist: Timer | undefined;
  #dialling: AbortController | undefined;
  #retryMs = RETRY_FIRST_MS;
  #upSinceMs: number | undefined;
  #isClosed = false;

  constructor(options: DirectoryLinkOptions) {
    this.#options = options;
    this.address = options.address;
    // The very text is part of the proof.
    this.#handshake = writeBotHandshake(options.self);
    this.#status = this.#statusOf("connecting");
  }

  get isUp(): boolean {
    return this.#state === "up";
  }

  get status(): ChannelStatus {
    return this.#status;
  }

  start(): void {
    void this.#connect();
  }

  send(type: number, line: string): boolean {
    return this.#state === "up" && (this.#connection?.send(type, line) ?? false);
  }

  close(): void {
    this.#isClosed = true;
    this.#retry?.cancel();
    this.#dialling?.abort();
    this.#connection?.end();
    this.#stopTimers();
  }

  async #connect(): Promise<void> {
    const { dial, clock } = this.#options;
    this.#tell("connecting");
    const dialling = new AbortController();
    this.#dialling = dialling;
    this.#deadline = clock.after(CONNECT_MS, () => dialling.abort(), { background: true });
    try {
      const socket = await dial(this.address, dialling.signal);
      this.#stopTimers();
      if (this.#isClosed) return void socket.destroy();
      const connection = new Connection(socket, {
        clock,
        pace: new TokenBucket({ clock, burst: LINES_BURST, perSecond: LINES_PER_S }),
        onLine: (line) => this.#onLine(line),
        onEnd: (fault) => this.#onEnd(fault ?? "it has hung up"),
      });
      this.#connection = connection;
      this.#state = "greeting";
      connection.send(LineType.handshake, this.#handshake);
      this.#expectWithin(HANDSHAKE_MS);
    } catch (error) {
      // Whatever kept us from it is told and tried again.
      this.#onEnd(error instanceof Error ? error.message : String(error));
    }
  }

  #onLine(line: Line): void {
    if (this.#state === "greeting") return this.#onGreeting(line);
    if (this.#state === "proving") return this.#onProving(line);
    if (line.type === LineType.ping) return void this.send(LineType.pong, "");
    this.#options.onLine(this, line);
  }

  #onGreeting({ type, line }: Line): void {
    if (type !== LineType.directoryHandshake) return;
    const words = parseDirectoryHandshake(line);
    if (words === undefined) return this.#refuse("its handshake cannot be read");
    if (!words.isAccepted) return this.#refuse("it does not take us");
    if (!words.isOurVersion) return this.#refuse("it speaks another version of the protocol");
    if (words.network !== this.#options.self.network)
      return this.#refuse(`it is on ${printable(words.network)}`);
    this.#features = words.features;
    if (!this.#bothProve()) return this.#onUp();
    this.#state = "proving";
    this.#expectWithin(HANDSHAKE_MS);
  }

  #onProving({ type, line }: Line): void {
    if (type === LineType.authChallenge) {
      const asked = parseChallenge(line);
      if (asked === undefined) return this.#refuse("its challenge cannot be read");
      // A proof made for another directory could be shown there in our name.
      if (asked.directoryId !== directoryIdOf(this.address)) {
        return this.#refuse(`it asks for a proof in the name of ${printable(asked.directoryId)}`);
      }
      this.#connection?.send(LineType.authProof, writeProof(this.#options.identity, asked, this.#handshake));
    } else if (type === LineType.authResult) {
      const code = parseResult(line);
      if (code === "ok") this.#onUp();
      else this.#refuse(`it does not believe that our nick is ours (${code ?? "malformed"})`);
    }
  }

  #bothProve(): boolean {
    return this.#features.has(NICK_AUTH) && this.#options.self.features.has(NICK_AUTH);
  }

  #onUp(): void {
    this.#stopTimers();
    this.#state = "up";
    this.#upSinceMs = this.#options.clock.monotonicMs();
    this.#tell("up");
    this.#askForPeers();
  }

  /** Only those who list features answer at all, and arrivals are told to nobody: so it is asked now and then. */
  #askForPeers(): void {
    if (!this.#features.has(PEERLIST_FEATURES)) return;
    this.send(LineType.getPeerlist, "");
    this.#peerlist = this.#options.clock.after(PEERLIST_MS, () => this.#askForPeers(), { background: true });
  }

  #refuse(why: string): void {
    this.#connection?.end(why);
  }

  #onEnd(why: string): void {
    const { clock } = this.#options;
    this.#stopTimers();
    this.#connection = undefined;
    this.#state = "waiting";
    const wasStable = this.#upSinceMs !== undefined && clock.monotonicMs() - this.#upSinceMs >= STABLE_MS;
    this.#upSinceMs = undefined;
    if (this.#isClosed) return;
    if (wasStable) this.#retryMs = RETRY_FIRST_MS;
    this.#tell("down", why);
    // Not all at once when a directory comes back.
    const delayMs = this.#retryMs * (0.75 + Math.random() / 2);
    this.#retryMs = Math.min(this.#retryMs * RETRY_FACTOR, RETRY_MAX_MS);
    this.#retry = clock.after(delayMs, () => void this.#connect(), { background: true });
  }

  #expectWithin(ms: number): void {
    this.#stopTimers();
    const late = () => this.#connection?.end("it does not answer our handshake");
    this.#deadline = this.#options.clock.after(ms, late, { background: true });
  }

  #stopTimers(): void {
    this.#deadline?.cancel();
    this.#peerlist?.cancel();
  }

  #tell(state: ChannelStatus["state"], error?: string): void {
    this.#status = this.#statusOf(state, error);
    this.#options.onStatus(this, this.#status);
  }

  #statusOf(state: ChannelStatus["state"], error?: string): ChannelStatus {
    const since = this.#options.clock.now();
    return { id: this.address, kind: "onion", state, since, ...(error === undefined ? {} : { error }) };
  }
}

/** What a directory and a bot both have if the bot is to prove its nick. */
export const NICK_AUTH = "nick_auth";
/** Answers the question for its peers, and lists what they can do. */
export const PEERLIST_FEATURES = "peerlist_features";
export const PING = "ping";
