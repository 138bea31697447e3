/** The merkle tree over all block hashes that Electrum's checkpoints ask for, with what is asked for again kept. */

import { HEADER_LENGTH_BYTES } from "../../../bitcoin/block/header.ts";
import { HASH_LENGTH_BYTES } from "../../../bitcoin/bytes.ts";
import { sha256d } from "../../../bitcoin/hash.ts";
import type { Steps } from "../lookup/steps.ts";
import type { Snapshot } from "../store/snapshot.ts";
import { branchOf, MerkleBuilder, type MerkleLevels, rootOf } from "./merkle-levels.ts";

/** A group is one node of the level above ten. On mainnet 930 groups. */
const GROUP_LEVELS = 10;
const GROUP = 1 << GROUP_LEVELS;
/** Of 64 kB each. */
const GROUPS_KEPT = 64;

/** Everything kept is of the chain that so many rollbacks have led to. */
export class HeaderTree {
  readonly #merkle = new MerkleBuilder();
  #rollbacks = 0;
  /** By group, of full groups. */
  #roots: Uint8Array[] = [];
  /** The one used longest ago comes first. */
  readonly #groups = new Map<string, MerkleLevels>();
  /** Clients have their few checkpoints built in, and nearly all have the same. */
  #top: { readonly leaves: number; readonly levels: MerkleLevels } | undefined;

  /** The first proof hashes all headers below the checkpoint, a group at each step. */
  *proof(
    view: Snapshot,
    height: number,
    checkpointHeight: number,
  ): Steps<{ root: Uint8Array; branch: Uint8Array[] }> {
    this.#follow(view);
    const leaves = checkpointHeight + 1;
    if (leaves <= GROUP) {
      const levels = this.#groupOf(view, 0, leaves);
      return { root: rootOf(levels), branch: branchOf(levels, height) };
    }
    const top = yield* this.#topOf(view, leaves);
    const group = Math.floor(height / GROUP);
    const own = this.#groupOf(view, group, Math.min(GROUP, leaves - group * GROUP));
    const branch = [...liftedBranch(own, height - group * GROUP), ...branchOf(top, group)];
    return { root: rootOf(top), branch };
  }

  #follow(view: Snapshot): void {
    const { rollbacks } = view.state;
    if (rollbacks === this.#rollbacks) return;
    this.#rollbacks = rollbacks;
    this.#roots = [];
    this.#groups.clear();
    this.#top = undefined;
  }

  *#topOf(view: Snapshot, leaves: number): Steps<MerkleLevels> {
    if (this.#top?.leaves === leaves) return this.#top.levels;
    const groups = Math.ceil(leaves / GROUP);
    const roots = new Uint8Array(groups * HASH_LENGTH_BYTES);
    for (let group = 0; group < groups; group++) {
      roots.set(this.#rootOf(view, group, leaves), group * HASH_LENGTH_BYTES);
      yield;
    }
    const levels = this.#merkle.levels(roots);
    this.#top = { leaves, levels };
    return levels;
  }

  #rootOf(view: Snapshot, group: number, leaves: number): Uint8Array {
    const count = Math.min(GROUP, leaves - group * GROUP);
    const known = count === GROUP ? this.#roots[group] : undefined;
    if (known !== undefined) return known;
    const root = lifted(this.#merkle.levels(this.#hashesOf(view, group, count)));
    if (count === GROUP) this.#roots[group] = root;
    return root;
  }

  #groupOf(view: Snapshot, group: number, count: number): MerkleLevels {
    const name = `${group}/${count}`;
    const levels = this.#groups.get(name) ?? this.#merkle.levels(this.#hashesOf(view, group, count));
    this.#groups.delete(name);
    this.#groups.set(name, levels);
    const [oldest] = this.#groups.keys();
    if (this.#groups.size > GROUPS_KEPT && oldest !== undefined) this.#groups.delete(oldest);
    return levels;
  }

  #hashesOf(view: Snapshot, group: number, count: number): Uint8Array {
    return this.#merkle.hashes(view.headers(group * GROUP, count), HEADER_LENGTH_BYTES);
  }
}

/** The root of a smaller last group: where its own tree ends, its node stands beside itself up to the group's level. */
function lifted(levels: MerkleLevels): Uint8Array {
  let root = rootOf(levels);
  for (let level = levels.length - 1; level < GROUP_LEVELS; level++) root = besideItself(root);
  return root;
}

function liftedBranch(levels: MerkleLevels, index: number): Uint8Array[] {
  const branch = branchOf(levels, index);
  for (let root = rootOf(levels); branch.length < GROUP_LEVELS; root = besideItself(root)) branch.push(root);
  return branch;
}

function besideItself(node: Uint8Array): Uint8Array {
  return sha256d(Buffer.concat([node, node]));
}
