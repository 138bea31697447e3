/** One client's stream: messages in, messages out, with a bound on what waits either way, and eyes on whether it moves. */
import type { Socket } from "node:net";
import type { Clock, Timer } from "../../../../runtime/clock.ts";
import type { ByteBudget } from "./byte-budget.ts";
import { type Codec, FramingError, type OutMessage } from "./codec.ts";

export type Carrier = "tcp" | "tls" | "ws" | "wss" | "unix" | "onion";

export interface ConnectionEvents {
  /** There may be a message to take. */
  readable(): void;
  /** All that was to be sent has left. */
  drained(): void;
  /** Nothing more will come; we may still answer. */
  ended(): void;
  closed(): void;
}

export interface ConnectionOptions {
  readonly socket: Socket;
  readonly carrier: Carrier;
  /** Undefined for a Unix socket. */
  readonly address: string | undefined;
  readonly codec: (sendControl: (frame: Uint8Array) => void) => Codec;
  readonly budget: ByteBudget;
  readonly clock: Clock;
}

/** The system gets this much at a time, so that we see a slow reader's progress and can drop the rest of what waits. */
const WRITE_BYTES_MAX = 256 * 1024;
/** A part that is larger is the last of its turn. */
const TURN_BYTES_MAX = 64 * 1024;
/** Pieces that are smaller on average are joined before they are written. */
const COPIED_BYTES_MAX = 4 * 1024;
/** Reading stops while more than this waits to be understood; a single message may be longer. */
const READ_AHEAD_BYTES = 64 * 1024;
/** A client that does not read its last words is not waited for. */
const FAREWELL_MS = 5_000;

export class Connection {
  readonly carrier: Carrier;
  readonly address: string | undefined;
  readonly #socket: Socket;
  readonly #codec: Codec;
  readonly #budget: ByteBudget;
  readonly #clock: Clock;
  #events: ConnectionEvents | undefined;

  #outgoing: Uint8Array[] = [];
  #outgoingBytes = 0;
  #inFlightBytes = 0;
  #heldBytes = 0;
  #movedAtMs: number;
  #heardAtMs: number;
  #partialSinceMs: number | undefined;
  /** Bytes have come that nobody has looked at: they may be the rest of a message. */
  #isUnseen = false;
  #next: Buffer | undefined;
  #failure: FramingError | undefined;
  #receivedBytes = 0;
  #sentBytes = 0;
  #isPaused = false;
  #isEnding = false;
  #isClosed = false;
  #farewell: Timer | undefined;

  constructor({ socket, carrier, address, codec, budget, clock }: ConnectionOptions) {
    this.carrier = carrier;
    this.address = address;
    this.#socket = socket;
    this.#budget = budget;
    this.#clock = clock;
    this.#codec = codec((frame) => this.#queue(frame));
    this.#heardAtMs = clock.monotonicMs();
    this.#movedAtMs = this.#heardAtMs;
  }

