/** Headers, targets and work. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readRegtestChain } from "../../tests/harness/chain/regtest-chain.ts";
import { bytesToHex, hexToBytes } from "../bytes.ts";
import { mainnet, regtest } from "../network.ts";
import {
  bitsOf,
  blockHashOf,
  difficultyOf,
  hasProofOfWork,
  parseHeader,
  serializeHeader,
  targetOf,
  workOf,
} from "./header.ts";

describe("headers", () => {
  it("of the recorded chain follow one another, hold their work and come back as they were", () => {
    const { blocks, genesisHash, tipHash } = readRegtestChain();
    let previousHash = "00".repeat(32);
    for (const hex of blocks) {
      const head = hexToBytes(hex).subarray(0, 80);
      const header = parseHeader(head);

      expect(header.previousHash).toBe(previousHash);
      expect(hasProofOfWork(head, regtest)).toBe(true);
      expect(bytesToHex(serializeHeader(header))).toBe(bytesToHex(head));
      previousHash = blockHashOf(head);
    }
    expect(previousHash).toBe(tipHash);
    expect(blockHashOf(hexToBytes(blocks[0] ?? ""))).toBe(genesisHash);
  });

  it.each([0, 79, 81])("of %i bytes are refused", (lengthBytes) => {
    expect(() => parseHeader(new Uint8Array(lengthBytes))).toThrow(
      expect.objectContaining({ code: "BITCOIN_MALFORMED" }),
    );
  });

  it("without the work they state, or easier than the network allows, are refused", () => {
    const head = Uint8Array.from(hexToBytes(readRegtestChain().blocks[1] ?? "").subarray(0, 80));

    expect(hasProofOfWork(head, mainnet)).toBe(false);
    head.set([0xff, 0xff, 0x00, 0x1d], 72);
    expect(hasProofOfWork(head, regtest)).toBe(false);
  });
});

describe("targets", () => {
  it.each([
    [0x1d00ffff, 0xffffn << 208n],
    [0x01123456, 0x12n],
    [0x02123456, 0x1234n],
    [0x05009234, 0x92340000n],
    [0x207fffff, 0x7fffffn << 232n],
    [0x00123456, undefined],
    [0x01003456, undefined],
    [0x04923456, undefined],
    [0x01fedcba, undefined],
    [0xff123456, undefined],
    [0x21010000, undefined],
  ])("of %i are those of Bitcoin Core", (bits, target) => expect(targetOf(bits)).toBe(target));

  it("come back from their short form", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: (1n << 256n) - 1n }), (target) => {
        const short = targetOf(bitsOf(target));

        expect(short !== undefined && short <= target && target - short <= target >> 14n).toBe(true);
        expect(bitsOf(short ?? 0n)).toBe(bitsOf(target));
      }),
    );
    expect([0x80n, 0x12n, 0x1234560000n, 0xffffn << 208n].map(bitsOf)).toEqual([
      0x02008000, 0x01120000, 0x05123456, 0x1d00ffff,
    ]);
  });

  it("are worth work and difficulty", () => {
    expect(workOf(0x1d00ffff)).toBe(0x100010001n);
    expect(workOf(0x207fffff)).toBe(2n);
    expect(workOf(0)).toBe(0n);
    expect(difficultyOf(0x1d00ffff)).toBe(1);
    expect(difficultyOf(0x1702068f)).toBeCloseTo(138955357012247.3, 0);
    expect(difficultyOf(0)).toBe(0);
  });
});
