/** The merkle tree over all block hashes that Electrum's checkpoints ask for, with the roots of full groups kept. */

import { HEADER_LENGTH_BYTES } from "../../../bitcoin/block/header.ts";
import { merkleBranch, merkleRoot } from "../../../bitcoin/block/merkle.ts";
import { equalBytes, HASH_LENGTH_BYTES } from "../../../bitcoin/bytes.ts";
import { sha256d } from "../../../bitcoin/hash.ts";
import type { Steps } from "../lookup/steps.ts";
import type { Snapshot } from "../store/snapshot.ts";

/** A group is one node of the level above ten. On mainnet 930 groups: a proof hashes about two groups' worth. */
const GROUP_LEVELS = 10;
const GROUP = 1 << GROUP_LEVELS;

interface GroupRoot {
  /** The group's last block hash: it commits to all before it, so it tells whether the root still holds. */
  readonly lastHash: Uint8Array;
  readonly root: Uint8Array;
}

export class HeaderTree {
  readonly #groups: GroupRoot[] = [];

  /** The first proof hashes all headers below the checkpoint, a group at each step. */
  *proof(
    view: Snapshot,
    height: number,
    checkpointHeight: number,
  ): Steps<{ root: Uint8Array; branch: Uint8Array[] }> {
    const leaves = checkpointHeight + 1;
    if (leaves <= GROUP) {
      const hashes = hashesOf(view, 0, leaves);
      return { root: merkleRoot(hashes), branch: merkleBranch(hashes, height) };
    }
    const group = Math.floor(height / GROUP);
    const groups = Math.ceil(leaves / GROUP);
    const roots = new Uint8Array(groups * HASH_LENGTH_BYTES);
    for (let g = 0; g < groups; g++) {
      const isFull = (g + 1) * GROUP <= leaves;
      const root = isFull ? this.#rootOf(view, g) : lifted(hashesOf(view, g * GROUP, leaves - g * GROUP));
      roots.set(root, g * HASH_LENGTH_BYTES);
      yield;
    }
    const own = hashesOf(view, group * GROUP, Math.min(GROUP, leaves - group * GROUP));
    const branch = [...liftedBranch(own, height - group * GROUP), ...merkleBranch(roots, group)];
    return { root: merkleRoot(roots), branch };
  }

  #rootOf(view: Snapshot, group: number): Uint8Array {
    const lastHash = hashesOf(view, (group + 1) * GROUP - 1, 1);
    const known = this.#groups[group];
    if (known !== undefined && equalBytes(known.lastHash, lastHash)) return known.root;
    const root = merkleRoot(hashesOf(view, group * GROUP, GROUP));
    this.#groups[group] = { lastHash, root };
    return root;
  }
}

function hashesOf(view: Snapshot, height: number, count: number): Uint8Array {
  const headers = view.headers(height, count);
  const hashes = new Uint8Array(count * HASH_LENGTH_BYTES);
  for (let i = 0; i < count; i++) {
    const header = headers.subarray(i * HEADER_LENGTH_BYTES, (i + 1) * HEADER_LENGTH_BYTES);
    hashes.set(sha256d(header), i * HASH_LENGTH_BYTES);
  }
  return hashes;
}

/** How many levels a tree of so many leaves has by itself. */
function levelsOf(leaves: number): number {
  return Math.ceil(Math.log2(leaves));
}

/** The root of the last, smaller group: where its own tree ends, its node stands beside itself up to the group's level. */
function lifted(hashes: Uint8Array): Uint8Array {
  let root = merkleRoot(hashes);
  for (let level = levelsOf(hashes.length / HASH_LENGTH_BYTES); level < GROUP_LEVELS; level++) {
    root = sha256d(Buffer.concat([root, root]));
  }
  return root;
}

function liftedBranch(hashes: Uint8Array, index: number): Uint8Array[] {
  const branch = merkleBranch(hashes, index);
  let root = merkleRoot(hashes);
  while (branch.length < GROUP_LEVELS) {
    branch.push(root);
    root = sha256d(Buffer.concat([root, root]));
  }
  return branch;
}
