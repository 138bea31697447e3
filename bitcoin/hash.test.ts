/** Hashes of known inputs. */
import { expect, it } from "vitest";
import { describeWithSharedData } from "../tests/harness/chain/shared-data-suite.ts";
import { bytesToHex, concatBytes, hexToBytes } from "./bytes.ts";
import { hash160, sha256, sha256d, taggedHash } from "./hash.ts";

const HELLO = Buffer.from("hello");

it("is SHA-256, once and twice", () => {
  expect(bytesToHex(sha256(HELLO))).toBe("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
  expect(bytesToHex(sha256d(HELLO))).toBe("9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50");
});

it("is RIPEMD-160 of SHA-256", () => {
  const key = hexToBytes("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");

  expect(bytesToHex(hash160(key))).toBe("751e76e8199196d454941c45d1b3a323f1433bd6");
});

interface TaprootVectors {
  scriptPubKey: {
    given: { internalPubkey: string; scriptTree: unknown };
    intermediary: { merkleRoot: string | null; tweak: string };
  }[];
}

describeWithSharedData("BIP341's wallet vectors", (data) => {
  it("have the tweaks that the tagged hash makes", () => {
    const { scriptPubKey } = data.json<TaprootVectors>("vectors/bip341_wallet_vectors.json");
    for (const { given, intermediary } of scriptPubKey) {
      const key = hexToBytes(given.internalPubkey);
      const root = hexToBytes(intermediary.merkleRoot ?? "");

      expect(bytesToHex(taggedHash("TapTweak", key, root))).toBe(intermediary.tweak);
      expect(bytesToHex(taggedHash("TapTweak", concatBytes(key, root)))).toBe(intermediary.tweak);
    }
    expect(scriptPubKey.length).toBeGreaterThan(5);
  });
});
