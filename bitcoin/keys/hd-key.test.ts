/** Trees of keys against BIP32's vectors and a second library, and private keys as text. */
import { secp256k1 } from "@noble/curves/secp256k1.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readVectors } from "../../tests/harness/data/vectors.ts";
import { bytesToHex, hexToBytes } from "../bytes.ts";
import { mainnet, regtest } from "../network.ts";
import { addressOfScript } from "../script/address.ts";
import {
  addPoints,
  CURVE_ORDER,
  isPrivateKey,
  isPublicKey,
  multiplyPoint,
  publicKeyOf,
  scalarFromBytes,
  scalarToBytes,
} from "./curve.ts";
import { formatDerivationPath, HARDENED, parseDerivationPath } from "./derivation-path.ts";
import { masterKey, parseHdKey } from "./hd-key.ts";
import { keyScript } from "./key-script.ts";
import { formatWif, parseWif } from "./wif.ts";

interface Bip32Vectors {
  readonly trees: readonly {
    seed: string;
    keys: readonly { path: string; public: string; private: string }[];
  }[];
  readonly invalid: readonly { text: string; why: string }[];
}

const { trees, invalid } = readVectors<Bip32Vectors>("bip32");
const badKey = expect.objectContaining({ code: "BITCOIN_BAD_KEY" });
const outOfRange = expect.objectContaining({ code: "BITCOIN_OUT_OF_RANGE" });
const SEED = hexToBytes(trees[0]?.seed ?? "");
const privateKeys = fc
  .bigInt({ min: 1n, max: CURVE_ORDER - 1n })
  .map((scalar) => Uint8Array.from(scalarToBytes(scalar)));

describe("a tree of keys", () => {
  const keys = trees.flatMap(({ seed, keys }) => keys.map((key) => ({ seed, ...key })));

  it.each(keys)("has at $path of $seed the keys of BIP32", ({ seed, path, ...key }) => {
    const found = masterKey(hexToBytes(seed), mainnet).derive(parseDerivationPath(path));

    expect(found.publicText()).toBe(key.public);
    expect(found.privateText()).toBe(key.private);
    expect(found.neutered().publicText()).toBe(key.public);
    expect(parseHdKey(key.private, mainnet).publicText()).toBe(key.public);
    expect(parseHdKey(key.public, mainnet).publicKey).toEqual(found.publicKey);
  });

  it.each(invalid)("is not read from a text with $why", ({ text }) => {
    expect(() => parseHdKey(text, mainnet)).toThrow(badKey);
  });

  it("is not read from another network's text, nor from one without end", () => {
    const text = masterKey(SEED, mainnet).privateText();

    expect(() => parseHdKey(text, regtest)).toThrow(badKey);
    expect(() => parseHdKey("x".repeat(1_000_000), mainnet)).toThrow(badKey);
    expect(() => parseHdKey(text, regtest)).not.toThrow(text.slice(0, 12));
  });

  it("gives the same public keys with the private half and without", () => {
    const branch = masterKey(SEED, regtest).derive(parseDerivationPath("m/84'/1'/0'/1"));
    fc.assert(
      fc.property(fc.nat(HARDENED - 1), (index) => {
        const child = branch.derive([index]);

        expect(branch.neutered().derive([index]).publicKey).toEqual(child.publicKey);
        expect(publicKeyOf(child.privateKey())).toEqual(child.publicKey);
      }),
      { numRuns: 30 },
    );
  });

  it("has nothing private without its private half", () => {
    const watched = masterKey(SEED, mainnet).neutered();

    expect(watched.isPrivate).toBe(false);
    expect(() => watched.privateKey()).toThrow(badKey);
    expect(() => watched.privateText()).toThrow(badKey);
    expect(() => watched.derive([HARDENED])).toThrow(badKey);
  });

  it("gives nothing once it is wiped, and does not take its parent or public twin with it", () => {
    const root = masterKey(SEED, mainnet);
    const child = root.derive([HARDENED, 1]);
    const watched = child.neutered();
    const text = watched.publicText();

    child.wipe();

    expect(() => child.privateKey()).toThrow(badKey);
    expect(() => child.publicText()).toThrow(badKey);
    expect(watched.publicText()).toBe(text);
    expect(root.derive([HARDENED, 1]).publicText()).toBe(text);
  });

  it.each([0, 15, 65])("does not grow from %i bytes", (length) => {
    expect(() => masterKey(new Uint8Array(length), mainnet)).toThrow(badKey);
  });
});

