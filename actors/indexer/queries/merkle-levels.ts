/** Whole merkle trees, kept to read many branches off: all levels, from the leaves upwards. */
import { HASH_LENGTH_BYTES } from "../../../bitcoin/bytes.ts";
import { Sha256Lanes } from "../../../bitcoin/sha256-lanes.ts";

const PAIR_BYTES = 2 * HASH_LENGTH_BYTES;

/** Of each level its nodes one after another; the last is the root alone. */
export type MerkleLevels = readonly Uint8Array[];

export class MerkleBuilder {
  readonly #lanes = new Sha256Lanes(true);

  /** Of at least one leaf. */
  levels(leaves: Uint8Array): MerkleLevels {
    const levels = [leaves];
    for (let level = leaves; level.length > HASH_LENGTH_BYTES; ) {
      level = this.#parents(level);
      levels.push(level);
    }
    return levels;
  }

  /** The double SHA-256 of pieces of one length that stand one after another. */
  hashes(pieces: Uint8Array, lengthBytes: number): Uint8Array {
    const count = pieces.length / lengthBytes;
    this.#lanes.load(pieces);
    for (let i = 0; i < count; i++) this.#lanes.add(i, i * lengthBytes, (i + 1) * lengthBytes);
    this.#lanes.flush();
    return this.#lanes.hashes.slice(0, count * HASH_LENGTH_BYTES);
  }

  #parents(level: Uint8Array): Uint8Array {
    if (level.length % PAIR_BYTES === 0) return this.hashes(level, PAIR_BYTES);
    // An odd last node is hashed with itself.
    const pairs = new Uint8Array(level.length + HASH_LENGTH_BYTES);
    pairs.set(level);
    pairs.set(level.subarray(level.length - HASH_LENGTH_BYTES), level.length);
    return this.hashes(pairs, PAIR_BYTES);
  }
}

export function rootOf(levels: MerkleLevels): Uint8Array {
  return levels.at(-1) as Uint8Array;
}

/** The nodes that prove the leaf at `index`, from the leaf upwards. */
export function branchOf(levels: MerkleLevels, index: number): Uint8Array[] {
  return levels.slice(0, -1).map((level, depth) => {
    const own = index >>> depth;
    // Without a neighbour the node stands beside itself.
    const neighbour = (own ^ 1) * HASH_LENGTH_BYTES < level.length ? own ^ 1 : own;
    return level.subarray(neighbour * HASH_LENGTH_BYTES, (neighbour + 1) * HASH_LENGTH_BYTES);
  });
}
