/** Commitments against both peers' proofs; and forged, changed and malformed ones. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesToHex, concatBytes, hexToBytes, parseTxid } from "../../bitcoin/bytes.ts";
import { sha256 } from "../../bitcoin/hash.ts";
import { CURVE_ORDER, publicKeyOf, scalarFromBytes, scalarToBytes } from "../../bitcoin/keys/curve.ts";
import { keyScript } from "../../bitcoin/keys/key-script.ts";
import { p2wpkhScript } from "../../bitcoin/script/script.ts";
import { readVectors } from "../../tests/harness/data/vectors.ts";
import { makeCommitment, type Opening, pointNumber, verifyOpening } from "./commitment.ts";
import { formatRevelation, parseRevelation, shownCoinFault } from "./revelation.ts";

interface PodleVectors {
  readonly podle: {
    readonly privateKey: string;
    readonly publicKey: string;
    readonly outpoint: string;
    readonly points: readonly { index: number; point: string }[];
    readonly pointsSha256: string;
    readonly commitments: readonly { index: number; p2: string; commitment: string }[];
    readonly proofs: readonly { index: number; by: string; s: string; e: string }[];
    readonly revelation: string;
  };
}

const { podle } = readVectors<PodleVectors>("joinmarket-protocol");
const [txidText = "", vout = ""] = podle.outpoint.split(":");
const coin = { txid: parseTxid(txidText), vout: Number(vout), privateKey: hexToBytes(podle.privateKey) };
const badRevelation = expect.objectContaining({ code: "JOINMARKET_BAD_REVELATION" });

describe("the points", () => {
  it.each(podle.points)("number $index is the peers'", ({ index, point }) => {
    expect(bytesToHex(pointNumber(index))).toBe(point);
  });

  it("are all 256 the peers'", () => {
    const all = Array.from({ length: 256 }, (_, index) => pointNumber(index));

    expect(bytesToHex(sha256(concatBytes(...all)))).toBe(podle.pointsSha256);
    expect(() => pointNumber(256)).toThrow(expect.objectContaining({ code: "BITCOIN_OUT_OF_RANGE" }));
  });
});

it.each(podle.commitments)(
  "commits to the same as the peers by point $index",
  ({ index, p2, commitment }) => {
    const made = makeCommitment(coin, index);

    expect(made.commitment).toBe(commitment);
    expect(bytesToHex(made.opening.P)).toBe(podle.publicKey);
    expect(bytesToHex(made.opening.P2)).toBe(p2);
  },
);

it.each(podle.proofs)("takes the proof by $by for point $index", ({ index, s, e }) => {
  const { commitment = "", p2 = "" } = podle.commitments[index] ?? {};
  const proven = {
    ...coin,
    P: hexToBytes(podle.publicKey),
    P2: hexToBytes(p2),
    s: hexToBytes(s),
    e: hexToBytes(e),
  };

  expect(verifyOpening(proven, commitment)).toBe(index);
  expect(verifyOpening(proven, commitment.toUpperCase())).toBe(index);
  expect(verifyOpening(proven, commitment, index)).toBeUndefined();
});

it.each(podle.proofs.filter(({ by }) => by === "joinmarket-ng"))(
  "makes the very proof that joinmarket-ng makes for point $index",
  ({ index, s, e }) => {
    const { opening } = makeCommitment(coin, index);

    expect([bytesToHex(opening.s), bytesToHex(opening.e)]).toEqual([s, e]);
  },
);

const coins = fc.record({
  txid: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => parseTxid(bytesToHex(bytes))),
  vout: fc.nat(0xffff_ffff),
  privateKey: fc.bigInt({ min: 1n, max: CURVE_ORDER - 1n }).map(scalarToBytes),
});

it("proves every coin, each try by another commitment, and the fourth to nobody", () => {
  fc.assert(
    fc.property(coins, (any) => {
      const tries = [0, 1, 2, 3].map((index) => makeCommitment(any, index));

      for (const [index, { opening, commitment }] of tries.entries()) {
        expect(verifyOpening(opening, commitment)).toBe(index < 3 ? index : undefined);
      }
      expect(new Set(tries.map(({ commitment }) => commitment)).size).toBe(4);
      expect(makeCommitment(any, 0)).toEqual(tries[0]);
    }),
    { numRuns: 15 },
  );
});

describe("an opening is refused", () => {
  const { opening, commitment } = makeCommitment(coin, 1);
  const other = makeCommitment({ ...coin, privateKey: scalarToBytes(9n) }, 1);
  const changed = (change: Partial<Opening>) => verifyOpening({ ...opening, ...change }, commitment);

  it("when any one bit of it is another", () => {
    const fields = fc.constantFrom("P", "P2", "s", "e");
    fc.assert(
      fc.property(fields, fc.nat(32), fc.nat(7), (field, at, bit) => {
        const bytes = Uint8Array.from(opening[field]);
        bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ (1 << bit);

        expect(changed({ [field]: bytes })).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });

  it.each<[string, Partial<Opening>]>([
    ["with another coin's key", { P: other.opening.P }],
    ["with another coin's second point", { P2: other.opening.P2 }],
    ["with a response of zero", { s: new Uint8Array(32) }],
    ["with a response of the order", { s: hexToBytes(CURVE_ORDER.toString(16)) }],
    ["with a response and the order more", { s: new Uint8Array(32).fill(255) }],
    ["with a challenge of zero", { e: new Uint8Array(32) }],
    ["with a challenge of the order", { e: hexToBytes(CURVE_ORDER.toString(16)) }],
    ["with a point that is none", { P: new Uint8Array(33) }],
    ["with half a response", { s: new Uint8Array(16).fill(1) }],
  ])("%s", (_, change) => {
    expect(verifyOpening(opening, commitment)).toBe(1);
    expect(changed(change)).toBeUndefined();
  });

  it("for another commitment", () => {
    expect(verifyOpening(opening, other.commitment)).toBeUndefined();
    expect(verifyOpening(opening, "")).toBeUndefined();
  });

  it("if it was made for one point and claims the commitment of another, though its key is true", () => {
    const secret = scalarFromBytes(coin.privateKey);
    const forged = { ...opening, P2: publicKeyOf(scalarToBytes(secret)) };

    expect(verifyOpening(forged, bytesToHex(sha256(forged.P2)))).toBeUndefined();
  });
});

describe("the revelation", () => {
  it("is written and read as the peers do", () => {
    const opened = parseRevelation(podle.revelation);

    expect(formatRevelation(opened)).toBe(podle.revelation);
    expect(verifyOpening(opened, podle.commitments[0]?.commitment ?? "")).toBe(0);
  });

  it("is read with the script and height that some takers add", () => {
    const extended = podle.revelation.replace(":1|", ":1:0014aa:900000|");

    expect(parseRevelation(extended)).toEqual(parseRevelation(podle.revelation));
  });

  it.each([
    ["", "nothing"],
    [podle.revelation.replace("|", ":"), "four fields"],
    [`${podle.revelation}|00`, "six fields"],
    [podle.revelation.replace(":1|", "|"), "no output number"],
    [podle.revelation.replace(":1|", ":1:00|"), "half of the addition"],
    [podle.revelation.replace(":1|", ":4294967296|"), "an output number that is too large"],
    [podle.revelation.replace(":1|", ":-1|"), "a negative output number"],
    [podle.revelation.slice(2), "a short id"],
    [podle.revelation.slice(0, -2), "a short challenge"],
    [podle.revelation.replace("|02", "|zz"), "what is no hex"],
    ["|".repeat(1_000_000), "no end"],
  ])("is refused with %#: %s", (text) => {
    expect(() => parseRevelation(text)).toThrow(badRevelation);
  });

  it("gives nothing but its own error for any text", () => {
    const parts = fc.array(
      fc.oneof(fc.string({ maxLength: 70 }), fc.constantFrom(...podle.revelation.split("|"))),
      {
        maxLength: 7,
      },
    );
    fc.assert(
      fc.property(parts, (fields) => {
        try {
          verifyOpening(parseRevelation(fields.join("|")), "00".repeat(32));
        } catch (error) {
          expect(error).toEqual(badRevelation);
        }
      }),
    );
  });
});

describe("the coin behind it", () => {
  const publicKey = hexToBytes(podle.publicKey);
  const rules = { amountSat: 1_009, confirmationsMin: 5, percentMin: 20 };
  const shown = { valueSat: 201, scriptPubKey: keyScript(publicKey, "p2wpkh"), confirmations: 5 };

  it("is taken with just enough of everything, of each kind that pays to the key", () => {
    for (const kind of ["p2wpkh", "p2sh-p2wpkh", "p2pkh"] as const) {
      const coinOfKind = { ...shown, scriptPubKey: keyScript(publicKey, kind) };
      expect(shownCoinFault(coinOfKind, publicKey, rules)).toBeUndefined();
    }
  });

  it.each([
    ["unknown", undefined],
    ["too-young", { ...shown, confirmations: 4 }],
    ["too-small", { ...shown, valueSat: 200 }],
    ["other-key", { ...shown, scriptPubKey: p2wpkhScript(new Uint8Array(20)) }],
  ] as const)("is refused as %s", (fault, wrong) => {
    expect(shownCoinFault(wrong, publicKey, rules)).toBe(fault);
  });
});
