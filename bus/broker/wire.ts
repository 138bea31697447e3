/** Reads the NATS client protocol from a byte stream, in whatever pieces it comes, without copying payloads. */

/** What the client did wrong; each ends the connection. */
export type WireFault = "not_connected" | "unknown_operation" | "line_too_long" | "payload_too_large";

/** A published message. Its bytes are headers, body and the closing CR LF, as they came and as they go out. */
export interface WireMessage {
  readonly headerLength: number;
  /** Headers and body, without CR LF. */
  readonly length: number;
  /** Everything in one piece, or in several when it came so. */
  readonly pieces: readonly Buffer[];
}

export interface WireHandler {
  onConnect(json: string): void;
  onPublish(subject: string, reply: string | undefined, message: WireMessage): void;
  onSubscribe(pattern: string, queue: string | undefined, sid: string): void;
  onUnsubscribe(sid: string, max: number): void;
  onPing(): void;
  onPong(): void;
}

export interface WireLimits {
  readonly controlLineMax: number;
  readonly maxPayloadBytes: number;
}

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;
const DIGIT_0 = 0x30;
const LOWER = 0x20;
const LETTER_B = 0x62;
const LETTER_C = 0x63;
const LETTER_H = 0x68;
const LETTER_P = 0x70;
const LETTER_U = 0x75;
const CRLF_LENGTH = 2;
/** Pieces of a payload that are smaller than this are put together, so that a dribbling client costs no object per byte. */
const PIECE_MIN = 8 * 1024;
/** No count in the protocol has more digits. */
const DIGITS_MAX = 9;
const FIRST_LETTERS = new Set([..."pPhHsSuUcC"].map((letter) => letter.charCodeAt(0)));

export class WireParser {
  readonly #handler: WireHandler;
  readonly #limits: WireLimits;
  /** The beginning of a line whose end has not come yet. */
  #line: Buffer | undefined;
  #lineLength = 0;
  /** Bytes that are still missing of the message in `#pieces`, CR LF included; 0 between operations. */
  #missing = 0;
  #pieces: Buffer[] = [];
  #gathered: Buffer | undefined;
  #gatheredLength = 0;
  #subject = "";
  #reply: string | undefined;
  #headerLength = 0;
  #length = 0;
  /** Until the handler has let the client in, CONNECT is the only operation. */
  #isOpen = false;
  #isStopped = false;
  /** Grows with every operation that was read to its end: who watches it sees whether the client gets on. */
  completed = 0;

  constructor(handler: WireHandler, limits: WireLimits) {
    this.#handler = handler;
    this.#limits = limits;
  }

  /** True in the middle of an operation. */
  get isPartial(): boolean {
    return this.#missing > 0 || this.#lineLength > 0;
  }

  /** From now on all operations are read. */
  open(): void {
    this.#isOpen = true;
  }

  /** Reads nothing more; whatever is fed is dropped. */
  stop(): void {
    this.#isStopped = true;
    this.#line = undefined;
    this.#lineLength = 0;
    this.#missing = 0;
    this.#pieces = [];
    this.#gathered = undefined;
  }

