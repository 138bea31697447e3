/** One connection of the onion channel: lines in, lines out, and an end for whoever sends too much or reads too little. */
import type { Duplex } from "node:stream";
import type { Clock, Timer } from "../../../runtime/clock.ts";
import type { TokenBucket } from "../../../runtime/limits.ts";
import { decodeLine, encodeLine, LINE_BYTES_MAX, type Line } from "./line.ts";

/** What waits for a slow reader at most, as joinmarket-ng's directory allows. */
const UNSENT_BYTES_MAX = 2 * 1024 * 1024;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

export interface ConnectionOptions {
  readonly clock: Clock;
  /** Who sends faster is read more slowly: the other side waits, nothing is lost. */
  readonly pace: TokenBucket;
  onLine(line: Line): void;
  /** Once, with what the other did wrong, or with nothing when it simply ended. */
  onEnd(fault: string | undefined): void;
}

export class Connection {
  readonly #stream: Duplex;
  readonly #options: ConnectionOptions;
  /** Bytes of the line that has not ended yet. */
  #rest: Buffer = Buffer.alloc(0);
  #resume: Timer | undefined;
  #fault: string | undefined;
  #isEnded = false;

  constructor(stream: Duplex, options: ConnectionOptions) {
    this.#stream = stream;
    this.#options = options;
    stream.on("data", (bytes: Buffer) => this.#onBytes(bytes));
    stream.once("close", () => this.end(this.#fault));
    // "close" follows.
    stream.on("error", () => undefined);
  }

  get isOpen(): boolean {
    return !this.#isEnded;
  }

  /** False if the line is too long for any peer; a reader that is far behind is cut. */
  send(type: number, line: string): boolean {
    const bytes = encodeLine(type, line);
    if (bytes === undefined) return false;
    this.sendBytes(bytes);
    return true;
  }

  /** A line that was encoded once for many. */
  sendBytes(bytes: Uint8Array): void {
    if (this.#isEnded) return;
    this.#stream.write(bytes);
    if (this.#stream.writableLength <= UNSENT_BYTES_MAX) return;
    // Its end comes with "close": here somebody may be writing to thousands, one after another.
    this.#fault = "does not read what it is sent";
    this.#stream.destroy();
  }

  end(fault?: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#resume?.cancel();
    this.#rest = Buffer.alloc(0);
    this.#stream.destroy();
    this.#options.onEnd(fault);
  }

  /** Writes out what waits, then ends: for a last word. */
  finish(): void {
    if (this.#isEnded) return;
    this.#stream.end();
    this.#options.clock.after(FINISH_MS, () => this.end(), { background: true });
  }

  #onBytes(bytes: Buffer): void {
    if (this.#isEnded) return;
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    this.#read();
  }

  #read(): void {
    let start = 0;
    while (!this.#isEnded) {
      const end = this.#rest.indexOf(LINE_FEED, start);
      if (end === -1) break;
      if (end - start >= LINE_BYTES_MAX) return this.end("sent a line that is too long");
      if (!this.#options.pace.take()) {
        this.#wait();
        break;
      }
      const hasReturn = end > start && this.#rest[end - 1] === CARRIAGE_RETURN;
      const bytes = this.#rest.subarray(start, hasReturn ? end - 1 : end);
      start = end + 1;
      if (bytes.length === 0) continue;
      const line = decodeLine(bytes);
      if (line === undefined) return this.end("sent what is no line of the protocol");
      this.#options.onLine(line);
    }
    if (this.#isEnded) return;
    if (start > 0) this.#rest = this.#rest.subarray(start);
    const isPaused = this.#resume !== undefined;
    if (!isPaused && this.#rest.length >= LINE_BYTES_MAX) this.end("sent a line that is too long");
  }

  #wait(): void {
    if (this.#resume !== undefined) return;
    this.#stream.pause();
    this.#resume = this.#options.clock.after(
      Math.min(this.#options.pace.waitMs(), PAUSE_MS_MAX),
      () => {
        this.#resume = undefined;
        this.#read();
        if (this.#resume === undefined) this.#stream.resume();
      },
      { background: true },
    );
  }
}

const FINISH_MS = 5_000;
const PAUSE_MS_MAX = 60_000;
