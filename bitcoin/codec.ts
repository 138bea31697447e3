/** Reads and writes Bitcoin's little-endian serialisation, never outside the bytes given. */
import { malformed, outOfRange } from "./errors.ts";

/** Bitcoin Core's MAX_SIZE: no count and no length in the format may be larger. */
export const MAX_COMPACT_SIZE = 0x0200_0000;

const U64_MAX = (1n << 64n) - 1n;
const I64_MIN = -(1n << 63n);
const I64_MAX = (1n << 63n) - 1n;

/** Walks once through bytes. What it returns are views: they keep the whole input alive, and change with it. */
export class Reader {
  readonly #bytes: Uint8Array;
  #offset: number;

  constructor(bytes: Uint8Array, offset = 0) {
    this.#bytes = bytes;
    this.#offset = offset;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    return this.#bytes[this.#take(1)] as number;
  }

  u16(): number {
    const at = this.#take(2);
    return this.#at(at) | (this.#at(at + 1) << 8);
  }

  u32(): number {
    const at = this.#take(4);
    return this.#u32At(at);
  }

  i32(): number {
    return this.u32() | 0;
  }

  u64(): bigint {
    const at = this.#take(8);
    return (BigInt(this.#u32At(at + 4)) << 32n) | BigInt(this.#u32At(at));
  }

  i64(): bigint {
    return BigInt.asIntN(64, this.u64());
  }

  /** A count or a length (Bitcoin Core's CompactSize): shortest form only, at most MAX_COMPACT_SIZE. */
  compactSize(): number {
    const start = this.#offset;
    const first = this.u8();
    if (first < 0xfd) return first;
    let value: number;
    let least: number;
    if (first === 0xfd) {
      value = this.u16();
      least = 0xfd;
    } else {
      // The eight-byte form is only for what the format does not allow.
      if (first === 0xff) throw malformed("a size is larger than the format allows", start);
      value = this.u32();
      least = 0x1_0000;
    }
    if (value < least) throw malformed("a size is not written in its shortest form", start);
    if (value > MAX_COMPACT_SIZE) throw malformed("a size is larger than the format allows", start);
    return value;
  }

  /** A count of things of at least `itemLengthBytes` each: refused before anything is allocated if they cannot fit. */
  count(itemLengthBytes: number): number {
    const start = this.#offset;
    const count = this.compactSize();
    if (count * itemLengthBytes > this.remaining) {
      throw malformed("more items are announced than the bytes can hold", start);
    }
    return count;
  }

  bytes(lengthBytes: number): Uint8Array {
    const start = this.#take(lengthBytes);
    return this.#bytes.subarray(start, start + lengthBytes);
  }

  /** A length, then that many bytes. */
  varBytes(): Uint8Array {
    return this.bytes(this.compactSize());
  }

  /** Refuses bytes left over. */
  finish(): void {
    if (this.remaining !== 0) throw malformed(`${this.remaining} bytes are left over`, this.#offset);
  }

  #take(lengthBytes: number): number {
    const start = this.#offset;
    if (lengthBytes > this.#bytes.length - start) throw malformed("the bytes are cut short", start);
    this.#offset = start + lengthBytes;
    return start;
  }

  #at(offset: number): number {
    return this.#bytes[offset] as number;
  }

  #u32At(at: number): number {
    return (
      (this.#at(at) | (this.#at(at + 1) << 8) | (this.#at(at + 2) << 16) | (this.#at(at + 3) << 24)) >>> 0
    );
  }
}

/** Builds bytes; it grows as needed, and is exact when told the length. */
export class Writer {
  #bytes: Buffer;
  #offset = 0;

  constructor(capacityBytes = 256) {
    this.#bytes = Buffer.allocUnsafe(Math.max(capacityBytes, 16));
  }

  u8(value: number): this {
    checkUnsigned(value, 0xff);
    // In two steps: making room may replace the buffer.
    const at = this.#room(1);
    this.#bytes[at] = value;
    return this;
  }

  u16(value: number): this {
    checkUnsigned(value, 0xffff);
    const at = this.#room(2);
    this.#bytes.writeUInt16LE(value, at);
    return this;
  }

  u32(value: number): this {
    checkUnsigned(value, 0xffff_ffff);
    const at = this.#room(4);
    this.#bytes.writeUInt32LE(value, at);
    return this;
  }

  i32(value: number): this {
    if ((value | 0) !== value) throw outOfRange(`${value} is not a signed 32-bit number`);
    const at = this.#room(4);
    this.#bytes.writeInt32LE(value, at);
    return this;
  }

  u64(value: bigint): this {
    if (value < 0n || value > U64_MAX) throw outOfRange(`${value} is not an unsigned 64-bit number`);
    const at = this.#room(8);
    this.#bytes.writeBigUInt64LE(value, at);
    return this;
  }

  i64(value: bigint): this {
    if (value < I64_MIN || value > I64_MAX) throw outOfRange(`${value} is not a signed 64-bit number`);
    const at = this.#room(8);
    this.#bytes.writeBigInt64LE(value, at);
    return this;
  }

  compactSize(value: number): this {
    checkUnsigned(value, MAX_COMPACT_SIZE);
    if (value < 0xfd) return this.u8(value);
    if (value <= 0xffff) return this.u8(0xfd).u16(value);
    return this.u8(0xfe).u32(value);
  }

  bytes(bytes: Uint8Array): this {
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** Bytes that must have this length, or the format would be broken. */
  fixed(bytes: Uint8Array, lengthBytes: number): this {
    if (bytes.length !== lengthBytes) throw outOfRange(`${bytes.length} bytes where ${lengthBytes} belong`);
    return this.bytes(bytes);
  }

  varBytes(bytes: Uint8Array): this {
    return this.compactSize(bytes.length).bytes(bytes);
  }

  /** What was written; the writer must not be used again. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#offset);
  }

  #room(lengthBytes: number): number {
    const at = this.#offset;
    const end = at + lengthBytes;
    if (end > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(end, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    this.#offset = end;
    return at;
  }
}

/** How many bytes a count or length takes. */
export function compactSizeLength(value: number): number {
  if (value < 0xfd) return 1;
  return value <= 0xffff ? 3 : 5;
}

function checkUnsigned(value: number, max: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw outOfRange(`${value} is not a whole number between 0 and ${max}`);
  }
}
