import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mixableFunds, mixableSums } from "./mixable.ts";

const FREE = { confirmations: 1, isFrozen: false, reservation: null, locktimeS: null };
const coin = (amountSat: number, changes: object = {}) => ({ ...FREE, mixdepth: 0, amountSat, ...changes });

describe("coins for a coinjoin", () => {
  it.each([
    ["unconfirmed", { confirmations: 0 }],
    ["frozen", { isFrozen: true }],
    ["set aside", { reservation: "0123456789abcdef" }],
    ["a bond", { locktimeS: 1_893_456_000 }],
  ])("are none that is %s", (_, changes) => {
    const coins = [coin(5, changes), coin(3)];

    expect(mixableFunds(coins, null)).toEqual({ availableSat: 3, coins: 1 });
    expect(mixableSums(coins, 2)).toEqual([3, 0]);
  });

  it("are the fewest that are worth more than the amount, or all", () => {
    const amounts = fc.array(fc.integer({ min: 1, max: 1_000 }), { maxLength: 8 });
    fc.assert(
      fc.property(amounts, fc.integer({ min: 1, max: 5_000 }), (values, amountSat) => {
        const { availableSat, coins } = mixableFunds(
          values.map((value) => coin(value)),
          amountSat,
        );
        const largest = values.toSorted((a, b) => b - a);
        const worth = (count: number) => largest.slice(0, count).reduce((sum, value) => sum + value, 0);
        expect(availableSat).toBe(worth(values.length));
        if (coins < values.length) expect(worth(coins)).toBeGreaterThan(amountSat);
        if (coins > 0) expect(worth(coins - 1)).toBeLessThanOrEqual(amountSat);
      }),
    );
  });

  it("are summed up by their mixdepths", () => {
    expect(mixableSums([coin(5), coin(2, { mixdepth: 2 }), coin(4)], 3)).toEqual([9, 0, 2]);
  });
});
