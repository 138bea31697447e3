import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Txid } from "../../../bitcoin/bytes.ts";
import type { Entry } from "./entry.ts";
import { ladderOf, miningOrder, placeFor } from "./mining-order.ts";
import { Tables } from "./tables.ts";

const idOf = (number: number): Txid => number.toString(16).padStart(64, "0") as Txid;

function entry(number: number, feeSat: number, sizeVb: number, parents: readonly number[] = []): Entry {
  return {
    txid: idOf(number),
    feeSat,
    sizeVb,
    weight: 4 * sizeVb,
    timeS: 0,
    spends: parents.map((parent) => ({
      txid: idOf(parent),
      index: number,
      amountSat: 1,
      scriptHash: undefined,
    })),
    pays: [],
    confirmedAt: undefined,
  };
}

function orderOf(entries: readonly Entry[]) {
  const tables = new Tables();
  for (const one of entries) tables.add(one);
  return miningOrder(tables);
}

describe("the mining order", () => {
  it("lets a child pay for its parents", () => {
    const order = orderOf([
      entry(1, 1_000, 1_000),
      entry(2, 9_000, 1_000, [1]),
      entry(3, 4_000, 1_000),
      entry(4, 6_000, 1_000),
    ]);
    expect(order.get(idOf(4))).toEqual({ packageSatPerKvb: 6_000, aheadVb: 0 });
    expect(order.get(idOf(1))).toEqual({ packageSatPerKvb: 5_000, aheadVb: 1_000 });
    expect(order.get(idOf(2))).toEqual(order.get(idOf(1)));
    expect(order.get(idOf(3))).toEqual({ packageSatPerKvb: 4_000, aheadVb: 3_000 });
  });

  it("does not let a poor child pull its parents down", () => {
    const order = orderOf([entry(1, 5_000, 1_000), entry(2, 100, 1_000, [1])]);
    expect(order.get(idOf(1))?.packageSatPerKvb).toBe(5_000);
    expect(order.get(idOf(2))).toEqual({ packageSatPerKvb: 100, aheadVb: 1_000 });
  });

  it("does not let one child's fee count for two parents' other children", () => {
    const order = orderOf([entry(1, 0, 1_000), entry(2, 10_000, 1_000, [1]), entry(3, 1_000, 1_000, [1])]);
    expect(order.get(idOf(1))?.packageSatPerKvb).toBe(5_000);
    // Its parent is paid for already.
    expect(order.get(idOf(3))).toEqual({ packageSatPerKvb: 1_000, aheadVb: 2_000 });
  });

  it("gives each transaction a place, none before a parent of its own, and better paying packages first", () => {
    const made = fc.array(
      fc.record({
        feeSat: fc.nat(10_000),
        sizeVb: fc.integer({ min: 100, max: 2_000 }),
        parents: fc.array(fc.nat(1_000), { maxLength: 3 }),
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(made, (recipes) => {
        const entries = recipes.map(({ feeSat, sizeVb, parents }, i) =>
          entry(i, feeSat, sizeVb, i === 0 ? [] : [...new Set(parents.map((parent) => parent % i))]),
        );
        const order = orderOf(entries);

        expect(order.size).toBe(entries.length);
        for (const { txid, spends } of entries) {
          for (const spend of spends) {
            expect(order.get(spend.txid)?.aheadVb).toBeLessThanOrEqual(order.get(txid)?.aheadVb ?? -1);
          }
        }
        const places = [...new Set(order.values())];
        for (let i = 1; i < places.length; i++) {
          const [before, after] = [places[i - 1], places[i]];
          expect(after?.packageSatPerKvb).toBeLessThanOrEqual(before?.packageSatPerKvb ?? -1);
        }
        // Whatever the order, all that is paid is paid.
        const sizeVb = entries.reduce((sum, of) => sum + of.sizeVb, 0);
        const last = places.at(-1);
        if (last !== undefined) expect(last.aheadVb).toBeLessThan(sizeVb);
      }),
      { numRuns: 200 },
    );
  });

  it("has a place for what came after it, behind all that pay as much", () => {
    const rates = fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 30 });
    fc.assert(
      fc.property(rates, fc.integer({ min: 0, max: 21 }), (paid, rate) => {
        const order = orderOf(paid.map((feeSat, i) => entry(i + 1, feeSat, 1_000)));
        const others = [...order.values()].filter(({ packageSatPerKvb }) => packageSatPerKvb >= rate);

        expect(placeFor(ladderOf(order), rate)).toEqual({
          packageSatPerKvb: rate,
          aheadVb: Math.max(0, ...others.map(({ aheadVb }) => aheadVb)),
        });
      }),
    );
  });
});
