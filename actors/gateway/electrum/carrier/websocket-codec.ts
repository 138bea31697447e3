/** WebSocket frames (RFC 6455) as a server sees them, read by `ws`: one text message a request, no extensions. */
import { Receiver } from "ws";
import { type Codec, FramingError, type OutMessage } from "./codec.ts";

const TEXT = 0x1;
const CLOSE = 0x8;
const PONG = 0xa;

/**
 * What `ws` is given at a time: it hands out every message that ends in it, so little keeps one chunk of many tiny frames
 * from being many messages at once. More while none ends: a large message is no longer way than its bytes.
 */
const SLICE_BYTES = 512;
const SLICE_BYTES_MAX = 4_096;
/** Wallets and browsers send a message as one frame. */
const FRAGMENTS_MAX = 256;
/** Pieces in which a message may come: of half a kilobyte, and some for those that begin slowly. Each costs memory of its own. */
const PIECE_BYTES_MIN = 512;
const PIECES_MIN = 1_024;
const PIECE_OVERHEAD_BYTES = 200;
/** Of control frames, whose length is one byte: two, and four of the mask. */
const CONTROL_HEAD_BYTES = 6;

/** RFC 6455, 7.4.1. */
const STATUS = Object.freeze({
  normal: 1000,
  protocol: 1002,
  unsupported: 1003,
  notText: 1007,
  policy: 1008,
  tooLarge: 1009,
});

/** Whatever else `ws` refuses is a fault of the framing. */
const STATUS_OF: Readonly<Record<string, number>> = Object.freeze({
  WS_ERR_INVALID_UTF8: STATUS.notText,
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: STATUS.tooLarge,
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: STATUS.tooLarge,
  WS_ERR_TOO_MANY_BUFFERED_PARTS: STATUS.policy,
});

export class WebSocketCodec implements Codec {
  readonly #lengthMaxBytes: number;
  readonly #receiver: Receiver;
  readonly #chunks: Buffer[] = [];
  #at = 0;
  #chunkBytes = 0;
  /** Whole and not yet handed out. */
  readonly #messages: Buffer[] = [];
  #messageBytes = 0;
  /** Given to `ws` since the last message ended; what has come after that end in the same slice is not counted. */
  #openBytes = 0;
  #openPieces = 0;
  #sliceBytes = SLICE_BYTES;
  #closeStatus: number = STATUS.normal;
  #failure: FramingError | undefined;

  constructor(lengthMaxBytes: number, sendControl: (frame: Uint8Array) => void) {
    this.#lengthMaxBytes = lengthMaxBytes;
    this.#receiver = new Receiver({
      isServer: true,
      maxPayload: lengthMaxBytes,
      maxFragments: FRAGMENTS_MAX,
      maxBufferedChunks: PIECES_MIN + Math.ceil(lengthMaxBytes / PIECE_BYTES_MIN),
      allowSynchronousEvents: true,
    });
    this.#receiver.on("message", (data: Buffer, isBinary: boolean) => {
      if (this.#failure !== undefined) return;
      if (isBinary) return this.#fail("violation", "binary frames are not served here", STATUS.unsupported);
      this.#messages.push(data);
      this.#messageBytes += data.length;
      this.#openBytes = 0;
      this.#openPieces = 0;
      this.#sliceBytes = SLICE_BYTES;
    });
    this.#receiver.on("ping", (data: Buffer) => {
      this.#leaveOut(data);
      sendControl(Buffer.concat([frameHead(PONG, data.length), data]));
    });
    this.#receiver.on("pong", (data: Buffer) => this.#leaveOut(data));
    this.#receiver.on("conclude", () => this.#fail("farewell", "the client closes", STATUS.normal));
    // Read off after each write: the event itself comes a moment later.
    this.#receiver.on("error", () => undefined);
  }

  get heldBytes(): number {
    return (
      this.#chunkBytes -
      this.#at +
      this.#messageBytes +
      this.#openBytes +
      this.#openPieces * PIECE_OVERHEAD_BYTES
    );
  }

  get isPartial(): boolean {
    return this.#openBytes > 0;
  }

  push(chunk: Buffer): void {
    if (this.#failure !== undefined || chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#chunkBytes += chunk.length;
  }

  next(): Buffer | undefined {
    while (this.#messages.length === 0 && this.#failure === undefined) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) return undefined;
      const slice = chunk.subarray(this.#at, this.#at + this.#sliceBytes);
      this.#moveBy(slice.length);
      this.#openBytes += slice.length;
      this.#openPieces += 1;
      this.#sliceBytes = Math.min(SLICE_BYTES_MAX, this.#sliceBytes * 2);
      this.#receiver.write(slice);
      if (this.#receiver.errored) this.#refuse(this.#receiver.errored);
    }
    const message = this.#messages.shift();
    // What came whole before the fault is still a message.
    if (message === undefined) throw this.#failure as FramingError;
    this.#messageBytes -= message.length;
    return message;
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

  /** A control frame is no part of a message: clients that ping all day have not begun one. */
  #leaveOut(data: Buffer): void {
    // What came before the end of a message in the same slice is not counted any more.
    this.#openBytes = Math.max(0, this.#openBytes - CONTROL_HEAD_BYTES - data.length);
    if (this.#openBytes > 0) return;
    this.#openPieces = 0;
    this.#sliceBytes = SLICE_BYTES;
  }

  #refuse(error: Error): void {
    const status = STATUS_OF[(error as NodeJS.ErrnoException).code ?? ""] ?? STATUS.protocol;
    if (status === STATUS.tooLarge) {
      this.#fail("too_large", `request too large (over ${this.#lengthMaxBytes} bytes)`, status);
    } else this.#fail("violation", error.message, status);
  }

  #moveBy(bytes: number): void {
    this.#at += bytes;
    const chunk = this.#chunks[0];
    if (chunk === undefined || this.#at < chunk.length) return;
    this.#chunks.shift();
    this.#chunkBytes -= chunk.length;
    this.#at = 0;
  }

  #fail(kind: FramingError["kind"], message: string, status: number): void {
    if (this.#failure !== undefined) return;
    this.#closeStatus = status;
    this.#chunks.length = 0;
    this.#chunkBytes = 0;
    this.#at = 0;
    this.#openBytes = 0;
    this.#openPieces = 0;
    this.#failure = new FramingError(kind, message);
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