describe("a path of keys", () => {
  it("is the same text again, with any mark for hardened steps", () => {
    const step = fc.integer({ min: 0, max: 2 * HARDENED - 1 });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), fc.constantFrom("'", "h", "H"), (steps, mark) => {
        const text = formatDerivationPath(steps);

        expect(parseDerivationPath(text.replaceAll("'", mark))).toEqual(steps);
      }),
    );
  });

  it.each([
    "",
    "84'",
    "M/0",
    "m/",
    "m//1",
    "m/-1",
    "m/1''",
    "m/2147483648",
    "m/0x1",
    "m/1 ",
    `m${"/0".repeat(300)}`,
  ])("is refused: %j", (text) => {
    expect(() => parseDerivationPath(text)).toThrow(outOfRange);
  });
});

describe("the curve", () => {
  it("reckons as a second library does", () => {
    const order = secp256k1.Point.Fn.ORDER;
    expect(CURVE_ORDER).toBe(order);
    fc.assert(
      fc.property(privateKeys, privateKeys, (a, b) => {
        const point = secp256k1.Point.fromBytes(secp256k1.getPublicKey(a));
        const times = scalarFromBytes(b);
        const [pointA, pointB] = [publicKeyOf(a), publicKeyOf(b)];

        expect(bytesToHex(pointA)).toBe(point.toHex(true));
        expect(bytesToHex(multiplyPoint(pointA, times) ?? pointA)).toBe(point.multiply(times).toHex(true));
        expect(bytesToHex(addPoints(pointA, pointB) ?? pointA)).toBe(
          point.add(secp256k1.Point.fromBytes(pointB)).toHex(true),
        );
      }),
      { numRuns: 20 },
    );
  });

  it("has no point for zero, for opposites and for what is no key", () => {
    const point = publicKeyOf(scalarToBytes(1n));
    const opposite = publicKeyOf(scalarToBytes(CURVE_ORDER - 1n));

    expect(multiplyPoint(point, 0n)).toBeUndefined();
    expect(addPoints(point, opposite)).toBeUndefined();
    expect(() => publicKeyOf(new Uint8Array(32))).toThrow(badKey);
    expect(() => publicKeyOf(hexToBytes(CURVE_ORDER.toString(16)))).toThrow(badKey);
    expect(() => addPoints(point, new Uint8Array(33))).toThrow(badKey);
    expect(() => scalarToBytes(CURVE_ORDER)).toThrow(outOfRange);
    expect(isPrivateKey(new Uint8Array(31).fill(1))).toBe(false);
    // On the curve, in its long form, which no script of ours holds.
    expect(isPublicKey(secp256k1.getPublicKey(scalarToBytes(1n), false))).toBe(false);
  });
});

describe("a private key as text", () => {
  it("comes back on its network and is refused on another", () => {
    fc.assert(
      fc.property(privateKeys, (key) => {
        const text = formatWif(key, regtest);

        expect(bytesToHex(parseWif(text, regtest).privateKey)).toBe(bytesToHex(key));
        expect(() => parseWif(text, mainnet)).toThrow(badKey);
      }),
      { numRuns: 20 },
    );
  });

  it("says whether the public key is the short form", () => {
    // The pair that Bitcoin's wiki explains the format with.
    const [long, short] = [
      "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ",
      "KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617",
    ];

    expect(parseWif(long, mainnet).isCompressed).toBe(false);
    expect(parseWif(short, mainnet).isCompressed).toBe(true);
    expect(parseWif(short, mainnet).privateKey).toEqual(parseWif(long, mainnet).privateKey);
  });

  it.each(["", "x".repeat(1_000_000), "KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98618"])(
    "is refused without being repeated: %#",
    (text) => {
      expect(() => parseWif(text, mainnet)).toThrow(badKey);
    },
  );

  it("is never made of a number that is no key", () => {
    expect(() => formatWif(new Uint8Array(32), mainnet)).toThrow(badKey);
  });
});

it("pays to BIP49's and BIP84's example keys at their addresses", () => {
  const nested = hexToBytes("03a1af804ac108a8a51782198c2d034b28bf90c8803f5a53f76276fa69a4eae77f");
  const native = hexToBytes("0330d54fd0dd420a6e5f8d3624f5f3482cae350f79d5f0753bf5beef9c2d91af3c");

  expect(addressOfScript(keyScript(nested, "p2sh-p2wpkh"), regtest)).toBe(
    "2Mww8dCYPUpKHofjgcXcBCEGmniw9CoaiD2",
  );
  expect(addressOfScript(keyScript(native, "p2wpkh"), mainnet)).toBe(
    "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
  );
  expect(addressOfScript(keyScript(native, "p2pkh"), mainnet)).toBe("1JaUQDVNRdhfNsVncGkXedaPSM5Gc54Hso");
  expect(() => keyScript(new Uint8Array(33), "p2wpkh")).toThrow(badKey);
});
