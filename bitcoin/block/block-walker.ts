/** Walks the bytes of a block without making objects: the fast path of indexing. It accepts exactly what `parseBlock` accepts. */

import { MAX_COMPACT_SIZE } from "../codec.ts";
import { malformed } from "../errors.ts";
import { sha256d } from "../hash.ts";
import {
  FLAG_MWEB,
  FLAG_WITNESS,
  MIN_INPUT_LENGTH_BYTES,
  MIN_OUTPUT_LENGTH_BYTES,
  type Serialization,
} from "../transaction.ts";
import { MIN_TRANSACTION_LENGTH_BYTES } from "./block.ts";
import { HEADER_LENGTH_BYTES } from "./header.ts";

/** Where one transaction's parts lie. The walk uses a single one again and again: copy what you keep. */
export interface TransactionSpan {
  /** Its place in the block; 0 is the coinbase. */
  readonly index: number;
  readonly start: number;
  readonly end: number;
  /** From the count of inputs up to the end of the outputs: with version and locktime, what the txid is made of. */
  readonly bodyStart: number;
  readonly bodyEnd: number;
  readonly inputCount: number;
  readonly outputCount: number;
}

/** What a walk tells, in the order of the bytes; leave out what you do not need. All offsets are into the block. */
export interface BlockVisitor {
  /** At `outpointOffset` stand the 32 bytes of a txid in raw order and 4 of an index. The coinbase's is visited too. */
  input?(transactionIndex: number, inputIndex: number, outpointOffset: number): void;
  /** `amountSatAt` reads the amount. */
  output?(
    transactionIndex: number,
    outputIndex: number,
    amountOffset: number,
    scriptStart: number,
    scriptEnd: number,
  ): void;
  /** After the transaction's inputs and outputs. `spanTxidBytes` makes its id. */
  transaction?(span: TransactionSpan): void;
}

type MutableSpan = { -readonly [K in keyof TransactionSpan]: TransactionSpan[K] };

/** Visits the whole block and returns its number of transactions; throws BITCOIN_MALFORMED after having visited what was well-formed. */
export function walkBlock(
  block: Uint8Array,
  visitor: BlockVisitor,
  serialization: Serialization = "bitcoin",
): number {
  const cursor = new Cursor(block);
  cursor.skip(HEADER_LENGTH_BYTES);
  const count = cursor.count(MIN_TRANSACTION_LENGTH_BYTES);
  const span = emptySpan();
  const hasMweb = serialization === "mweb";
  let isHogEx = false;
  for (let index = 0; index < count; index++) {
    span.index = index;
    isHogEx = walkTransaction(cursor, span, visitor, hasMweb);
    visitor.transaction?.(span);
  }
  const hasExtension = isHogEx && count >= 2;
  if (!hasExtension && cursor.offset !== block.length) {
    throw malformed(`${block.length - cursor.offset} bytes are left over`, cursor.offset);
  }
  return count;
}

/**
 * The transaction that stands `skipped` transactions after the one that begins at `offset`. The bytes need not be a whole
 * block: they may be a part of one, cut anywhere behind it. Throws BITCOIN_MALFORMED where they are no such transactions.
 */
export function spanAfter(
  bytes: Uint8Array,
  offset: number,
  skipped: number,
  serialization: Serialization = "bitcoin",
): TransactionSpan {
  const cursor = new Cursor(bytes);
  cursor.skip(offset);
  const span = emptySpan();
  for (let index = 0; index <= skipped; index++) {
    span.index = index;
    walkTransaction(cursor, span, {}, serialization === "mweb");
  }
  return span;
}

/** The id of a transaction in a block, in raw order: hashed where it lies, or without its witnesses. */
export function spanTxidBytes(block: Uint8Array, span: TransactionSpan): Uint8Array {
  const { start, end, bodyStart, bodyEnd } = span;
  const bodyLength = bodyEnd - bodyStart;
  if (bodyLength === end - start - 8) return sha256d(block.subarray(start, end));
  const stripped = Buffer.allocUnsafe(bodyLength + 8);
  stripped.set(block.subarray(start, start + 4));
  stripped.set(block.subarray(bodyStart, bodyEnd), 4);
  stripped.set(block.subarray(end - 4, end), bodyLength + 4);
  return sha256d(stripped);
}

/** The amount of the output whose 8 bytes stand at `offset`, signed as on the wire. */
export function amountSatAt(block: Uint8Array, offset: number): bigint {
  const high = BigInt(u32At(block, offset + 4) | 0);
  return (high << 32n) | BigInt(u32At(block, offset));
}

/** The index of the output that the outpoint at `offset` names. */
export function outpointIndexAt(block: Uint8Array, offset: number): number {
  return u32At(block, offset + 32);
}