  /** The parser may keep parts of `chunk`, so the caller must not write to it again. */
  feed(chunk: Buffer): WireFault | undefined {
    let position = 0;
    while (position < chunk.length && !this.#isStopped) {
      if (this.#missing > 0) {
        position = this.#takePayload(chunk, position);
        if (this.#missing === 0 && !this.#finishMessage()) return "unknown_operation";
        continue;
      }
      const end = chunk.indexOf(LF, position);
      if (end === -1) return this.#keepPartialLine(chunk, position);
      let fault: WireFault | undefined;
      if (this.#lineLength === 0) {
        fault =
          end - position > this.#limits.controlLineMax
            ? "line_too_long"
            : this.#readLine(chunk, position, end);
      } else {
        fault = this.#keepPartialLine(chunk, position, end + 1) ?? this.#readKeptLine();
      }
      if (fault !== undefined) return fault;
      position = end + 1;
    }
    return undefined;
  }

  #keepPartialLine(chunk: Buffer, start: number, end = chunk.length): WireFault | undefined {
    if (this.#lineLength === 0) {
      const fault = this.#checkFirst(chunk[start] ?? 0);
      if (fault !== undefined) return fault;
    }
    const length = end - start;
    if (this.#lineLength + length > this.#limits.controlLineMax) return "line_too_long";
    this.#line ??= Buffer.allocUnsafeSlow(this.#limits.controlLineMax);
    chunk.copy(this.#line, this.#lineLength, start, end);
    this.#lineLength += length;
    return undefined;
  }

  /** A stranger or a line of garbage is told from its first byte. */
  #checkFirst(byte: number): WireFault | undefined {
    if (!this.#isOpen) return (byte | LOWER) === LETTER_C ? undefined : "not_connected";
    return FIRST_LETTERS.has(byte) ? undefined : "unknown_operation";
  }

  #readKeptLine(): WireFault | undefined {
    const line = this.#line;
    const length = this.#lineLength;
    this.#lineLength = 0;
    return line === undefined ? undefined : this.#readLine(line, 0, length - 1);
  }

  /** One line, from `start` to its LF. */
  #readLine(bytes: Buffer, start: number, lineEnd: number): WireFault | undefined {
    const end = lineEnd > start && bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    const fault = this.#checkFirst(bytes[start] ?? 0);
    if (fault !== undefined) return fault;
    const first = (bytes[start] ?? 0) | LOWER;
    const second = (bytes[start + 1] ?? 0) | LOWER;
    if (first === LETTER_P && second === LETTER_U && ((bytes[start + 2] ?? 0) | LOWER) === LETTER_B) {
      return this.#readPublish(bytes, start + 3, end, false);
    }
    if (first === LETTER_H) {
      if (bytes.toString("latin1", start, start + 4).toUpperCase() !== "HPUB") return "unknown_operation";
      return this.#readPublish(bytes, start + 4, end, true);
    }
    return this.#readRareLine(bytes.toString("latin1", start, end));
  }

