/** Questions to a peer and its answers, one JSON text a line: what it says is bounded in size, depth, number and time before it is read. */
import type { Socket } from "node:net";
import type { Clock, Timer } from "../../../../runtime/clock.ts";
import { isTooDeep } from "../../nesting.ts";
import { FramingError } from "../carrier/codec.ts";
import { LineCodec } from "../carrier/line-codec.ts";
import { words } from "./peer.ts";

/** A list of 4,000 peers; the longest lists of today are of 300. */
const MESSAGE_BYTES_MAX = 512 * 1024;
const ALL_BYTES_MAX = 2 * 1024 * 1024;
const DEPTH_MAX = 16;
/** Besides answers: we subscribe to headers, and a chain may move. */
const STRAY_MESSAGES_MAX = 100;

/** `unreachable` may be a bad day; `bad` is a fault of its own; `ours` says nothing of the peer. */
type FailureKind = "unreachable" | "bad" | "ours";

/** Why a peer has not passed: it could not be asked, or what it said is not what a server of our network says. */
export class PeerFailure extends Error {
  override readonly name = "PeerFailure";
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

interface Waiting {
  readonly method: string;
  readonly resolve: (result: unknown) => void;
  readonly reject: (failure: PeerFailure) => void;
  readonly timer: Timer;
}

export class PeerConversation {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #answerMs: number;
  readonly #codec = new LineCodec(MESSAGE_BYTES_MAX);
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #receivedBytes = 0;
  #strays = 0;
  #failure: PeerFailure | undefined;

  /** `answerMs`: how long one answer may take. */
  constructor(socket: Socket, clock: Clock, answerMs: number) {
    this.#socket = socket;
    this.#clock = clock;
    this.#answerMs = answerMs;
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.on("error", () => this.#fail(new PeerFailure("unreachable", "it has hung up")));
    socket.once("close", () => this.#fail(new PeerFailure("unreachable", "it has hung up")));
  }

  /** Throws `PeerFailure`. */
  ask(method: string, params: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      const id = this.#nextId++;
      const timer = this.#clock.after(
        this.#answerMs,
        () => this.#fail(new PeerFailure("unreachable", `it does not answer ${method}`)),
        { background: true },
      );
      this.#waiting.set(id, { method, resolve, reject, timer });
      this.#socket.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
    });
  }

  close(): void {
    this.#fail(new PeerFailure("unreachable", "we have hung up"));
  }

  #onData(chunk: Buffer): void {
    if (this.#failure !== undefined) return;
    this.#receivedBytes += chunk.length;
    if (this.#receivedBytes > ALL_BYTES_MAX) return this.#fail(new PeerFailure("bad", "it says too much"));
    this.#codec.push(chunk);
    try {
      for (let line = this.#codec.next(); line !== undefined; line = this.#codec.next()) this.#onLine(line);
    } catch (error) {
      if (!(error instanceof FramingError)) throw error;
      this.#fail(new PeerFailure("bad", "it says too much at once"));
    }
  }

  #onLine(line: Buffer): void {
    const message = parsed(line);
    if (message === undefined) return this.#fail(new PeerFailure("bad", "it does not speak JSON"));
    const { id, result, error } = message;
    const waiting = typeof id === "number" ? this.#waiting.get(id) : undefined;
    if (waiting === undefined) {
      this.#strays += 1;
      if (this.#strays > STRAY_MESSAGES_MAX)
        this.#fail(new PeerFailure("bad", "it says what nobody has asked"));
      return;
    }
    this.#waiting.delete(id as number);
    waiting.timer.cancel();
    if (error === undefined || error === null) waiting.resolve(result);
    else waiting.reject(new PeerFailure("unreachable", `it refuses ${waiting.method}: ${refusalOf(error)}`));
  }

  #fail(failure: PeerFailure): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    this.#socket.destroy();
    for (const { reject, timer } of this.#waiting.values()) {
      timer.cancel();
      reject(failure);
    }
    this.#waiting.clear();
  }
}

/** Undefined when it is no object. */
function parsed(line: Buffer): Readonly<Record<string, unknown>> | undefined {
  if (isTooDeep(line, DEPTH_MAX)) return undefined;
  try {
    const message: unknown = JSON.parse(line.toString("utf8"));
    const isObject = typeof message === "object" && message !== null && !Array.isArray(message);
    return isObject ? (message as Record<string, unknown>) : undefined;
  } catch {
    // The caller says so.
    return undefined;
  }
}

function refusalOf(error: unknown): string {
  const { message } = (typeof error === "object" && error !== null ? error : {}) as { message?: unknown };
  return words(typeof message === "string" ? message : "without a word");
}
