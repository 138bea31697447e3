/** SHA-256 of many short messages: four at a time in WebAssembly, several times faster than one call of OpenSSL each. */
import { hash } from "node:crypto";
import { FREE_AT, type Sha256Exports, STATE_AT, startSha256Module } from "./sha256-module.ts";

const LANES = 4;
const BLOCK_BYTES = 64;
/** Longer messages are rare and gain little: they go to OpenSSL. */
const BLOCKS_MAX = 16;
/** Behind a message stand one byte and its length in eight. */
const PADDING_BYTES = 9;
const HASH_WORDS = 8;
const PAGE_BYTES = 65_536;

/** Messages of one number of blocks that wait for company. */
interface Bucket {
  readonly at: number;
  readonly stride: number;
  count: number;
  /** The places of the results. */
  readonly places: number[];
}

/**
 * Collects pieces of one source (`load`), and hashes whatever four of equal length have come together. Results are in
 * `hashes` once `flush` was called: place p has words 8 p to 8 p + 7, whose bytes are the hash.
 */
export class Sha256Lanes {
  readonly #module: Sha256Exports;
  readonly #twice: boolean;
  readonly #buckets: readonly Bucket[];
  readonly #sourceAt: number;
  #source: Uint8Array = new Uint8Array(0);
  #memory: Uint8Array;
  #words: Uint32Array;
  #hashes = new Uint32Array(1_024 * HASH_WORDS);

  /** `twice`: the hash of the hash, as ids are made. */
  constructor(twice: boolean) {
    this.#module = startSha256Module();
    this.#twice = twice;
    let at = FREE_AT;
    this.#buckets = Array.from({ length: BLOCKS_MAX + 1 }, (_, blocks) => {
      const bucket = { at, stride: blocks * BLOCK_BYTES, count: 0, places: [0, 0, 0, 0] };
      at += LANES * blocks * BLOCK_BYTES;
      return bucket;
    });
    this.#sourceAt = at;
    this.#memory = new Uint8Array(this.#module.memory.buffer);
    this.#words = new Uint32Array(this.#module.memory.buffer);
  }

  /** The results, one after another; valid until more are asked for than ever before. */
  get hashes(): Uint8Array {
    return new Uint8Array(this.#hashes.buffer);
  }

  /** The bytes that pieces are named in from now on. */
  load(source: Uint8Array): void {
    const missing = this.#sourceAt + source.length - this.#memory.length;
    if (missing > 0) {
      this.#module.memory.grow(Math.ceil(missing / PAGE_BYTES));
      this.#memory = new Uint8Array(this.#module.memory.buffer);
      this.#words = new Uint32Array(this.#module.memory.buffer);
    }
    this.#memory.set(source, this.#sourceAt);
    this.#source = source;
  }

  /** Asks for the hash of `start` to `end`, and of up to two more pieces behind it, to stand at `place`. */
  add(place: number, start: number, end: number, start2 = 0, end2 = 0, start3 = 0, end3 = 0): void {
    if ((place + 1) * HASH_WORDS > this.#hashes.length) this.#grow(place);
    const length = end - start + (end2 - start2) + (end3 - start3);
    const blocks = (length + PADDING_BYTES + BLOCK_BYTES - 1) >>> 6;
    if (blocks > BLOCKS_MAX) {
      this.#addLong(place, [
        this.#source.subarray(start, end),
        this.#source.subarray(start2, end2),
        this.#source.subarray(start3, end3),
      ]);
      return;
    }
    const bucket = this.#buckets[blocks] as Bucket;
    const from = this.#sourceAt;
    const to = bucket.at + bucket.count * bucket.stride;
    this.#module.pad(
      to,
      bucket.stride,
      from + start,
      end - start,
      from + start2,
      end2 - start2,
      from + start3,
      end3 - start3,
    );
    bucket.places[bucket.count++] = place;
    if (bucket.count === LANES) this.#settle(bucket);
  }

  /** Hashes what still waits for company. */
  flush(): void {
    for (const bucket of this.#buckets) if (bucket.count > 0) this.#settle(bucket);
  }

  #settle(bucket: Bucket): void {
    this.#module.hash(bucket.at, bucket.stride / BLOCK_BYTES, bucket.stride, this.#twice ? 1 : 0);
    const words = this.#words;
    const hashes = this.#hashes;
    for (let lane = 0; lane < bucket.count; lane++) {
      let to = (bucket.places[lane] as number) * HASH_WORDS;
      const from = STATE_AT / 4 + lane;
      for (let word = 0; word < HASH_WORDS; word++) hashes[to++] = words[from + LANES * word] as number;
    }
    bucket.count = 0;
  }

  #addLong(place: number, parts: readonly Uint8Array[]): void {
    const message = parts.slice(1).every(({ length }) => length === 0)
      ? (parts[0] as Uint8Array)
      : Buffer.concat(parts);
    const once = hash("sha256", message, "buffer");
    this.hashes.set(this.#twice ? hash("sha256", once, "buffer") : once, place * 4 * HASH_WORDS);
  }

  #grow(place: number): void {
    const larger = new Uint32Array(Math.max(2 * this.#hashes.length, (place + 1) * HASH_WORDS));
    larger.set(this.#hashes);
    this.#hashes = larger;
  }
}
