/** WebSocket frames (RFC 6455) as a server sees them: one text message a request, no extensions. */
import { isUtf8 } from "node:buffer";
import { type Codec, FramingError, type OutMessage } from "./codec.ts";
import { GrowingBytes } from "./growing-bytes.ts";

const CONTINUATION = 0x0;
const TEXT = 0x1;
const BINARY = 0x2;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;

const CONTROL_BYTES_MAX = 125;
/** Two bytes, eight of length, four of mask. */
const HEAD_BYTES_MAX = 14;

/** RFC 6455, 7.4.1. */
const STATUS = Object.freeze({
  normal: 1000,
  protocol: 1002,
  unsupported: 1003,
  notText: 1007,
  tooLarge: 1009,
});

interface Frame {
  readonly opcode: number;
  readonly isFinal: boolean;
  readonly mask: Uint8Array;
  readonly lengthBytes: number;
}

export class WebSocketCodec implements Codec {
  readonly #lengthMaxBytes: number;
  /** Sends a frame out of turn: a pong. */
  readonly #sendControl: (frame: Uint8Array) => void;
  readonly #chunks: Buffer[] = [];
  #at = 0;
  #chunkBytes = 0;
  /** The head of a frame as far as it has come. */
  readonly #head = Buffer.alloc(HEAD_BYTES_MAX);
  #headLength = 0;
  #frame: Frame | undefined;
  /** How much of the present frame's payload has come. */
  #payloadBytes = 0;
  readonly #message = new GrowingBytes();
  readonly #control = new GrowingBytes();
  /** A text message has begun and its last frame has not come. */
  #isInMessage = false;
  #closeStatus: number = STATUS.normal;
  #failure: FramingError | undefined;

  constructor(lengthMaxBytes: number, sendControl: (frame: Uint8Array) => void) {
    this.#lengthMaxBytes = lengthMaxBytes;
    this.#sendControl = sendControl;
  }

  get heldBytes(): number {
    return this.#chunkBytes - this.#at + this.#message.roomBytes + this.#control.roomBytes;
  }

  get isPartial(): boolean {
    return this.#headLength > 0 || this.#frame !== undefined || this.#isInMessage;
  }

