/** The check of a whole block's merkle tree, four nodes at a time: what every block of a first sync has to pass. */
import { equalBytes, HASH_LENGTH_BYTES } from "../bytes.ts";
import type { Sha256Lanes } from "../sha256-lanes.ts";

const PAIR = 2 * HASH_LENGTH_BYTES;

/**
 * True if the leaves (32 bytes each, at least one) lead to the root and no two equal nodes stand side by side, which
 * would make the root also that of a shorter list (CVE-2012-2459). `lanes` hashes twice and is used up to its place 0.
 */
export function leadsToRoot(leaves: Uint8Array, root: Uint8Array, lanes: Sha256Lanes): boolean {
  let row = leaves;
  while (row.length > HASH_LENGTH_BYTES) {
    lanes.load(row);
    const pairs = Math.floor(row.length / PAIR);
    for (let i = 0, at = 0; i < pairs; i++, at += PAIR) {
      if (isTwin(row, at)) return false;
      lanes.add(i, at, at + PAIR);
    }
    const isOdd = row.length % PAIR !== 0;
    // An odd last node is hashed with itself.
    if (isOdd) lanes.add(pairs, pairs * PAIR, row.length, pairs * PAIR, row.length);
    lanes.flush();
    row = lanes.hashes.subarray(0, (pairs + (isOdd ? 1 : 0)) * HASH_LENGTH_BYTES);
  }
  return row.length === HASH_LENGTH_BYTES && equalBytes(row, root);
}

function isTwin(row: Uint8Array, at: number): boolean {
  for (let b = 0; b < HASH_LENGTH_BYTES; b++) {
    if (row[at + b] !== row[at + HASH_LENGTH_BYTES + b]) return false;
  }
  return true;
}
