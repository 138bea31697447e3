/** Estimates of sizes against those of joinmarket-clientserver, and of fees. */
import { expect, it } from "vitest";
import { estimateSizeVb, feeOfSizeSat, type InputKind, SCRIPT_LENGTH } from "./sizes.ts";

const many = <T>(count: number, part: T): T[] => Array.from({ length: count }, () => part);
const { p2wpkh, p2pkh, p2tr, p2sh } = SCRIPT_LENGTH;

/** Witness and other bytes as joinmarket-clientserver estimates them; and the estimates of its protocol's examples. */
const ESTIMATES: readonly (readonly [string, readonly InputKind[], readonly { length: number }[], number])[] =
  [
    ["1 p2wpkh to 1", ["p2wpkh"], [p2wpkh], Math.ceil(82 + 110 / 4)],
    ["2 p2wpkh to 2", many(2, "p2wpkh"), many(2, p2wpkh), Math.ceil(154 + 218 / 4)],
    ["8 p2wpkh to 2", many(8, "p2wpkh"), many(2, p2wpkh), Math.ceil(400 + 866 / 4)],
    ["a bond to 1", ["bond"], [p2wpkh], Math.ceil(82 + 118 / 4)],
    ["2 nested to p2wpkh and p2tr", many(2, "p2sh-p2wpkh"), [p2wpkh, p2tr], Math.ceil(212 + 218 / 4)],
    ["1 p2pkh to 2", ["p2pkh"], many(2, p2pkh), 226],
    ["3 p2wpkh to 2", many(3, "p2wpkh"), many(2, p2wpkh), 277],
    ["2 p2wpkh to 4", many(2, "p2wpkh"), many(4, p2wpkh), 271],
    ["30 p2wpkh to 21", many(30, "p2wpkh"), many(21, p2wpkh), 2702],
    ["3 nested to 2 nested", many(3, "p2sh-p2wpkh"), many(2, p2sh), 348],
    ["3 p2pkh to 2", many(3, "p2pkh"), many(2, p2pkh), 522],
    ["3 p2wpkh to p2wpkh and p2tr", many(3, "p2wpkh"), [p2wpkh, p2tr], 289],
  ];

it.each(ESTIMATES)("estimates %s", (_, inputs, outputs, sizeVb) => {
  expect(estimateSizeVb(inputs, outputs)).toBe(sizeVb);
});

it("counts the longer count of more than 252 inputs, and the empty witness beside a full one", () => {
  const inputs = many(253, "p2wpkh" as const);

  expect(estimateSizeVb(inputs, [p2wpkh])).toBe(Math.ceil(8 + 3 + 1 + 253 * 41 + 31 + (2 + 253 * 108) / 4));
  expect(estimateSizeVb(["p2pkh", "p2wpkh"], [p2wpkh])).toBe(
    Math.ceil(10 + 148 + 41 + 31 + (2 + 108 + 1) / 4),
  );
});

it.each([
  [271, 10_000, 2_710],
  [110, 1_001, 111],
  [110, 1_000.5, 111],
  [110, 0, 0],
])("asks for %i vB at %d sat/kvB %i satoshi", (sizeVb, rate, fee) => {
  expect(feeOfSizeSat(sizeVb, rate)).toBe(fee);
});

it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])("refuses the feerate %d", (rate) => {
  expect(() => feeOfSizeSat(100, rate)).toThrow(expect.objectContaining({ code: "BITCOIN_OUT_OF_RANGE" }));
});
