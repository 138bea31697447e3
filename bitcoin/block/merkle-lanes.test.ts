import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Sha256Lanes } from "../sha256-lanes.ts";
import { hasMerkleDuplicate, merkleRoot } from "./merkle.ts";
import { leadsToRoot } from "./merkle-lanes.ts";

const leavesOf = (count: number, seed: number) =>
  Uint8Array.from({ length: count * 32 }, (_, i) => (i * 7 + (i >>> 5) * 31 + seed) & 0xff);

describe("the check of a merkle tree in lanes", () => {
  it("accepts exactly the root that the plain way makes, for any number of leaves", () => {
    const lanes = new Sha256Lanes(true);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 }), fc.nat(255), fc.nat(255), (count, seed, flip) => {
        const leaves = leavesOf(count, seed);
        const root = merkleRoot(leaves);
        expect(leadsToRoot(leaves, root, lanes)).toBe(true);
        const wrong = Uint8Array.from(root, (byte, i) => (i === flip % 32 ? byte ^ 1 : byte));
        expect(leadsToRoot(leaves, wrong, lanes)).toBe(false);
        leaves[flip % leaves.length] = (leaves[flip % leaves.length] as number) ^ 1;
        expect(leadsToRoot(leaves, root, lanes)).toBe(false);
      }),
    );
  });

  it("refuses a list that was made longer by repeating its end, which has the same root", () => {
    const three = leavesOf(3, 1);
    const four = Uint8Array.from([...three, ...three.subarray(64)]);
    expect(merkleRoot(four)).toEqual(merkleRoot(three));
    expect(hasMerkleDuplicate(four)).toBe(true);
    const lanes = new Sha256Lanes(true);
    expect(leadsToRoot(three, merkleRoot(three), lanes)).toBe(true);
    expect(leadsToRoot(four, merkleRoot(four), lanes)).toBe(false);
  });

  it("has no root for no leaves", () => {
    expect(leadsToRoot(new Uint8Array(0), new Uint8Array(32), new Sha256Lanes(true))).toBe(false);
  });
});
