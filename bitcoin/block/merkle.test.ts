/** Merkle trees: known roots, branches that prove, and lists that share a root. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readRegtestChain } from "../../tests/harness/chain/regtest-chain.ts";
import { bytesToHex, concatBytes, hexToBytes, parseTxid, txidToBytes } from "../bytes.ts";
import { parseBlock, txidLeavesOf } from "./block.ts";
import {
  hasMerkleDuplicate,
  merkleBranch,
  merkleRoot,
  merkleRootFromBranch,
  verifyMerkleBranch,
} from "./merkle.ts";

const leavesOf = (count: number) =>
  concatBytes(...Array.from({ length: count }, (_, i) => new Uint8Array(32).fill(i + 1)));
const leafAt = (leaves: Uint8Array, index: number) => leaves.subarray(index * 32, index * 32 + 32);

it.each([
  [2, "39ce20bede82c96b8908bec4a157b09c549b3db90b9b474bda9ae9b9030310b4"],
  [3, "223e023fadf1f053df26988871f893c821c28edf77d64a955e6c2a02d547bdac"],
  [4, "085aabaef98668701b87c9a1986bdf116726a9949802326b69895697d4e8c812"],
  [5, "26e2870f72368b3f8baef83fa26282d95d9c194e1f33d90a12932e0f6022e5d3"],
  [6, "7b66d521a8037fd37d8730a5a77b304c0994bf45fc6e225cb79073f087cf97e9"],
  [7, "5cda317f9f94e784d7811b9b9884f3082f0baafc8a93a7db6f95f57ea52e9269"],
])("makes the root of %i leaves", (count, root) => {
  expect(bytesToHex(merkleRoot(leavesOf(count)))).toBe(root);
});

it("makes zero of nothing and the leaf itself of one", () => {
  expect(bytesToHex(merkleRoot(new Uint8Array(0)))).toBe("00".repeat(32));
  expect(bytesToHex(merkleRoot(leavesOf(1)))).toBe("01".repeat(32));
  expect(merkleBranch(leavesOf(1), 0)).toEqual([]);
});

it("gives the branch a recorded Electrum server gave", () => {
  const block = parseBlock(hexToBytes(readRegtestChain().blocks[106] ?? ""));
  const branch = merkleBranch(txidLeavesOf(block.transactions), 4);
  const expected = [
    "4084769cd596e8e99a326ae1c3b75ed05e6654f16e8d5f79648f754159795541",
    "577db2982eb3a135951abc89002f615c576c70bea78881c827b136aa7289cfc9",
    "b7167d5af2ad749213fd1d37c3c833025fc3be30d77f70c0ac0392c4ec729a55",
  ].map((hash) => bytesToHex(txidToBytes(parseTxid(hash))));

  expect(branch.map(bytesToHex)).toEqual(expected);
});

it("proves each leaf of each tree at its own place and no other", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(), (count, seed) => {
      const leaves = leavesOf(count);
      const index = seed % count;
      const branch = merkleBranch(leaves, index);
      const root = merkleRoot(leaves);

      expect(verifyMerkleBranch(leafAt(leaves, index), branch, index, root)).toBe(true);
      expect(verifyMerkleBranch(new Uint8Array(32).fill(99), branch, index, root)).toBe(false);
      expect(verifyMerkleBranch(leafAt(leaves, index), branch, index + 2 ** branch.length, root)).toBe(false);
    }),
  );
});

describe("a branch", () => {
  it("is refused with a node of another length or an index outside", () => {
    expect(merkleRootFromBranch(new Uint8Array(32), [new Uint8Array(31)], 0)).toBeUndefined();
    expect(merkleRootFromBranch(new Uint8Array(31), [new Uint8Array(32)], 0)).toBeUndefined();
    expect(merkleRootFromBranch(new Uint8Array(32), [], -1)).toBeUndefined();
    expect(() => merkleBranch(leavesOf(2), 2)).toThrow(
      expect.objectContaining({ code: "BITCOIN_OUT_OF_RANGE" }),
    );
    expect(() => merkleRoot(new Uint8Array(33))).toThrow(
      expect.objectContaining({ code: "BITCOIN_OUT_OF_RANGE" }),
    );
  });
});

describe("CVE-2012-2459", () => {
  it("is two lists of one root, of which the longer is found out", () => {
    const honest = leavesOf(3);
    const forged = concatBytes(honest, leafAt(honest, 2));

    expect(bytesToHex(merkleRoot(forged))).toBe(bytesToHex(merkleRoot(honest)));
    expect(hasMerkleDuplicate(forged)).toBe(true);
    expect(hasMerkleDuplicate(honest)).toBe(false);
  });

  it("is found higher in the tree too", () => {
    const honest = leavesOf(6);
    const forged = concatBytes(honest, leafAt(honest, 4), leafAt(honest, 5));

    expect(bytesToHex(merkleRoot(forged))).toBe(bytesToHex(merkleRoot(honest)));
    expect(hasMerkleDuplicate(forged)).toBe(true);
    expect(hasMerkleDuplicate(honest)).toBe(false);
  });
});