  #readRareLine(line: string): WireFault | undefined {
    const blank = line.search(/[ \t]/);
    const operation = (blank === -1 ? line : line.slice(0, blank)).toUpperCase();
    const rest = blank === -1 ? "" : line.slice(blank + 1).trim();
    switch (operation) {
      case "PING":
        this.#handler.onPing();
        break;
      case "PONG":
        this.#handler.onPong();
        break;
      case "CONNECT":
        // names in it may be UTF-8; everything else on the wire is passed on byte by byte
        this.#handler.onConnect(Buffer.from(rest, "latin1").toString("utf8"));
        break;
      case "SUB": {
        const [pattern, second, third, ...surplus] = rest.split(/[ \t]+/);
        if (!pattern || second === undefined || surplus.length > 0) return "unknown_operation";
        if (third === undefined) this.#handler.onSubscribe(pattern, undefined, second);
        else this.#handler.onSubscribe(pattern, second, third);
        break;
      }
      case "UNSUB": {
        const [sid, max, ...surplus] = rest.split(/[ \t]+/);
        if (!sid || surplus.length > 0 || (max !== undefined && !/^\d{1,9}$/.test(max))) {
          return "unknown_operation";
        }
        this.#handler.onUnsubscribe(sid, max === undefined ? 0 : Number(max));
        break;
      }
      default:
        return "unknown_operation";
    }
    this.completed++;
    return undefined;
  }

  /** `subject [reply] length`, and for HPUB the headers' length before it. Runs once per message: no arrays, no regular expressions. */
  #readPublish(bytes: Buffer, start: number, end: number, hasHeaders: boolean): WireFault | undefined {
    if (start >= end || !isBlank(bytes[start] ?? 0)) return "unknown_operation";
    const numbers = hasHeaders ? 2 : 1;
    // from the end: one or two numbers
    let cursor = end;
    let length = -1;
    let headerLength = 0;
    for (let index = 0; index < numbers; index++) {
      while (cursor > start && isBlank(bytes[cursor - 1] ?? 0)) cursor--;
      const numberEnd = cursor;
      while (cursor > start && !isBlank(bytes[cursor - 1] ?? 0)) cursor--;
      const number = readNumber(bytes, cursor, numberEnd);
      if (number === -1) return "unknown_operation";
      if (index === 0) length = number;
      else headerLength = number;
    }
    // from the beginning: subject and perhaps reply
    while (start < cursor && isBlank(bytes[start] ?? 0)) start++;
    while (cursor > start && isBlank(bytes[cursor - 1] ?? 0)) cursor--;
    let subjectEnd = start;
    while (subjectEnd < cursor && !isBlank(bytes[subjectEnd] ?? 0)) subjectEnd++;
    if (subjectEnd === start) return "unknown_operation";
    let replyStart = subjectEnd;
    while (replyStart < cursor && isBlank(bytes[replyStart] ?? 0)) replyStart++;
    for (let index = replyStart; index < cursor; index++) {
      if (isBlank(bytes[index] ?? 0)) return "unknown_operation";
    }
    if (headerLength > length || (hasHeaders && headerLength === 0)) return "unknown_operation";
    if (length > this.#limits.maxPayloadBytes) return "payload_too_large";
    this.#subject = bytes.toString("latin1", start, subjectEnd);
    this.#reply = replyStart < cursor ? bytes.toString("latin1", replyStart, cursor) : undefined;
    this.#headerLength = headerLength;
    this.#length = length;
    this.#missing = length + CRLF_LENGTH;
    return undefined;
  }

  /** Returns where the payload ends in this chunk. */
  #takePayload(chunk: Buffer, start: number): number {
    const end = Math.min(chunk.length, start + this.#missing);
    const taken = end - start;
    this.#missing -= taken;
    const isWhole = this.#missing === 0 && this.#pieces.length === 0 && this.#gathered === undefined;
    if (isWhole || taken >= PIECE_MIN) {
      this.#pushGathered();
      this.#pieces.push(chunk.subarray(start, end));
    } else {
      this.#gather(chunk, start, end);
    }
    return end;
  }

  /** Small pieces are copied together until there are enough of them, or the message ends. */
  #gather(chunk: Buffer, start: number, end: number): void {
    let position = start;
    while (position < end) {
      const wantedBytes = this.#missing + end - position;
      this.#gathered ??= Buffer.allocUnsafeSlow(Math.min(2 * PIECE_MIN, wantedBytes));
      const copied = chunk.copy(this.#gathered, this.#gatheredLength, position, end);
      this.#gatheredLength += copied;
      position += copied;
      if (this.#gatheredLength === this.#gathered.length) this.#pushGathered();
    }
    if (this.#missing === 0) this.#pushGathered();
  }

  #pushGathered(): void {
    if (this.#gathered === undefined) return;
    this.#pieces.push(this.#gathered.subarray(0, this.#gatheredLength));
    this.#gathered = undefined;
    this.#gatheredLength = 0;
  }

  /** False when the payload is not followed by CR LF. */
  #finishMessage(): boolean {
    const pieces = this.#pieces;
    this.#pieces = [];
    if (!endsInCrLf(pieces)) return false;
    this.completed++;
    this.#handler.onPublish(this.#subject, this.#reply, {
      headerLength: this.#headerLength,
      length: this.#length,
      pieces,
    });
    return true;
  }
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}

/** -1 when it is none. */
function readNumber(bytes: Buffer, start: number, end: number): number {
  if (start === end || end - start > DIGITS_MAX) return -1;
  let number = 0;
  for (let index = start; index < end; index++) {
    const digit = (bytes[index] ?? 0) - DIGIT_0;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}

function endsInCrLf(pieces: readonly Buffer[]): boolean {
  const last = pieces[pieces.length - 1];
  if (last === undefined) return false;
  if (last.length >= CRLF_LENGTH) return last[last.length - 2] === CR && last[last.length - 1] === LF;
  const before = pieces[pieces.length - 2];
  return last[0] === LF && before?.[before.length - 1] === CR;
}
