/** Feerates round the safe way, and decimals lose nothing. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  coinsFromSat,
  coinsNumberFromSat,
  feerateFromSatPerVb,
  feerateSatPerKvb,
  feerateSatPerVb,
  feeSat,
  satFromCoins,
} from "./fee.ts";

const outOfRange = expect.objectContaining({ code: "BITCOIN_OUT_OF_RANGE" });
const moneySat = fc.bigInt({ min: 0n, max: 2_100_000_000_000_000n });

describe("fees", () => {
  it.each([
    [141, 1_000n, 141n],
    [141, 1_001n, 142n],
    [1, 1n, 1n],
    [0, 5_000n, 0n],
    [110, 3_000n, 330n],
  ])("for %i vB at %i sat/kvB are %i", (sizeVb, rate, fee) => expect(feeSat(sizeVb, rate)).toBe(fee));

  it("are enough for the feerate they were made from, and one satoshi less is not", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.bigInt({ min: 1n, max: 10n ** 9n }),
        (sizeVb, rate) => {
          const fee = feeSat(sizeVb, rate);

          expect(feerateSatPerKvb(fee, sizeVb)).toBeGreaterThanOrEqual(rate);
          expect(feerateSatPerKvb(fee - 1n, sizeVb)).toBeLessThan(rate);
        },
      ),
    );
  });

  it("refuse what is no size, no rate, no fee", () => {
    expect(() => feeSat(-1, 1n)).toThrow(outOfRange);
    expect(() => feeSat(1.5, 1n)).toThrow(outOfRange);
    expect(() => feeSat(1, -1n)).toThrow(outOfRange);
    expect(() => feerateSatPerKvb(1n, 0)).toThrow(outOfRange);
  });

  it("are read from sat per virtual byte, never down", () => {
    expect([1, 1.001, 2.3, 0.1, 1.0001].map(feerateFromSatPerVb)).toEqual([
      1_000n,
      1_001n,
      2_300n,
      100n,
      1_001n,
    ]);
    expect(feerateSatPerVb(2_300n)).toBe(2.3);
    expect(() => feerateFromSatPerVb(Number.NaN)).toThrow(outOfRange);
  });
});

describe("coins", () => {
  it("come back as text and as number for any amount there can be", () => {
    fc.assert(
      fc.property(moneySat, (sat) => {
        expect(satFromCoins(coinsFromSat(sat))).toBe(sat);
        expect(satFromCoins(coinsNumberFromSat(sat))).toBe(sat);
        expect(satFromCoins(`-${coinsFromSat(sat)}`)).toBe(-sat);
      }),
    );
  });

  it.each<[string | number, bigint]>([
    ["0.00000001", 1n],
    ["1.5", 150_000_000n],
    [0.1, 10_000_000n],
    [1e-8, 1n],
    [20999999.9769, 2_099_999_997_690_000n],
    [-0.00000547, -547n],
  ])("reads %s", (coins, sat) => expect(satFromCoins(coins)).toBe(sat));

  it("prints eight decimals", () => {
    expect([coinsFromSat(150_000_000n), coinsFromSat(-1n)]).toEqual(["1.50000000", "-0.00000001"]);
  });

  it.each(["", "1.", ".5", "1e3", "0.123456789", "1,5", " 1", Number.NaN, Number.POSITIVE_INFINITY, 1e21])(
    "refuses %s",
    (coins) => expect(() => satFromCoins(coins)).toThrow(outOfRange),
  );
});
