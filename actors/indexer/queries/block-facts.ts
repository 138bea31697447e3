/** Facts of single blocks that are asked for again and again: the tree over its transactions, its hash. */
import { HASH_LENGTH_BYTES } from "../../../bitcoin/bytes.ts";
import { sha256d } from "../../../bitcoin/hash.ts";
import { Sha256Lanes } from "../../../bitcoin/sha256-lanes.ts";
import type { Snapshot } from "../store/snapshot.ts";

const PAIR_BYTES = 2 * HASH_LENGTH_BYTES;
const HASHES_KEPT = 16_384;

/** All levels of a merkle tree, from the leaves upwards; a branch is read off it. */
interface Tree {
  readonly levels: readonly Uint8Array[];
  readonly bytes: number;
}

export class BlockFacts {
  readonly #treeBytesMax: number;
  readonly #lanes = new Sha256Lanes(true);
  /** The one used longest ago comes first. */
  readonly #trees = new Map<number, Tree>();
  #treeBytes = 0;
  readonly #hashes = new Map<number, Uint8Array>();
  #rollbacks = 0;

  constructor(treeBytesMax: number) {
    this.#treeBytesMax = treeBytesMax;
  }

  /** The nodes that prove the transaction at `position` of a block, from the leaf upwards, raw. */
  branch(view: Snapshot, height: number, txids: () => Uint8Array, position: number): Uint8Array[] {
    this.#follow(view);
    const { levels } = this.#treeOf(height, txids);
    return levels.slice(0, -1).map((level, depth) => {
      const own = position >>> depth;
      // Without a neighbour the node stands beside itself.
      const neighbour = (own ^ 1) * HASH_LENGTH_BYTES < level.length ? own ^ 1 : own;
      return level.subarray(neighbour * HASH_LENGTH_BYTES, (neighbour + 1) * HASH_LENGTH_BYTES);
    });
  }

  /** Raw. */
  hash(view: Snapshot, height: number): Uint8Array {
    this.#follow(view);
    let hash = this.#hashes.get(height);
    if (hash === undefined) {
      hash = sha256d(view.headers(height, 1));
      if (this.#hashes.size >= HASHES_KEPT) this.#hashes.clear();
      this.#hashes.set(height, hash);
    }
    return hash;
  }

  #follow(view: Snapshot): void {
    const { rollbacks } = view.state;
    if (rollbacks === this.#rollbacks) return;
    this.#rollbacks = rollbacks;
    this.#trees.clear();
    this.#treeBytes = 0;
    this.#hashes.clear();
  }

  #treeOf(height: number, txids: () => Uint8Array): Tree {
    const known = this.#trees.get(height);
    if (known !== undefined) {
      this.#trees.delete(height);
      this.#trees.set(height, known);
      return known;
    }
    const tree = this.#build(txids());
    this.#trees.set(height, tree);
    this.#treeBytes += tree.bytes;
    for (const [oldest, { bytes }] of this.#trees) {
      if (this.#treeBytes <= this.#treeBytesMax || oldest === height) break;
      this.#trees.delete(oldest);
      this.#treeBytes -= bytes;
    }
    return tree;
  }

  #build(leaves: Uint8Array): Tree {
    const levels = [leaves];
    let bytes = leaves.length;
    for (let level = leaves; level.length > HASH_LENGTH_BYTES; ) {
      level = this.#parents(level);
      levels.push(level);
      bytes += level.length;
    }
    return { levels, bytes };
  }

  #parents(level: Uint8Array): Uint8Array {
    const count = Math.ceil(level.length / PAIR_BYTES);
    let pairs = level;
    if (level.length % PAIR_BYTES !== 0) {
      // An odd last node is hashed with itself.
      pairs = new Uint8Array(count * PAIR_BYTES);
      pairs.set(level);
      pairs.set(level.subarray(level.length - HASH_LENGTH_BYTES), level.length);
    }
    this.#lanes.load(pairs);
    for (let i = 0; i < count; i++) this.#lanes.add(i, i * PAIR_BYTES, (i + 1) * PAIR_BYTES);
    this.#lanes.flush();
    return this.#lanes.hashes.slice(0, count * HASH_LENGTH_BYTES);
  }
}
