/** One message a line, as Electrum speaks on TCP, TLS and Unix sockets. */
import { type Codec, FramingError, type OutMessage } from "./codec.ts";
import { GrowingBytes } from "./growing-bytes.ts";

const LINE_END = 0x0a;
const LINE_END_BYTES = Buffer.from("\n");

export class LineCodec implements Codec {
  readonly #lengthMaxBytes: number;
  /** Chunks not yet looked at, the first from `#at` on. */
  readonly #chunks: Buffer[] = [];
  #at = 0;
  #chunkBytes = 0;
  /** The beginning of a line whose end has not come. */
  readonly #partial = new GrowingBytes();
  #failure: FramingError | undefined;

  constructor(lengthMaxBytes: number) {
    this.#lengthMaxBytes = lengthMaxBytes;
  }

  get heldBytes(): number {
    return this.#chunkBytes - this.#at + this.#partial.roomBytes;
  }

  get isPartial(): boolean {
    return this.#partial.length > 0;
  }

  push(chunk: Buffer): void {
    if (this.#failure !== undefined || chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#chunkBytes += chunk.length;
  }

  next(): Buffer | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    for (;;) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) return undefined;
      const end = chunk.indexOf(LINE_END, this.#at);
      const piece = chunk.subarray(this.#at, end < 0 ? chunk.length : end);
      if (this.#partial.length + piece.length > this.#lengthMaxBytes) throw this.#fail();
      if (end >= 0 && this.#partial.length === 0) {
        this.#moveTo(chunk, end + 1);
        return piece;
      }
      this.#partial.append(piece);
      this.#moveTo(chunk, end < 0 ? chunk.length : end + 1);
      if (end >= 0) return this.#partial.take();
    }
  }

  encode(messages: readonly OutMessage[]): Uint8Array[] {
    const out: Uint8Array[] = [];
    let text = "";
    for (const message of messages) {
      if (typeof message === "string") {
        text += `${message}\n`;
        continue;
      }
      if (text !== "") out.push(Buffer.from(text));
      text = "";
      // One by one: a large answer has more pieces than a call can have arguments.
      for (const piece of message) out.push(piece);
      out.push(LINE_END_BYTES);
    }
    if (text !== "") out.push(Buffer.from(text));
    return out;
  }

  farewell(): undefined {
    return undefined;
  }

  #moveTo(chunk: Buffer, at: number): void {
    this.#at = at;
    if (at < chunk.length) return;
    this.#chunks.shift();
    this.#chunkBytes -= chunk.length;
    this.#at = 0;
  }

  #fail(): FramingError {
    this.#chunks.length = 0;
    this.#chunkBytes = 0;
    this.#at = 0;
    this.#partial.take();
    this.#failure = new FramingError("too_large", `request too large (over ${this.#lengthMaxBytes} bytes)`);
    return this.#failure;
  }
}
