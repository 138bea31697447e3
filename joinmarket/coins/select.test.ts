/** The merge algorithms against what joinmarket-clientserver selects, and what every selection keeps. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readVectors } from "../../tests/harness/data/vectors.ts";
import { type MergeAlgorithm, type SelectableCoin, selectCoins, totalSat } from "./select.ts";

interface SelectionVectors {
  readonly coins: readonly number[];
  readonly selections: readonly (Readonly<Record<MergeAlgorithm, readonly number[] | null>> & {
    target: number;
  })[];
}

const vectors = readVectors<SelectionVectors>("joinmarket-selection");
const ALGORITHMS = ["default", "gradual", "greedy", "greediest", "random"] as const;
const rulesOf = (algorithm: MergeAlgorithm) => ({ algorithm, keepsDepositsApart: false, random: () => 0 });
const coin = (valueSat: number, isMixed = false): SelectableCoin => ({ valueSat, isMixed });
const valuesOf = (coins: readonly SelectableCoin[] | undefined) => coins?.map(({ valueSat }) => valueSat);

describe.each(ALGORITHMS.slice(0, 4))("%s", (algorithm) => {
  it.each(vectors.selections)(
    "selects for $target as joinmarket-clientserver does",
    ({ target, ...selections }) => {
      const selected = selectCoins(
        vectors.coins.map((value) => coin(value)),
        target,
        rulesOf(algorithm),
      );

      expect(valuesOf(selected) ?? null).toEqual(selections[algorithm]);
    },
  );
});

const values = fc.array(fc.integer({ min: 1, max: 1_000 }), { maxLength: 12 });
const coins = fc.array(fc.tuple(fc.integer({ min: 1, max: 1_000 }), fc.boolean()), { maxLength: 12 });
const target = fc.integer({ min: 1, max: 6_000 });
const algorithms = fc.constantFrom(...ALGORITHMS);

it("takes each coin once, enough of them, and fails only if all together are too few", () => {
  fc.assert(
    fc.property(
      values,
      target,
      algorithms,
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (amounts, sat, algorithm, chance) => {
        const all = amounts.map((amount) => coin(amount));

        const selected = selectCoins(all, sat, { ...rulesOf(algorithm), random: () => chance });

        if (totalSat(all) < sat) {
          expect(selected).toBeUndefined();
          return;
        }
        expect(totalSat(selected ?? [])).toBeGreaterThanOrEqual(sat);
        expect(new Set(selected).size).toBe(selected?.length);
        expect(all).toEqual(expect.arrayContaining([...(selected ?? [])]));
      },
    ),
    { numRuns: 2_000 },
  );
});

it("never spends two deposits together where they are kept apart", () => {
  fc.assert(
    fc.property(coins, target, algorithms, (pairs, sat, algorithm) => {
      const all = pairs.map(([value, isMixed]) => coin(value, isMixed));

      const selected = selectCoins(all, sat, { ...rulesOf(algorithm), keepsDepositsApart: true });

      const mixedSat = totalSat(all.filter(({ isMixed }) => isMixed));
      const canPay = mixedSat >= sat || all.some(({ valueSat }) => valueSat >= sat);
      expect(selected !== undefined).toBe(canPay);
      if (selected?.some(({ isMixed }) => !isMixed)) expect(selected).toHaveLength(1);
      expect(totalSat(selected ?? [coin(sat)])).toBeGreaterThanOrEqual(sat);
    }),
    { numRuns: 2_000 },
  );
});

it("adds at random none, one or two of the smallest coins", () => {
  const all = [10, 20, 30, 500].map((value) => coin(value));
  const selectedWith = (chance: number) =>
    valuesOf(selectCoins(all, 400, { ...rulesOf("random"), random: () => chance }));

  expect(selectedWith(0)).toEqual([500]);
  expect(selectedWith(0.5)).toEqual([500, 10]);
  expect(selectedWith(0.99)).toEqual([500, 10, 20]);
});

it.each([0, -1, 0.5, Number.NaN, 2 ** 53])("refuses a target of %d satoshi", (sat) => {
  expect(() => selectCoins([coin(1)], sat, rulesOf("default"))).toThrow(
    expect.objectContaining({ code: "BITCOIN_OUT_OF_RANGE" }),
  );
});