function emptySpan(): MutableSpan {
  return { index: 0, start: 0, end: 0, bodyStart: 0, bodyEnd: 0, inputCount: 0, outputCount: 0 };
}

/** Returns whether it is Litecoin's HogEx. The order of checks is that of `readTransaction`. */
function walkTransaction(
  cursor: Cursor,
  span: MutableSpan,
  visitor: BlockVisitor,
  hasMweb: boolean,
): boolean {
  span.start = cursor.offset;
  cursor.skip(4);
  span.bodyStart = cursor.offset;
  let flags = 0;
  span.inputCount = walkInputs(cursor, span.index, visitor);
  if (span.inputCount > 0) {
    span.outputCount = walkOutputs(cursor, span.index, visitor);
  } else {
    flags = cursor.u8();
    span.outputCount = 0;
    if (flags !== 0) {
      span.bodyStart = cursor.offset;
      span.inputCount = walkInputs(cursor, span.index, visitor);
      span.outputCount = walkOutputs(cursor, span.index, visitor);
    }
  }
  span.bodyEnd = cursor.offset;
  if ((flags & FLAG_WITNESS) !== 0) walkWitnesses(cursor, span.inputCount);
  const isHogEx = hasMweb && (flags & FLAG_MWEB) !== 0;
  if (isHogEx) {
    if (cursor.u8() !== 0) throw malformed("a transaction of Litecoin's extension block", cursor.offset - 1);
    if (span.outputCount === 0) throw malformed("a HogEx transaction without outputs", cursor.offset - 1);
  }
  if ((flags & ~(FLAG_WITNESS | (isHogEx ? FLAG_MWEB : 0))) !== 0) {
    throw malformed("a transaction has optional parts of an unknown kind", cursor.offset);
  }
  cursor.skip(4);
  span.end = cursor.offset;
  return isHogEx;
}

function walkInputs(cursor: Cursor, transactionIndex: number, visitor: BlockVisitor): number {
  const count = cursor.count(MIN_INPUT_LENGTH_BYTES);
  for (let i = 0; i < count; i++) {
    const outpointOffset = cursor.offset;
    cursor.skip(36);
    cursor.skip(cursor.size());
    cursor.skip(4);
    visitor.input?.(transactionIndex, i, outpointOffset);
  }
  return count;
}

function walkOutputs(cursor: Cursor, transactionIndex: number, visitor: BlockVisitor): number {
  const count = cursor.count(MIN_OUTPUT_LENGTH_BYTES);
  for (let i = 0; i < count; i++) {
    const amountOffset = cursor.offset;
    cursor.skip(8);
    const scriptLength = cursor.size();
    const scriptStart = cursor.offset;
    cursor.skip(scriptLength);
    visitor.output?.(transactionIndex, i, amountOffset, scriptStart, cursor.offset);
  }
  return count;
}

function walkWitnesses(cursor: Cursor, inputCount: number): void {
  const start = cursor.offset;
  let isEmpty = true;
  for (let i = 0; i < inputCount; i++) {
    const items = cursor.count(1);
    if (items > 0) isEmpty = false;
    for (let item = 0; item < items; item++) cursor.skip(cursor.size());
  }
  if (isEmpty) throw malformed("a transaction announces witnesses and has none", start);
}

/** A place in the bytes that cannot leave them. Unlike `Reader` it makes no views. */
class Cursor {
  readonly bytes: Uint8Array;
  readonly length: number;
  offset = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.length = bytes.length;
  }

  skip(lengthBytes: number): void {
    const next = this.offset + lengthBytes;
    if (next > this.length) throw malformed("the bytes are cut short", this.offset);
    this.offset = next;
  }

  u8(): number {
    const at = this.offset;
    this.skip(1);
    return this.bytes[at] as number;
  }

  count(itemLengthBytes: number): number {
    const start = this.offset;
    const count = this.size();
    if (count * itemLengthBytes > this.length - this.offset) {
      throw malformed("more items are announced than the bytes can hold", start);
    }
    return count;
  }

  size(): number {
    const first = this.u8();
    return first < 0xfd ? first : this.#longSize(first);
  }

  #longSize(first: number): number {
    const start = this.offset;
    let value: number;
    let least: number;
    if (first === 0xfd) {
      this.skip(2);
      value = (this.bytes[start] as number) | ((this.bytes[start + 1] as number) << 8);
      least = 0xfd;
    } else {
      // The eight-byte form is only for what the format does not allow.
      if (first === 0xff) throw malformed("a size is larger than the format allows", start);
      this.skip(4);
      value = u32At(this.bytes, start);
      least = 0x1_0000;
    }
    if (value < least) throw malformed("a size is not written in its shortest form", start);
    if (value > MAX_COMPACT_SIZE) throw malformed("a size is larger than the format allows", start);
    return value;
  }
}

function u32At(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  );
}
