/** Telling coinjoins from other transactions, and what a transaction did to a wallet. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { detectCoinjoin, kindOfTransaction, type OutputSeen, roleOfCoin } from "./detect.ts";

const seen = (valueSat: number, isOurs = false): OutputSeen => ({ valueSat, isOurs });
const worth = (...values: number[]) => values.map((valueSat) => seen(valueSat));

it("finds every coinjoin, with change of all or after a sweep, in any order", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 30 }),
      fc.boolean(),
      fc.integer({ min: 0, max: 1_000 }),
      (n, isSweep, seed) => {
        const amountSat = 50_000;
        const change = Array.from({ length: isSweep ? n - 1 : n }, (_, at) => 60_000 + at);
        const values = [...Array.from({ length: n }, () => amountSat), ...change];
        const turned = [...values.slice(seed % values.length), ...values.slice(0, seed % values.length)];

        expect(detectCoinjoin(worth(...turned))).toEqual({ amountSat, participants: n });
      },
    ),
  );
});

it.each([
  ["nothing", []],
  ["one output", [5]],
  ["two equal outputs and no change", [5, 5]],
  ["two different outputs", [5, 6]],
  ["two equal outputs and three others", [5, 5, 1, 2, 3]],
])("finds none in %s", (_, values) => {
  expect(detectCoinjoin(worth(...values))).toBeUndefined();
});

it("takes the larger of two values that are as frequent", () => {
  expect(detectCoinjoin(worth(5, 5, 9, 9))).toEqual({ amountSat: 9, participants: 2 });
  expect(detectCoinjoin(worth(9, 9, 5, 5))).toEqual({ amountSat: 9, participants: 2 });
});

describe("a transaction", () => {
  const coinjoin = worth(50, 50, 71, 72);

  it.each([
    ["deposit", 0, [seen(5, true), seen(6)]],
    ["sweep out", 2, worth(5)],
    ["cj sweepout", 1, coinjoin],
    ["withdraw", 1, [seen(5), seen(6, true)]],
    ["cj withdraw", 1, [...coinjoin.slice(0, 3), seen(72, true)]],
    ["cj intsweep", 1, [seen(50, true), ...coinjoin.slice(1)]],
    ["cj internal", 1, [seen(50, true), ...coinjoin.slice(1, 3), seen(72, true)]],
    ["internal", 1, [seen(5, true), seen(6, true)]],
    ["internal", 1, [seen(5, true)]],
    ["unknown", 1, [seen(5, true), seen(6, true), seen(7)]],
    [undefined, 0, worth(5, 6)],
  ])("is a %s", (kind, ownInputs, outputs) => {
    expect(kindOfTransaction(ownInputs, outputs)).toBe(kind);
  });

  it("gives its coins their roles", () => {
    const found = { amountSat: 50, participants: 2 };

    expect(roleOfCoin({ valueSat: 50, isInternal: true }, found)).toBe("coinjoin-output");
    expect(roleOfCoin({ valueSat: 72, isInternal: true }, found)).toBe("coinjoin-change");
    expect(roleOfCoin({ valueSat: 50, isInternal: true }, undefined)).toBe("change");
    expect(roleOfCoin({ valueSat: 50, isInternal: false }, undefined)).toBe("deposit");
  });
});
