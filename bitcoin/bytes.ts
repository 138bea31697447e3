/** Bytes, hex, and the only place where hashes change between raw order and the reversed hex that people read. */
import { BitcoinError, outOfRange } from "./errors.ts";

declare const kind: unique symbol;

/** A transaction id as people write it: 64 lower-case hex digits, reversed. */
export type Txid = string & { readonly [kind]: "txid" };
/** A block hash as people write it: 64 lower-case hex digits, reversed. */
export type BlockHash = string & { readonly [kind]: "blockHash" };
/** Electrum's name of an output script: its SHA-256, reversed, 64 lower-case hex digits. */
export type ScriptHash = string & { readonly [kind]: "scriptHash" };

export const HASH_LENGTH_BYTES = 32;

const NOT_HEX = /[^0-9a-fA-F]/;

/** Lower-case hex of bytes in the order they stand. */
export function bytesToHex(bytes: Uint8Array): string {
  return viewOf(bytes).toString("hex");
}

/** The bytes of a hex text of any case; `what` names it for the person who reads the error. */
export function hexToBytes(hex: string, what = "a hex text"): Uint8Array {
  // Node's own decoder stops at the first bad digit, and takes U+0130 for "0": so look first.
  if ((hex.length & 1) === 1 || NOT_HEX.test(hex)) {
    throw new BitcoinError(
      { code: "BITCOIN_BAD_HEX", what },
      `${what} is not hexadecimal: it needs the digits 0-9 and a-f, two for each byte`,
    );
  }
  return Buffer.from(hex, "hex");
}

/** The bytes of a base64 text; nothing where it is written in another way than the one that encoders write. */
export function base64ToBytes(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

/** A new array with the bytes in the opposite order. */
export function reverseBytes(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes).reverse();
}

/** Orders byte strings as LMDB and `memcmp` do; a prefix comes before what it begins. */
export function compareBytes(a: Uint8Array, b: Uint8Array): -1 | 0 | 1 {
  return Buffer.compare(a, b);
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** One array holding the parts one after another. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

/** The id of a transaction whose raw hash stands at `offset`. */
export function txidFromBytes(bytes: Uint8Array, offset = 0): Txid {
  return toDisplay(bytes, offset) as Txid;
}

export function txidToBytes(txid: Txid): Uint8Array {
  return fromDisplay(txid, "a transaction id");
}

/** Checks and normalises a transaction id that came from outside. */
export function parseTxid(text: string): Txid {
  return checkDisplay(text, "a transaction id") as Txid;
}

/** The hash of a block whose raw hash stands at `offset`. */
export function blockHashFromBytes(bytes: Uint8Array, offset = 0): BlockHash {
  return toDisplay(bytes, offset) as BlockHash;
}

export function blockHashToBytes(hash: BlockHash): Uint8Array {
  return fromDisplay(hash, "a block hash");
}

/** Checks and normalises a block hash that came from outside. */
export function parseBlockHash(text: string): BlockHash {
  return checkDisplay(text, "a block hash") as BlockHash;
}

/** The script hash whose raw SHA-256 stands at `offset`. */
export function scriptHashFromBytes(bytes: Uint8Array, offset = 0): ScriptHash {
  return toDisplay(bytes, offset) as ScriptHash;
}

export function scriptHashToBytes(hash: ScriptHash): Uint8Array {
  return fromDisplay(hash, "a script hash");
}

/** Checks and normalises a script hash that came from outside; Electrum clients may send upper case. */
export function parseScriptHash(text: string): ScriptHash {
  return checkDisplay(text, "a script hash") as ScriptHash;
}

function toDisplay(bytes: Uint8Array, offset: number): string {
  const end = offset + HASH_LENGTH_BYTES;
  if (offset < 0 || end > bytes.length) throw outOfRange("a hash needs 32 bytes");
  return Buffer.from(bytes.subarray(offset, end)).reverse().toString("hex");
}

function fromDisplay(hex: string, what: string): Uint8Array {
  checkLength(hex, what);
  return hexToBytes(hex, what).reverse();
}

function checkDisplay(text: string, what: string): string {
  checkLength(text, what);
  if (NOT_HEX.test(text)) throw badHash(what);
  return text.toLowerCase();
}

function checkLength(text: string, what: string): void {
  if (text.length !== 2 * HASH_LENGTH_BYTES) throw badHash(what);
}

function badHash(what: string): BitcoinError {
  return new BitcoinError({ code: "BITCOIN_BAD_HEX", what }, `${what} must be 64 hexadecimal digits`);
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
