/** Bitcoin's merkle trees: roots, branches that prove one leaf, and the duplicates of CVE-2012-2459. Hashes in raw order. */
import { equalBytes } from "../bytes.ts";
import { outOfRange } from "../errors.ts";
import { sha256d } from "../hash.ts";

const NODE = 32;

/** The root over leaves that stand one after another, 32 bytes each; zero where there are none. */
export function merkleRoot(leaves: Uint8Array): Uint8Array {
  let row = checked(leaves);
  if (row.length === 0) return new Uint8Array(NODE);
  while (row.length > NODE) row = parents(row);
  return Uint8Array.from(row);
}

/**
 * True if two equal nodes stand side by side: the same root then also belongs to a shorter list, so a block
 * with this mark must be refused without remembering its hash as bad (CVE-2012-2459).
 */
export function hasMerkleDuplicate(leaves: Uint8Array): boolean {
  let row = checked(leaves);
  while (row.length > NODE) {
    for (let at = 0; at + 2 * NODE <= row.length; at += 2 * NODE) {
      if (equalBytes(row.subarray(at, at + NODE), row.subarray(at + NODE, at + 2 * NODE))) return true;
    }
    row = parents(row);
  }
  return false;
}

/** The neighbours from the leaf upwards that prove the leaf at `index`; none for a tree of one leaf. */
export function merkleBranch(leaves: Uint8Array, index: number): Uint8Array[] {
  let row = checked(leaves);
  if (!Number.isInteger(index) || index < 0 || index * NODE >= row.length) {
    throw outOfRange(`leaf ${index} of ${row.length / NODE}`);
  }
  const branch: Uint8Array[] = [];
  for (let at = index; row.length > NODE; at >>= 1) {
    // Without a neighbour the node stands beside itself.
    const neighbour = (at ^ 1) * NODE < row.length ? at ^ 1 : at;
    branch.push(Uint8Array.from(row.subarray(neighbour * NODE, (neighbour + 1) * NODE)));
    row = parents(row);
  }
  return branch;
}

/** The root that a leaf, its branch and its index lead to; nothing if the index lies outside such a tree. */
export function merkleRootFromBranch(
  leaf: Uint8Array,
  branch: readonly Uint8Array[],
  index: number,
): Uint8Array | undefined {
  if (!Number.isInteger(index) || index < 0 || index >= 2 ** branch.length) return undefined;
  const pair = Buffer.allocUnsafe(2 * NODE);
  let node = leaf;
  let at = index;
  for (const neighbour of branch) {
    if (neighbour.length !== NODE || node.length !== NODE) return undefined;
    pair.set(node, at % 2 === 0 ? 0 : NODE);
    pair.set(neighbour, at % 2 === 0 ? NODE : 0);
    node = sha256d(pair);
    at = Math.floor(at / 2);
  }
  return node;
}

/** True if the branch proves that the leaf stands at `index` under `root`. */
export function verifyMerkleBranch(
  leaf: Uint8Array,
  branch: readonly Uint8Array[],
  index: number,
  root: Uint8Array,
): boolean {
  const found = merkleRootFromBranch(leaf, branch, index);
  return found !== undefined && equalBytes(found, root);
}

/** The row above; an odd last node is hashed with itself. */
function parents(row: Uint8Array): Uint8Array {
  const count = Math.ceil(row.length / (2 * NODE));
  const above = Buffer.allocUnsafe(count * NODE);
  for (let i = 0; i < count; i++) {
    const start = 2 * i * NODE;
    const isPaired = start + 2 * NODE <= row.length;
    const last = row.subarray(start, start + NODE);
    const pair = isPaired ? row.subarray(start, start + 2 * NODE) : Buffer.concat([last, last]);
    above.set(sha256d(pair), i * NODE);
  }
  return above;
}

function checked(leaves: Uint8Array): Uint8Array {
  if (leaves.length % NODE !== 0) throw outOfRange("merkle leaves have 32 bytes each");
  return leaves;
}
