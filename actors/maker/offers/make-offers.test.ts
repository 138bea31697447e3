/** Offers stay within what terms and funds allow, however they are varied. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { offerCostSat } from "../../../joinmarket/offer/offer.ts";
import { makerSection } from "../config.ts";
import { rankMixdepths } from "./choose-mixdepth.ts";
import { makeOffers } from "./make-offers.ts";
import { termsOf } from "./terms.ts";

const CONFIG = makerSection.schema.parse({});
const terms = (asked: Parameters<typeof termsOf>[0]) => termsOf(asked, { ...CONFIG, market: {} as never });
const RICH = { largestSat: 1_000_000_000, hasBond: true };

it("asks for nothing without a bond, unless a fee was named", () => {
  const poor = { ...RICH, hasBond: false };
  expect(makeOffers(terms({}), poor, () => 0.5)).toMatchObject([{ type: "sw0absoffer", feeText: "0" }]);
  expect(makeOffers(terms({ relativeFee: "0.001" }), poor, () => 0.5)).toMatchObject([
    { type: "sw0reloffer", feeText: "0.001" },
  ]);
  expect(makeOffers(terms({}), RICH, () => 0.5)).toMatchObject([{ type: "sw0reloffer", feeText: "0.00002" }]);
});

it("splits amounts between a fixed fee and a share where both are the same", () => {
  const [relative, absolute] = makeOffers(
    terms({ relativeFee: "0.00002", absoluteFeeSat: 400 }),
    RICH,
    () => 0.5,
  );
  expect([absolute?.maxSat, relative?.minSat]).toEqual([20_000_000, 20_000_001]);
  expect(new Set([absolute?.offerId, relative?.offerId]).size).toBe(2);
});

it("makes none when the funds do not reach the smallest amount", () => {
  expect(makeOffers(terms({}), { ...RICH, largestSat: 120_000 }, () => 0.5)).toEqual([]);
});

it("never costs its maker anything, never offers more than there is, and keeps to its spreads", () => {
  const asked = fc.record({
    offers: fc.constantFrom("relative", "absolute", "both"),
    relativeFee: fc.constantFrom("0", "0.0000004", "0.00002", "0.01", ".9"),
    absoluteFeeSat: fc.integer({ min: 0, max: 100_000 }),
    txfeeSat: fc.integer({ min: 0, max: 5_000 }),
    minSat: fc.integer({ min: 0, max: 1_000_000 }),
    isFreeWithoutBond: fc.boolean(),
  });
  const funds = fc.record({ largestSat: fc.integer({ min: 0, max: 5_000_000_000 }), hasBond: fc.boolean() });
  const fraction = fc.double({ min: 0, max: 0.999, noNaN: true });
  fc.assert(
    fc.property(asked, funds, fc.infiniteStream(fraction), (wish, has, stream) => {
      const random = () => stream.next().value as number;
      const given = terms(wish as never);
      for (const offer of makeOffers(given, has, random)) {
        expect(offer.minSat).toBeGreaterThanOrEqual(27_300);
        expect(offer.maxSat + offer.txfeeSat + 27_301).toBeLessThanOrEqual(has.largestSat);
        expect(offerCostSat(offer, offer.minSat)).toBeGreaterThanOrEqual(0);
        expect(offer.feeText).toMatch(/^\d+(\.\d+)?$/);
        // What is given to the miners is less than the least amount earns, before that is raised for it.
        if (offer.type === "sw0reloffer" && offer.txfeeSat > 0) {
          expect(offer.txfeeSat).toBeLessThan(Number(offer.feeText) * given.minSat);
        }
      }
    }),
    { numRuns: 1_000 },
  );
});

it("serves from the mixdepth that keeps coins together, the lowest, or the fullest", () => {
  const all = [5, 0, 0, 9, 7].map((availableSat, mixdepth) => ({ mixdepth, availableSat }));
  expect(rankMixdepths(all, 5, "bunched")).toEqual([3, 4, 0]);
  expect(rankMixdepths(all, 5, "lowest")).toEqual([0, 3, 4]);
  expect(rankMixdepths(all, 6, "largest")).toEqual([3, 4]);
  expect(rankMixdepths(all, 10, "bunched")).toEqual([]);
});
