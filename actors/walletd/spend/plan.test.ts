import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dustThresholdSat } from "../../../bitcoin/script/dust.ts";
import { feeOfSizeSat } from "../../../joinmarket/coins/sizes.ts";
import { hasCode } from "../../../runtime/errors.ts";
import { scriptNumber } from "../../../tests/harness/joinmarket/parties.ts";
import { type Plan, type PlanCoin, planExact, planPayments, planSweep, sumOf } from "./plan.ts";

const CHANGE = scriptNumber(1);
const DUST_SAT = Number(dustThresholdSat(CHANGE));
const coins = fc.array(
  fc.record({
    amountSat: fc.integer({ min: 1, max: 1_000_000 }),
    kind: fc.constantFrom("p2wpkh" as const, "p2sh-p2wpkh" as const),
    isMixed: fc.boolean(),
  }),
  { minLength: 1, maxLength: 12 },
);
const payments = fc.array(
  fc.integer({ min: 546, max: 800_000 }).map((amountSat) => ({ script: scriptNumber(2), amountSat })),
  { minLength: 1, maxLength: 4 },
);
const satPerKvb = fc.integer({ min: 1_000, max: 300_000 });
const algorithm = fc.constantFrom(
  "default" as const,
  "gradual" as const,
  "greedy" as const,
  "greediest" as const,
);

/** Nothing appears or disappears, the miners get what was said, and no output is too small to be spent. */
function expectSound(plan: Plan<PlanCoin>, rate: number): void {
  expect(sumOf(plan.coins)).toBe(sumOf(plan.payments) + plan.changeSat + plan.feeSat);
  const feeSat = feeOfSizeSat(plan.sizeVb, rate);
  expect(plan.feeSat).toBeGreaterThanOrEqual(feeSat);
  if (plan.changeSat > 0) {
    expect(plan.feeSat).toBe(feeSat);
    expect(plan.changeSat).toBeGreaterThanOrEqual(DUST_SAT);
  }
}

describe("a plan", () => {
  it("of chosen coins pays exactly what was asked and loses nothing, or says what is missing", () => {
    fc.assert(
      fc.property(coins, payments, satPerKvb, algorithm, fc.boolean(), (from, to, rate, merge, isApart) => {
        const rules = {
          ...{ satPerKvb: rate, changeScript: CHANGE, algorithm: merge, keepsDepositsApart: isApart },
          random: () => 0.5,
        };
        try {
          const plan = planPayments(from, to, rules);
          expectSound(plan, rate);
          expect(plan.payments).toEqual(to);
          expect(new Set(plan.coins).size).toBe(plan.coins.length);
          for (const coin of plan.coins) expect(from).toContain(coin);
        } catch (error) {
          if (!hasCode(error, "WALLETD_FUNDS")) throw error;
          // With everything on the table it is refused only when that is not enough.
          if (!isApart)
            expect(sumOf(from)).toBeLessThan(sumOf(to) + feeOfSizeSat(68 * from.length + 300, rate) + 1_000);
        }
      }),
    );
  });

  it("of named coins takes all of them, and none besides", () => {
    fc.assert(
      fc.property(coins, payments, satPerKvb, (from, to, rate) => {
        try {
          const plan = planExact(from, to, { satPerKvb: rate, changeScript: CHANGE });
          expect(plan.coins).toEqual(from);
          expectSound(plan, rate);
        } catch (error) {
          if (!hasCode(error, "WALLETD_FUNDS")) throw error;
          expect(sumOf(from)).toBeLessThan(sumOf(to) + feeOfSizeSat(92 * from.length + 300, rate));
        }
      }),
    );
  });

  it("of a sweep leaves no change, pays one output, and refuses what would be dust", () => {
    fc.assert(
      fc.property(coins, satPerKvb, (from, rate) => {
        try {
          const plan = planSweep(from, CHANGE, rate);
          expect(plan).toMatchObject({ coins: from, changeSat: 0 });
          expect(plan.payments).toHaveLength(1);
          expect(plan.feeSat).toBe(feeOfSizeSat(plan.sizeVb, rate));
          expect(plan.payments[0]?.amountSat).toBeGreaterThanOrEqual(DUST_SAT);
          expectSound(plan, rate);
        } catch (error) {
          if (!hasCode(error, "WALLETD_FUNDS")) throw error;
        }
      }),
    );
    expect(() => planSweep([], CHANGE, 1_000)).toThrow(/Insufficient funds/);
  });
});
