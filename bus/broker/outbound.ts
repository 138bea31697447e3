/** What the broker has to say to one client: small things copied together, large payloads by reference, written in one system call. */
import type { Socket } from "node:net";
import type { WireMessage } from "./wire.ts";

const SLAB_BYTES = 64 * 1024;
/** Copying is cheaper than one more piece of a gathering write up to about this size. */
const COPY_MAX = 16 * 1024;

export class Outbound {
  readonly #socket: Socket;
  #slab: Buffer | undefined;
  /** Bytes of the slab from `#start` to `#end` wait for the next flush; before `#start` they may still be on their way. */
  #start = 0;
  #end = 0;
  #pieces: Buffer[] = [];
  #queuedBytes = 0;
  /** Everything ever handed to the socket: with its backlog it tells whether the client reads. */
  writtenBytes = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Not yet taken by the kernel. */
  get pendingBytes(): number {
    return this.#queuedBytes + this.#socket.writableLength;
  }

  get hasQueued(): boolean {
    return this.#queuedBytes > 0;
  }

  /** `text` has one byte per character. */
  text(text: string): void {
    const length = text.length;
    const slab = this.#room(length);
    slab.write(text, this.#end, "latin1");
    this.#end += length;
    this.#queuedBytes += length;
  }

  /** The message's bytes from `offset` on, closing CR LF included. */
  message(message: WireMessage, offset = 0): void {
    let skip = offset;
    for (const piece of message.pieces) {
      if (skip >= piece.length) {
        skip -= piece.length;
        continue;
      }
      this.#bytes(skip === 0 ? piece : piece.subarray(skip));
      skip = 0;
    }
  }

  flush(): void {
    if (this.#queuedBytes === 0) return;
    this.#cutSlab();
    const pieces = this.#pieces;
    const socket = this.#socket;
    this.#pieces = [];
    this.writtenBytes += this.#queuedBytes;
    this.#queuedBytes = 0;
    if (pieces.length === 1 && pieces[0] !== undefined) {
      socket.write(pieces[0]);
      return;
    }
    socket.cork();
    for (const piece of pieces) socket.write(piece);
    socket.uncork();
  }

  #bytes(bytes: Buffer): void {
    const length = bytes.length;
    this.#queuedBytes += length;
    if (length > COPY_MAX) {
      this.#cutSlab();
      this.#pieces.push(bytes);
      return;
    }
    const slab = this.#room(length);
    slab.set(bytes, this.#end);
    this.#end += length;
  }

  #cutSlab(): void {
    if (this.#slab === undefined || this.#start === this.#end) return;
    this.#pieces.push(this.#slab.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }

  /** A slab with room for so many bytes; the old one is used again once the kernel has taken all of it. */
  #room(length: number): Buffer {
    let slab = this.#slab;
    if (
      slab !== undefined &&
      this.#queuedBytes === 0 &&
      this.#start > 0 &&
      this.#socket.writableLength === 0
    ) {
      this.#start = 0;
      this.#end = 0;
    }
    if (slab === undefined || this.#end + length > slab.length) {
      this.#cutSlab();
      slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#slab = slab;
      this.#start = 0;
      this.#end = 0;
    }
    return slab;
  }
}
