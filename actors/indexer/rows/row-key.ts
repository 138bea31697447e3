/** The keyed function that turns a 32-byte hash into a row's key, so that nobody can grind collisions of keys. */
import { type Cipher, createCipheriv, randomBytes } from "node:crypto";

/** What a hash becomes; rows keep its first bytes. */
export const KEY_VALUE_BYTES = 16;
export const SECRET_BYTES = 16;

const BLOCK_BYTES = 16;
const HASH_WORDS = 8;
const VALUE_WORDS = 4;

export function randomSecret(): Uint8Array {
  return Uint8Array.from(randomBytes(SECRET_BYTES));
}

/**
 * AES-128 as a CBC-MAC over the two halves of the hash: a pseudo-random function of all 256 bits. Done for many
 * hashes at once as two passes of ECB, the processor's own AES makes it cost 30 ns a hash.
 */
export class RowKeys {
  readonly #cipher: Cipher;
  /** Goes on from call to call: what it gave last is mixed into what it is given next. */
  readonly #chain: Cipher;
  readonly #lastOfChain = new Uint8Array(BLOCK_BYTES);
  readonly #toChain = new Uint8Array(2 * BLOCK_BYTES);

  constructor(secret: Uint8Array) {
    this.#cipher = createCipheriv("aes-128-ecb", secret, null);
    this.#cipher.setAutoPadding(false);
    this.#chain = createCipheriv("aes-128-cbc", secret, this.#lastOfChain);
    this.#chain.setAutoPadding(false);
  }

  /** One value of 16 bytes for each of `count` hashes that stand one after another. */
  of(hashes: Uint8Array, count: number): Buffer {
    if (count === 1) return this.#ofOne(hashes);
    // A view of words needs an aligned start.
    const source = hashes.byteOffset % 4 === 0 ? hashes : Uint8Array.from(hashes);
    const from = new Uint32Array(source.buffer, source.byteOffset, count * HASH_WORDS);
    const halves = new Uint32Array(count * VALUE_WORDS);
    for (let at = 0, word = 0; word < halves.length; at += HASH_WORDS, word += VALUE_WORDS) {
      halves[word] = from[at] as number;
      halves[word + 1] = from[at + 1] as number;
      halves[word + 2] = from[at + 2] as number;
      halves[word + 3] = from[at + 3] as number;
    }
    const first = this.#cipher.update(new Uint8Array(halves.buffer));
    const mixed = wordsOf(first);
    for (let at = VALUE_WORDS, word = 0; word < halves.length; at += HASH_WORDS, word += VALUE_WORDS) {
      halves[word] = (mixed[word] as number) ^ (from[at] as number);
      halves[word + 1] = (mixed[word + 1] as number) ^ (from[at + 1] as number);
      halves[word + 2] = (mixed[word + 2] as number) ^ (from[at + 2] as number);
      halves[word + 3] = (mixed[word + 3] as number) ^ (from[at + 3] as number);
    }
    return this.#cipher.update(new Uint8Array(halves.buffer));
  }

  /** The same by the cipher's own chaining, in one call instead of two: for a lone hash the calls are all it costs. */
  #ofOne(hash: Uint8Array): Buffer {
    const last = this.#lastOfChain;
    const next = this.#toChain;
    // What the chain will mix in is taken out beforehand.
    for (let i = 0; i < BLOCK_BYTES; i++) next[i] = (hash[i] as number) ^ (last[i] as number);
    for (let i = BLOCK_BYTES; i < 2 * BLOCK_BYTES; i++) next[i] = hash[i] as number;
    const value = this.#chain.update(next).subarray(BLOCK_BYTES);
    for (let i = 0; i < BLOCK_BYTES; i++) last[i] = value[i] as number;
    return value;
  }
}

/** Adds an output's index to the last four of a key's ten bytes: the key of the outpoint. */
export function addIndexToKey(row: Uint8Array, at: number, index: number): void {
  const sum =
    ((((row[at + 6] as number) << 24) |
      ((row[at + 7] as number) << 16) |
      ((row[at + 8] as number) << 8) |
      (row[at + 9] as number)) +
      index) |
    0;
  row[at + 6] = sum >>> 24;
  row[at + 7] = sum >>> 16;
  row[at + 8] = sum >>> 8;
  row[at + 9] = sum;
}

function wordsOf(bytes: Buffer): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
}
