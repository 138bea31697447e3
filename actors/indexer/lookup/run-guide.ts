/** What a reader keeps in memory of one table of one run: which keys it cannot hold, and where the others would stand. */
import { keyHeadAt, type Table } from "../rows/layout.ts";
import { PackedReader } from "../rows/packed-block.ts";
import type { Snapshot } from "../store/snapshot.ts";
import { RUN_ID_BYTES } from "../store/tables.ts";
import type { Steps } from "./steps.ts";

/** With four bits set in one word of 32, so many bits a row let about 2 % of absent keys through. */
const FILTER_BITS_PER_ROW = 10;
const KEYS_PER_STEP = 512;
const BLOCKS_PER_STEP = 16;
const SAMPLED_BLOCKS = 8;
const KEY_HEADS = 0x1_0000_0000;

/**
 * Keys are pseudo-random, so they are their own hashes: the head chooses the filter's word and the next bytes the bits
 * in it, and building it goes through memory from front to back.
 */
export class RunGuide {
  /** Keys of the blocks in LMDB, one after another. */
  readonly #keys: Buffer;
  readonly #keyBytes: number;
  /** The first four bytes of each block's first row. */
  readonly #heads: Uint32Array;
  readonly #filter: Uint32Array;
  readonly #prefixBytes: number;
  /** From a key's head to the filter's word. */
  readonly #scale: number;

  private constructor(keys: readonly Buffer[], filter: Uint32Array, prefixBytes: number) {
    this.#keys = Buffer.concat(keys);
    this.#keyBytes = keys[0]?.length ?? 0;
    this.#prefixBytes = prefixBytes;
    this.#heads = Uint32Array.from(keys, (key) => keyHeadAt(key, prefixBytes));
    this.#filter = filter;
    this.#scale = filter.length / KEY_HEADS;
  }

  /** About how many bytes the guide of so many blocks takes. */
  static bytesOf(blocks: number, table: Table): number {
    return blocks * (2 * table.idBytes + (FILTER_BITS_PER_ROW / 8) * ROWS_PER_BLOCK[table.name]);
  }

  /**
   * Reads the whole run. Nothing if it is gone. Blocks that a merge takes away meanwhile are missing in the guide, and
   * nobody looks for their rows here any more.
   */
  static *build(view: Snapshot, table: Table, t: number, runId: number): Steps<RunGuide | undefined> {
    const keys: Buffer[] = [];
    for (;;) {
      const more = view.blockKeys(t, runId, keys.at(-1), KEYS_PER_STEP);
      keys.push(...more);
      if (more.length < KEYS_PER_STEP) break;
      yield;
    }
    if (keys.length === 0) return undefined;
    const reader = new PackedReader(table);
    const rowsOf = (key: Buffer): number => {
      const block = view.block(t, key);
      return block === undefined ? 0 : reader.open(block).count;
    };
    let sampled = 0;
    for (let i = 0; i < SAMPLED_BLOCKS; i++) {
      sampled += rowsOf(keys[Math.floor((i * keys.length) / SAMPLED_BLOCKS)] as Buffer);
    }
    const rows = Math.ceil((sampled / SAMPLED_BLOCKS) * keys.length);
    const filter = new Uint32Array(Math.max(1, Math.ceil((rows * FILTER_BITS_PER_ROW) / 32)));
    const scale = filter.length / KEY_HEADS;
    let unpacked = new Uint8Array(0);
    for (let i = 0; i < keys.length; i++) {
      const count = rowsOf(keys[i] as Buffer);
      if (unpacked.length < count * table.rowBytes) unpacked = new Uint8Array(count * table.rowBytes);
      reader.copyAll(unpacked, 0);
      for (let row = 0, at = 0; row < count; row++, at += table.rowBytes) {
        const word = Math.floor(keyHeadAt(unpacked, at) * scale);
        filter[word] = (filter[word] as number) | bitsOf(unpacked, at);
      }
      if (i % BLOCKS_PER_STEP === 0) yield;
    }
    return new RunGuide(keys, filter, RUN_ID_BYTES);
  }

  get blocks(): number {
    return this.#heads.length;
  }

  get bytes(): number {
    return this.#keys.length + this.#heads.byteLength + this.#filter.byteLength;
  }

  /** False: the run has no row of this key. */
  mayHold(key: Uint8Array): boolean {
    const word = Math.floor(keyHeadAt(key, 0) * this.#scale);
    const bits = bitsOf(key, 0);
    return ((this.#filter[word] as number) & bits) === bits;
  }

  /** The number of the block that holds the first row that is not before `key`, or else of the one before that. */
  floor(key: Uint8Array): number {
    const head = keyHeadAt(key, 0);
    let low = 0;
    let high = this.#heads.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#isBefore(middle, head, key)) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? 0 : low - 1;
  }

  keyOf(block: number): Buffer {
    return this.#keys.subarray(block * this.#keyBytes, (block + 1) * this.#keyBytes);
  }

  #isBefore(block: number, head: number, key: Uint8Array): boolean {
    const own = this.#heads[block] as number;
    if (own !== head) return own < head;
    const at = block * this.#keyBytes + this.#prefixBytes;
    for (let i = 4; i < key.length; i++) {
      const difference = (this.#keys[at + i] as number) - (key[i] as number);
      if (difference !== 0) return difference < 0;
    }
    return false;
  }
}

/** For the estimate only: rows of mainnet's width that fit one packed block. */
const ROWS_PER_BLOCK: Readonly<Record<Table["name"], number>> = Object.freeze({
  funding: 240,
  spending: 380,
  transaction: 600,
});

/** Up to four bits of a word, from bytes two to five: all keys have them, and neighbours differ in them. */
function bitsOf(bytes: Uint8Array, at: number): number {
  const low = ((bytes[at + 4] as number) << 8) | (bytes[at + 5] as number);
  const high = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
  return (1 << (low & 31)) | (1 << ((low >>> 5) & 31)) | (1 << ((low >>> 10) & 31)) | (1 << (high & 31));
}
