/** Writes a reply's JSON byte by byte: hashes as hex in the order people read them, numbers, and what stands between. */
import { HASH_LENGTH_BYTES } from "../../../bitcoin/bytes.ts";

const HEX_DIGITS = Buffer.from("0123456789abcdef");
const HASH_HEX_BYTES = 2 * HASH_LENGTH_BYTES;
/** Of a whole number that JavaScript holds exactly. */
const DIGITS_MAX = 16;
const SMALL_MAX = 0x7fff_ffff;
const QUOTE = 0x22;
const ZERO = 0x30;
const COMMA = 0x2c;

/** Text that never changes, as bytes: `json('{"txid":')`. ASCII only. */
export function json(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "latin1"));
}

export class ReplyWriter {
  #bytes: Buffer;
  #at = 0;

  constructor(roomBytes: number) {
    this.#bytes = Buffer.allocUnsafe(roomBytes);
  }

  /** All that was written. Nothing is written afterwards. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Makes room for so much more; what is written through the other methods makes its own. */
  reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }

  write(constant: Uint8Array): void {
    this.reserve(constant.length);
    for (let i = 0; i < constant.length; i++) this.#bytes[this.#at++] = constant[i] as number;
  }

  /** A comma, but not before the first of a list. */
  separate(place: number): void {
    if (place === 0) return;
    this.reserve(1);
    this.#bytes[this.#at++] = COMMA;
  }

  /** The raw hash at `from`, reversed and in quotes. */
  hash(bytes: Uint8Array, from = 0): void {
    this.reserve(HASH_HEX_BYTES + 2);
    const out = this.#bytes;
    let at = this.#at;
    out[at++] = QUOTE;
    for (let i = from + HASH_LENGTH_BYTES - 1; i >= from; i--) {
      const byte = bytes[i] as number;
      out[at++] = HEX_DIGITS[byte >>> 4] as number;
      out[at++] = HEX_DIGITS[byte & 15] as number;
    }
    out[at++] = QUOTE;
    this.#at = at;
  }

  /** Bytes as hex in the order they stand, in quotes. */
  hex(bytes: Uint8Array): void {
    this.reserve(2 * bytes.length + 2);
    this.#bytes[this.#at++] = QUOTE;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
    this.#at += this.#bytes.write(text, this.#at, "latin1");
    this.#bytes[this.#at++] = QUOTE;
  }

  /** A whole number that is not negative. */
  number(value: number): void {
    this.reserve(DIGITS_MAX);
    if (value > SMALL_MAX) {
      this.#at += this.#bytes.write(String(value), this.#at, "latin1");
      return;
    }
    let digits = 1;
    for (let bound = 10; bound <= value; bound *= 10) digits += 1;
    let rest = value | 0;
    for (let at = this.#at + digits - 1; at >= this.#at; at--) {
      const tenth = (rest / 10) | 0;
      this.#bytes[at] = ZERO + rest - tenth * 10;
      rest = tenth;
    }
    this.#at += digits;
  }
}
