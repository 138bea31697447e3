/** The 80 bytes at the head of a block, and the proof of work in them. */
import { scryptSync } from "node:crypto";
import { type BlockHash, blockHashFromBytes, blockHashToBytes } from "../bytes.ts";
import { Reader, Writer } from "../codec.ts";
import { malformed } from "../errors.ts";
import { sha256d } from "../hash.ts";
import type { Network } from "../network.ts";

export const HEADER_LENGTH_BYTES = 80;

export interface Header {
  readonly version: number;
  readonly previousHash: BlockHash;
  readonly merkleRootBytes: Uint8Array;
  readonly timeS: number;
  /** The target in its four-byte form. */
  readonly bits: number;
  readonly nonce: number;
}

/** Exactly 80 bytes; a block's head is `block.subarray(0, 80)`. */
export function parseHeader(bytes: Uint8Array): Header {
  const reader = new Reader(bytes);
  const header = readHeader(reader);
  reader.finish();
  return header;
}

/** Reads a header where the reader stands. */
export function readHeader(reader: Reader): Header {
  return {
    version: reader.i32(),
    previousHash: blockHashFromBytes(reader.bytes(32)),
    merkleRootBytes: reader.bytes(32),
    timeS: reader.u32(),
    bits: reader.u32(),
    nonce: reader.u32(),
  };
}

export function serializeHeader(header: Header): Uint8Array {
  return new Writer(HEADER_LENGTH_BYTES)
    .i32(header.version)
    .bytes(blockHashToBytes(header.previousHash))
    .fixed(header.merkleRootBytes, 32)
    .u32(header.timeS)
    .u32(header.bits)
    .u32(header.nonce)
    .finish();
}

/** The hash of a block, from its header's 80 bytes or from the whole block. */
export function blockHashOf(bytes: Uint8Array): BlockHash {
  return blockHashFromBytes(sha256d(headerBytesOf(bytes)));
}

/** The number a block hash must not exceed; nothing where `bits` states no target (zero, negative, beyond 256 bits). */
export function targetOf(bits: number): bigint | undefined {
  const sizeBytes = bits >>> 24;
  const word = bits & 0x7f_ffff;
  const isNegative = (bits & 0x80_0000) !== 0;
  const target =
    sizeBytes <= 3 ? BigInt(word >>> (8 * (3 - sizeBytes))) : BigInt(word) << BigInt(8 * (sizeBytes - 3));
  return isNegative || target === 0n || target >> 256n !== 0n ? undefined : target;
}

/** The four-byte form of a target, which keeps its first 23 or so bits and drops the rest. */
export function bitsOf(target: bigint): number {
  let sizeBytes = Math.ceil(target.toString(2).length / 8);
  let word = Number(
    sizeBytes <= 3 ? target << BigInt(8 * (3 - sizeBytes)) : target >> BigInt(8 * (sizeBytes - 3)),
  );
  if ((word & 0x80_0000) !== 0) {
    // The top bit is a sign: move one byte up.
    word >>>= 8;
    sizeBytes += 1;
  }
  return ((sizeBytes << 24) | word) >>> 0;
}

/** How many hashes a block of this target takes on average: what chains are compared by. */
export function workOf(bits: number): bigint {
  const target = targetOf(bits);
  return target === undefined ? 0n : (1n << 256n) / (target + 1n);
}

/** How many times harder than the easiest mainnet target, as `getdifficulty` counts; 0 where `bits` states no target. */
export function difficultyOf(bits: number): number {
  if (targetOf(bits) === undefined) return 0;
  return (0xffff / (bits & 0x7f_ffff)) * 256 ** (29 - (bits >>> 24));
}

/** True if the header (or block) states a target the network allows and its hash meets it. */
export function hasProofOfWork(bytes: Uint8Array, network: Network): boolean {
  const header = headerBytesOf(bytes);
  const target = targetOf(new Reader(header, 72).u32());
  if (target === undefined || target > network.proofOfWork.limit) return false;
  const hash = network.proofOfWork.algorithm === "scrypt" ? scryptHash(header) : sha256d(header);
  return BigInt(`0x${blockHashFromBytes(hash)}`) <= target;
}

function headerBytesOf(bytes: Uint8Array): Uint8Array {
  if (bytes.length < HEADER_LENGTH_BYTES) throw malformed("a block header has 80 bytes", bytes.length);
  return bytes.subarray(0, HEADER_LENGTH_BYTES);
}

/** Litecoin's proof of work; its block hash is still the double SHA-256. */
function scryptHash(header: Uint8Array): Uint8Array {
  return scryptSync(header, header, 32, { N: 1024, r: 1, p: 1 });
}
