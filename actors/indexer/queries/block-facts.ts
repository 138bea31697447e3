/** Facts of single blocks that are asked for again and again: the tree over its transactions, its hash. */
import { sha256d } from "../../../bitcoin/hash.ts";
import type { Snapshot } from "../store/snapshot.ts";
import { branchOf, MerkleBuilder, type MerkleLevels } from "./merkle-levels.ts";

const HASHES_KEPT = 16_384;

interface Tree {
  readonly levels: MerkleLevels;
  readonly bytes: number;
}

export class BlockFacts {
  readonly #treeBytesMax: number;
  readonly #merkle = new MerkleBuilder();
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
    return branchOf(levels, position);
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
    const levels = this.#merkle.levels(leaves);
    return { levels, bytes: levels.reduce((sum, { length }) => sum + length, 0) };
  }
}