  /** Begins to read. `first` came with the handshake. */
  open(events: ConnectionEvents, first?: Buffer): void {
    this.#events = events;
    const socket = this.#socket;
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.once("end", () => events.ended());
    // The reason does not matter: "close" follows every error.
    socket.on("error", () => undefined);
    socket.once("close", () => this.#onClose());
    if (first !== undefined && first.length > 0) this.#onData(first);
    if (socket.destroyed) this.#onClose();
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** What waits for the client to read it. */
  get outgoingBytes(): number {
    return this.#outgoingBytes + this.#inFlightBytes;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** When the client was last heard. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  get isClosed(): boolean {
    return this.#isClosed || this.#isEnding;
  }

  /** How long something has waited to be read without any of it moving. */
  stalledMs(nowMs: number): number {
    return this.outgoingBytes === 0 ? 0 : nowMs - this.#movedAtMs;
  }

  /** How long a message has been coming in parts. */
  partialMs(nowMs: number): number {
    return this.#partialSinceMs === undefined || this.#isUnseen ? 0 : nowMs - this.#partialSinceMs;
  }

  /** Nothing has come that has not been taken, and the next is waited for. */
  get hasNothing(): boolean {
    return (
      this.#heldBytes === 0 && this.#next === undefined && this.#failure === undefined && !this.#isPaused
    );
  }

  /** Whether `take` has something to give: a message, or the news that the framing is broken. */
  hasMessage(): boolean {
    if (this.#next === undefined && this.#failure === undefined) this.#look();
    return this.#next !== undefined || this.#failure !== undefined;
  }

  /** The next message; undefined when none is whole. Throws `FramingError`. */
  take(): Buffer | undefined {
    if (!this.hasMessage()) return undefined;
    if (this.#failure !== undefined) throw this.#failure;
    const message = this.#next;
    this.#next = undefined;
    return message;
  }

  /** Stops reading while there is enough to do; reading goes on when all of it has been taken. */
  holdBack(): void {
    if (this.#isPaused || this.#heldBytes < READ_AHEAD_BYTES) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  /** Returns how many bytes go out. */
  send(messages: readonly OutMessage[]): number {
    if (this.isClosed) return 0;
    let bytes = 0;
    for (const piece of this.#codec.encode(messages)) bytes += this.#queue(piece);
    this.#pump();
    return bytes;
  }

  /** Says farewell after what waits, then closes. */
  end(): void {
    if (this.isClosed) return;
    const farewell = this.#codec.farewell();
    if (farewell !== undefined) this.#queue(farewell);
    this.#isEnding = true;
    this.#farewell = this.#clock.after(FAREWELL_MS, () => this.destroy(), { background: true });
    this.#pump();
  }

  /** Closes at once; what waits is dropped. */
  destroy(): void {
    this.#socket.destroy();
    this.#onClose();
  }

  #onData(chunk: Buffer): void {
    // What comes after the end has been decided is not understood any more, only taken away.
    if (this.isClosed) return;
    this.#heardAtMs = this.#clock.monotonicMs();
    this.#receivedBytes += chunk.length;
    this.#codec.push(chunk);
    this.#isUnseen = true;
    this.#account();
    this.#events?.readable();
  }

  #look(): void {
    this.#isUnseen = false;
    try {
      this.#next = this.#codec.next();
    } catch (error) {
      if (!(error instanceof FramingError)) throw error;
      this.#failure = error;
    }
    if (this.#next !== undefined || !this.#codec.isPartial) this.#partialSinceMs = undefined;
    else this.#partialSinceMs ??= this.#clock.monotonicMs();
    this.#account();
    if (this.#next === undefined) this.#resume();
    // A control frame may have been answered on the way.
    if (this.#outgoingBytes > 0) this.#pump();
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  #queue(piece: Uint8Array): number {
    if (this.isClosed || piece.length === 0) return 0;
    if (this.outgoingBytes === 0) this.#movedAtMs = this.#clock.monotonicMs();
    this.#outgoing.push(piece);
    this.#outgoingBytes += piece.length;
    this.#sentBytes += piece.length;
    this.#budget.add(piece.length);
    return piece.length;
  }

  /** Hands the system the next part, unless it still has one. */
  #pump(): void {
    if (this.#isClosed || this.#inFlightBytes > 0) return;
    const part = this.#takePart();
    if (part.length === 0) {
      if (this.#isEnding) this.#socket.end(() => this.#lingerBriefly());
      else this.#events?.drained();
      return;
    }
    this.#write(part, (error) => {
      if (this.#isClosed) return;
      if (error) return this.destroy();
      const bytes = this.#inFlightBytes;
      this.#budget.subtract(bytes);
      this.#inFlightBytes = 0;
      this.#movedAtMs = this.#clock.monotonicMs();
      // What the system takes at once is reported within this turn: a long answer would leave as a whole, and all others wait.
      if (bytes > TURN_BYTES_MAX) setImmediate(() => this.#pump());
      else this.#pump();
    });
  }

  /** In one call of the system. Small pieces are joined; large ones are not worth being copied. */
  #write(pieces: readonly Uint8Array[], written: (error: Error | null | undefined) => void): void {
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const socket = this.#socket;
    this.#inFlightBytes = bytes;
    if (pieces.length === 1 || bytes < pieces.length * COPIED_BYTES_MAX) {
      socket.write(pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces, bytes), written);
      return;
    }
    socket.cork();
    pieces.forEach((piece, at) => {
      if (at === pieces.length - 1) socket.write(piece, written);
      else socket.write(piece);
    });
    socket.uncork();
  }

  #takePart(): readonly Uint8Array[] {
    const all = this.#outgoing;
    const [first] = all;
    if (first === undefined) return [];
    if (all.length === 1 && first.length <= WRITE_BYTES_MAX) {
      this.#outgoing = [];
      this.#outgoingBytes -= first.length;
      return all;
    }
    if (first.length > WRITE_BYTES_MAX) {
      this.#outgoing[0] = first.subarray(WRITE_BYTES_MAX);
      this.#outgoingBytes -= WRITE_BYTES_MAX;
      return [first.subarray(0, WRITE_BYTES_MAX)];
    }
    let count = 0;
    let bytes = 0;
    for (const piece of this.#outgoing) {
      if (bytes + piece.length > WRITE_BYTES_MAX) break;
      bytes += piece.length;
      count++;
    }
    this.#outgoingBytes -= bytes;
    return this.#outgoing.splice(0, count);
  }

  /** Closing with unread bytes makes the system tear down what we have just said, so they are read and dropped. */
  #lingerBriefly(): void {
    if (this.#isClosed) return;
    if (this.#socket.readableEnded) this.destroy();
    else this.#resumeForGood();
  }

  #resumeForGood(): void {
    this.#isPaused = false;
    this.#socket.resume();
    this.#socket.once("end", () => this.destroy());
  }

  #account(): void {
    const held = this.#codec.heldBytes;
    this.#budget.add(held - this.#heldBytes);
    this.#heldBytes = held;
  }

  #onClose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#farewell?.cancel();
    this.#budget.subtract(this.outgoingBytes + this.#heldBytes);
    this.#outgoing = [];
    this.#outgoingBytes = 0;
    this.#inFlightBytes = 0;
    this.#heldBytes = 0;
    this.#events?.closed();
  }
}
