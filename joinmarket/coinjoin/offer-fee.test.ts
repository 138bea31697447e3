/** Fees of offers against those that both peers reckon. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { divideHalfEven, offerFeeSat, parseShare } from "./offer-fee.ts";

const badShare = expect.objectContaining({ code: "JOINMARKET_BAD_SHARE" });
const relative = (text: string) => ({ type: "relative", share: parseShare(text) }) as const;

it.each([
  ["0.00002", 25_000, 0],
  ["0.00002", 75_000, 2],
  ["0.00002", 125_000, 2],
  ["0.001", 2_500, 2],
  ["0.001", 3_500, 4],
  ["0.000022", 9_994_243, 220],
  ["0.003", 1_234_567, 3_704],
  ["0.0003", 1_234_567, 370],
  ["0.00025", 10_000, 2],
  ["0.00035", 10_000, 4],
  ["2E-5", 75_000, 2],
  ["2e-05", 75_000, 2],
  [".5", 3, 2],
  ["0", 21_000_000_00000000, 0],
])("a share of %s of %i satoshi is %i", (text, amountSat, feeSat) => {
  expect(offerFeeSat(relative(text), amountSat)).toBe(feeSat);
});

it("asks the same of any amount if the fee is fixed", () => {
  expect(offerFeeSat({ type: "absolute", feeSat: 250 }, 1)).toBe(250);
});

it.each([
  "",
  ".",
  "-0.1",
  "+0.1",
  "1",
  "1.0",
  "10e-1",
  "2",
  "0,1",
  "NaN",
  "1e-33",
  "0x1",
  " 0.1",
  "0.1 ",
  `0.${"1".repeat(33)}`,
  "1e",
])("refuses the share %j", (text) => {
  expect(() => parseShare(text)).toThrow(badShare);
});

it("reads every share of up to 32 digits exactly, with an exponent or without", () => {
  const digits = fc.bigInt({ min: 0n, max: 10n ** 15n - 1n });
  fc.assert(
    fc.property(digits, fc.integer({ min: 0, max: 10 }), (number, exponent) => {
      const plain = parseShare(`0.${"0".repeat(exponent)}${String(number).padStart(15, "0")}`);
      const scientific = parseShare(`0.${String(number).padStart(15, "0")}e-${exponent}`);

      expect(plain.numerator * 10n ** BigInt(15 + exponent)).toBe(number * plain.denominator);
      expect(scientific.numerator * plain.denominator).toBe(plain.numerator * scientific.denominator);
    }),
  );
});

it("rounds to the nearest, from the middle to the even number", () => {
  const big = fc.bigInt({ min: 0n, max: 10n ** 30n });
  fc.assert(
    fc.property(big, fc.bigInt({ min: 1n, max: 10n ** 15n }), (numerator, denominator) => {
      const quotient = divideHalfEven(numerator, denominator);
      const distance = 2n * (numerator - quotient * denominator);

      const isMiddle = distance === denominator || distance === -denominator;
      expect(isMiddle ? quotient % 2n === 0n : distance < denominator && -distance < denominator).toBe(true);
    }),
    { numRuns: 500 },
  );
});
