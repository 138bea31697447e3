/** Offers against the peers' rules for their fields, and makers' answers with a bond. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { readCommands } from "../messages/command.ts";
import { parseCancel, readAnswer, writeAnswer, writeCancel } from "./announcement.ts";
import { isInRange, type Offer, offerCostSat, ownOffer, writeOffer } from "./offer.ts";

const badMessage = expect.objectContaining({ code: "JOINMARKET_BAD_MESSAGE" });
const relative = "sw0reloffer 0 100000 2500000000 0 0.00002";
const absolute = "sw0absoffer 1 27300 100000 0 500";

function good(text: string): Offer {
  const [reading] = readAnswer(text).offers;
  if (reading?.isGood !== true) throw new Error(`not taken: ${text}`);
  return reading.offer;
}

it("reads both kinds of offers with the bond that follows them", () => {
  const { offers, bondProof } = readAnswer(`${relative}!${absolute}!tbond AAAA`);
  expect(offers.map((reading) => reading.isGood && reading.offer)).toMatchObject([
    { type: "sw0reloffer", pit: "p2wpkh", offerId: "0", minSat: 100_000, maxSat: 2_500_000_000, txfeeSat: 0 },
    { type: "sw0absoffer", offerId: "1", fee: { type: "absolute", feeSat: 500 } },
  ]);
  expect(bondProof).toBe("AAAA");
  expect(writeAnswer([good(relative), good(absolute)], "AAAA")).toBe(`${relative}!${absolute}!tbond AAAA`);
  expect(readAnswer(relative).bondProof).toBeUndefined();
});

it.each([
  ["hello", 0],
  ["tr0reloffer 0 1 2 3 0.1", 0],
  ["orderbook", 0],
  [`${relative} ~`, 1],
  [`${relative}!${absolute} ~`, 2],
])("finds in %j %i offers", (text, count) => {
  expect(readAnswer(text).offers).toHaveLength(count);
});

it("raises the least amount to what no peer takes for dust", () => {
  expect(good("sw0reloffer 0 1 30000 0 0.1").minSat).toBe(27_300);
  expect(good("sw0reloffer 0 27301 30000 0 0.1").minSat).toBe(27_301);
});

it.each([
  ["sw0reloffer 3 30000 27300 0 0.1", "3"],
  ["sw0reloffer 3 1 27299 0 0.1", "3"],
  ["sw0reloffer 3 0 2100000000000001 0 0.1", "3"],
  ["sw0reloffer 3 0 30000 -1 0.1", "3"],
  ["sw0reloffer 3 0 30000 0 1", "3"],
  ["sw0reloffer 3 0 30000 0 -0.1", "3"],
  ["sw0reloffer 3 0 30000 0 1e-99", "3"],
  ["sw0reloffer 3 0 30000 0", "3"],
  ["sw0absoffer 3 0 30000 0 0.5", "3"],
  ["sw0absoffer 3 0 30000 0 -5", "3"],
  ["sw0absoffer 3", "3"],
  ["sw0absoffer x 0 30000 0 5", undefined],
  ["sw0absoffer 9223372036854775808 0 30000 0 5", undefined],
])("takes %j for no offer, but knows which one it was to renew", (text, offerId) => {
  expect(readAnswer(text).offers).toEqual([expect.objectContaining({ isGood: false, offerId })]);
});

it("keeps a relative fee as it was written and reckons with it exactly", () => {
  const offer = good("sw0reloffer 7 27300 90000000 100 2E-5");
  expect(offer.feeText).toBe("2E-5");
  expect(offerCostSat(offer, 75_000)).toBe(2 - 100);
  expect(writeOffer(offer)).toBe("sw0reloffer 7 27300 90000000 100 2E-5");
});

it("counts both ends of the range as in it", () => {
  const offer = good("sw0absoffer 0 30000 40000 0 5");
  expect([29_999, 30_000, 40_000, 40_001].map((sat) => isInRange(offer, sat))).toEqual([
    false,
    true,
    true,
    false,
  ]);
});

it("writes its own relative fee without an exponent", () => {
  const terms = { type: "sw0reloffer", offerId: "0", minSat: 27_300, maxSat: 30_000, txfeeSat: 0 } as const;
  expect(ownOffer({ ...terms, feeText: "4e-7" }).feeText).toBe("0.0000004");
  expect(ownOffer({ ...terms, feeText: ".020" }).feeText).toBe("0.02");
  expect(ownOffer({ ...terms, feeText: "0.0" }).feeText).toBe("0");
  expect(() => ownOffer({ ...terms, feeText: "1" })).toThrow(badMessage);
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 999_999 }),
      fc.integer({ min: -26, max: 0 }),
      (digits, exponent) => {
        const text = `0.${String(digits).padStart(6, "0")}e${exponent}`;
        const offer = ownOffer({ ...terms, feeText: text });
        expect(offer.feeText).toMatch(/^0(\.\d+)?$/);
        expect(Number(offer.feeText)).toBeCloseTo(Number(text), 25);
      },
    ),
  );
});

it("names the offer that is gone", () => {
  expect(readCommands(`${writeCancel("0")}!${writeCancel("1")}`).map(parseCancel)).toEqual(["0", "1"]);
  expect(() => parseCancel({ name: "cancel", args: [] })).toThrow(badMessage);
  expect(() => parseCancel({ name: "cancel", args: ["all"] })).toThrow(badMessage);
});

it("says no more in one message than peers read", () => {
  const many = Array.from({ length: 1_000 }, () => good(relative));
  expect(() => writeAnswer(many, undefined)).toThrow(badMessage);
});

it("reads any text as offers that hold to the rules, and writes them so that they read alike", () => {
  const word = fc.oneof(
    fc.nat().map(String),
    fc.constantFrom("0.00002", "2E-5", "-1", "", "27300", "2100000000000000"),
    fc.string({ maxLength: 12 }),
  );
  const text = fc
    .tuple(
      fc.constantFrom("sw0reloffer", "swabsoffer", "absoffer", "tbond"),
      fc.array(word, { maxLength: 7 }),
    )
    .map(([name, words]) => [name, ...words].join(" "));
  fc.assert(
    fc.property(text, (written) => {
      for (const reading of readAnswer(written).offers) {
        if (!reading.isGood) continue;
        const { offer } = reading;
        expect(offer.minSat).toBeGreaterThanOrEqual(27_300);
        expect(offer.maxSat).toBeGreaterThanOrEqual(offer.minSat);
        expect(offerCostSat({ ...offer, txfeeSat: 0 }, offer.maxSat)).toBeGreaterThanOrEqual(0);
        expect(good(writeOffer(offer))).toEqual(offer);
      }
    }),
    { numRuns: 1_000 },
  );
});
