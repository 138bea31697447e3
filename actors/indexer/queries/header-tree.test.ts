import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { merkleBranch, merkleRoot } from "../../../bitcoin/block/merkle.ts";
import { sha256d } from "../../../bitcoin/hash.ts";
import { finished } from "../lookup/steps.ts";
import type { Snapshot } from "../store/snapshot.ts";
import { HeaderTree } from "./header-tree.ts";

const HEADERS = 5_000;

/** As much of a snapshot as the tree asks for. */
function viewOf(seed: string, rollbacks = 0): Snapshot {
  const headers = new Uint8Array(HEADERS * 80);
  for (let height = 0; height < HEADERS; height++) {
    headers.set(createHash("sha512").update(`${seed}${height}`).digest(), height * 80);
  }
  const read = (height: number, count: number) => headers.subarray(height * 80, (height + count) * 80);
  return { headers: read, state: { rollbacks } } as unknown as Snapshot;
}

function leavesOf(view: Snapshot, count: number): Uint8Array {
  const hashes = Array.from({ length: count }, (_, height) => sha256d(view.headers(height, 1)));
  return Buffer.concat(hashes);
}

describe("the tree over headers", () => {
  it("proves every header below every checkpoint as the whole tree does, also across groups", () => {
    const view = viewOf("a");
    const tree = new HeaderTree();
    const checkpoints = fc.oneof(
      fc.integer({ min: 0, max: HEADERS - 1 }),
      fc.constantFrom(1_022, 1_023, 1_024, 1_025, 2_047, 2_048, 3_071, 3_072, 4_096),
    );

    fc.assert(
      fc.property(checkpoints, fc.nat(), (checkpoint, any) => {
        const height = any % (checkpoint + 1);
        const leaves = leavesOf(view, checkpoint + 1);
        const proof = finished(tree.proof(view, height, checkpoint));
        expect(Buffer.from(proof.root).equals(merkleRoot(leaves))).toBe(true);
        expect(Buffer.concat(proof.branch).equals(Buffer.concat(merkleBranch(leaves, height)))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it("does not believe the roots it kept once the chain is another", () => {
    const tree = new HeaderTree();
    finished(tree.proof(viewOf("a"), 0, 4_000));
    const other = viewOf("b", 1);

    expect(finished(tree.proof(other, 0, 4_000))).toEqual(finished(new HeaderTree().proof(other, 0, 4_000)));
  });
});