  push(chunk: Buffer): void {
    if (this.#failure !== undefined || chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#chunkBytes += chunk.length;
  }

  next(): Buffer | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    for (;;) {
      if (this.#frame === undefined && !this.#readHead()) return undefined;
      const frame = this.#frame as unknown as Frame;
      if (!this.#readPayload(frame)) return undefined;
      this.#frame = undefined;
      this.#payloadBytes = 0;
      const whole = this.#finish(frame);
      if (whole !== undefined) return whole;
    }
  }

  encode(messages: readonly OutMessage[]): Uint8Array[] {
    return messages.flatMap((message) => {
      if (typeof message === "string") {
        const payload = Buffer.from(message);
        return [frameHead(TEXT, payload.length), payload];
      }
      const lengthBytes = message.reduce((sum, piece) => sum + piece.length, 0);
      return [frameHead(TEXT, lengthBytes), ...message];
    });
  }

  farewell(): Uint8Array {
    const status = Buffer.alloc(2);
    status.writeUInt16BE(this.#closeStatus);
    return Buffer.concat([frameHead(CLOSE, 2), status]);
  }

  /** False when more bytes are needed. */
  #readHead(): boolean {
    while (this.#headLength < this.#headNeeds()) {
      const byte = this.#takeByte();
      if (byte === undefined) return false;
      this.#head[this.#headLength++] = byte;
    }
    this.#frame = this.#checkedFrame();
    this.#headLength = 0;
    return true;
  }

  #headNeeds(): number {
    if (this.#headLength < 2) return 2;
    const short = (this.#head[1] ?? 0) & 0x7f;
    return 2 + (short === 126 ? 2 : short === 127 ? 8 : 0) + ((this.#head[1] ?? 0) & 0x80 ? 4 : 0);
  }

  #checkedFrame(): Frame {
    const [first = 0, second = 0] = this.#head;
    const opcode = first & 0x0f;
    const isFinal = (first & 0x80) !== 0;
    const short = second & 0x7f;
    if ((first & 0x70) !== 0) throw this.#violation("a reserved bit is set");
    // A client's frames are masked so that no proxy between can take them for its own language.
    if ((second & 0x80) === 0) throw this.#violation("a client's frame is not masked");
    let lengthBytes = short;
    if (short === 126) lengthBytes = this.#head.readUInt16BE(2);
    if (short === 127) {
      // The upper half is no size that anybody may send.
      if (this.#head.readUInt32BE(2) !== 0) throw this.#tooLarge();
      lengthBytes = this.#head.readUInt32BE(6);
    }
    if (opcode >= CLOSE) {
      if (opcode > PONG) throw this.#violation("an unknown control frame");
      if (!isFinal || lengthBytes > CONTROL_BYTES_MAX)
        throw this.#violation("a control frame in parts or too long");
    } else {
      if (opcode === BINARY) throw this.#violation("binary frames are not served here", STATUS.unsupported);
      if (opcode > BINARY) throw this.#violation("an unknown frame");
      if ((opcode === CONTINUATION) !== this.#isInMessage) throw this.#violation("a part of no message");
      if (this.#message.length + lengthBytes > this.#lengthMaxBytes) throw this.#tooLarge();
    }
    const mask = Uint8Array.prototype.slice.call(this.#head, this.#headLength - 4, this.#headLength);
    return { opcode, isFinal, mask, lengthBytes };
  }

  /** False when more bytes are needed. */
  #readPayload({ opcode, mask, lengthBytes }: Frame): boolean {
    const into = opcode >= CLOSE ? this.#control : this.#message;
    while (this.#payloadBytes < lengthBytes) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) return false;
      const piece = chunk.subarray(this.#at, this.#at + lengthBytes - this.#payloadBytes);
      // In place: the chunk is ours and nobody reads it twice.
      for (let at = 0; at < piece.length; at++) {
        piece[at] = (piece[at] as number) ^ (mask[(this.#payloadBytes + at) & 3] as number);
      }
      into.append(piece);
      this.#payloadBytes += piece.length;
      this.#moveBy(piece.length);
    }
    return true;
  }

  /** What a frame that has come whole means: a message, or something that is dealt with here. */
  #finish({ opcode, isFinal }: Frame): Buffer | undefined {
    if (opcode === CLOSE) throw this.#fail("farewell", "the client closes", STATUS.normal);
    if (opcode === PING) {
      const payload = this.#control.take();
      this.#sendControl(Buffer.concat([frameHead(PONG, payload.length), payload]));
      return undefined;
    }
    if (opcode === PONG) {
      this.#control.take();
      return undefined;
    }
    this.#isInMessage = !isFinal;
    if (!isFinal) return undefined;
    const message = this.#message.take();
    if (!isUtf8(message)) throw this.#violation("a text that is not UTF-8", STATUS.notText);
    return message;
  }

  #takeByte(): number | undefined {
    const byte = this.#chunks[0]?.[this.#at];
    if (byte !== undefined) this.#moveBy(1);
    return byte;
  }

  #moveBy(bytes: number): void {
    this.#at += bytes;
    const chunk = this.#chunks[0];
    if (chunk === undefined || this.#at < chunk.length) return;
    this.#chunks.shift();
    this.#chunkBytes -= chunk.length;
    this.#at = 0;
  }

  #tooLarge(): FramingError {
    return this.#fail("too_large", `request too large (over ${this.#lengthMaxBytes} bytes)`, STATUS.tooLarge);
  }

  #violation(message: string, status: number = STATUS.protocol): FramingError {
    return this.#fail("violation", message, status);
  }

  #fail(kind: FramingError["kind"], message: string, status: number): FramingError {
    this.#closeStatus = status;
    this.#chunks.length = 0;
    this.#chunkBytes = 0;
    this.#at = 0;
    this.#message.take();
    this.#control.take();
    this.#failure = new FramingError(kind, message);
    return this.#failure;
  }
}

/** Final and, as all from a server, not masked. */
function frameHead(opcode: number, lengthBytes: number): Buffer {
  if (lengthBytes < 126) return Buffer.from([0x80 | opcode, lengthBytes]);
  if (lengthBytes < 0x1_0000) {
    const head = Buffer.from([0x80 | opcode, 126, 0, 0]);
    head.writeUInt16BE(lengthBytes, 2);
    return head;
  }
  const head = Buffer.alloc(10);
  head[0] = 0x80 | opcode;
  head[1] = 127;
  head.writeBigUInt64BE(BigInt(lengthBytes), 2);
  return head;
}
