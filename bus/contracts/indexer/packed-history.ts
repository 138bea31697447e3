/** How the indexer's reply to `history` is laid out: of which moment it is, and the entries one after another, so that nobody parses a million of them. */
import type { IndexedTip } from "../indexer.ts";

const HASH_BYTES = 32;
const BLOCK_BYTES = 4 + HASH_BYTES;
const FLAGS_AT = 0;
const TIP_AT = 1;
const SETTLED_AT = TIP_AT + BLOCK_BYTES;
/** Before the first entry. */
export const PACKED_HEAD_BYTES: number = SETTLED_AT + BLOCK_BYTES;
/** A transaction id as people write it, as bytes, and a height of four bytes, the highest first. */
export const PACKED_ENTRY_BYTES: number = HASH_BYTES + 4;

const HAS_TIP = 1;
const IS_WHOLE = 2;
const IS_TOO_MANY = 4;

export interface PackedHistoryHead {
  /** The block up to which the answer holds; null while there is none. */
  readonly tip: IndexedTip | null;
  /** A block some way below the tip: who remembers what is up to it is not thrown back by every small reorganisation. */
  readonly settled: IndexedTip | null;
  /** False: only what is above the block that the asker named. */
  readonly isWhole: boolean;
  /** More than the limit; then there are no entries. */
  readonly isTooMany: boolean;
}

/** Without its entries. */
export function packHead({ tip, settled, isWhole, isTooMany }: PackedHistoryHead): Buffer {
  const bytes = Buffer.alloc(PACKED_HEAD_BYTES);
  bytes[FLAGS_AT] = (isWhole ? IS_WHOLE : 0) | (isTooMany ? IS_TOO_MANY : 0);
  if (tip === null || settled === null) return bytes;
  bytes[FLAGS_AT] |= HAS_TIP;
  writeBlock(bytes, TIP_AT, tip);
  writeBlock(bytes, SETTLED_AT, settled);
  return bytes;
}

/** Undefined for what is no such reply. */
export function unpackHead(reply: Uint8Array): PackedHistoryHead | undefined {
  if (reply.length < PACKED_HEAD_BYTES || (reply.length - PACKED_HEAD_BYTES) % PACKED_ENTRY_BYTES !== 0) {
    return undefined;
  }
  const bytes = Buffer.from(reply.buffer, reply.byteOffset, PACKED_HEAD_BYTES);
  const flags = bytes[FLAGS_AT] as number;
  const hasTip = (flags & HAS_TIP) !== 0;
  return {
    tip: hasTip ? readBlock(bytes, TIP_AT) : null,
    settled: hasTip ? readBlock(bytes, SETTLED_AT) : null,
    isWhole: (flags & IS_WHOLE) !== 0,
    isTooMany: (flags & IS_TOO_MANY) !== 0,
  };
}

function writeBlock(bytes: Buffer, at: number, { height, hash }: IndexedTip): void {
  bytes.writeUInt32BE(height, at);
  bytes.write(hash, at + 4, "hex");
}

function readBlock(bytes: Buffer, at: number): IndexedTip {
  return { height: bytes.readUInt32BE(at), hash: bytes.toString("hex", at + 4, at + BLOCK_BYTES) };
}
