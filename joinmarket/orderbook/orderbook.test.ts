import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseShare } from "../coinjoin/offer-fee.ts";
import { readAnswer } from "../offer/announcement.ts";
import type { Offer } from "../offer/offer.ts";
import { type CandidateRules, candidatesFor, type ProvenValue } from "./candidates.ts";
import { type ChooserName, type ChooserRules, chooseMakers } from "./choosers.ts";
import { Orderbook } from "./orderbook.ts";
import { chooseForSweep } from "./sweep-choice.ts";

const OPEN = { mode: "either", absoluteSat: 1_000_000, relative: parseShare("0.5") } as const;
const NO_BONDS: ReadonlyMap<string, ProvenValue> = new Map();

/** `nick: "sw0reloffer 0 …"` for each maker. */
function bookOf(answers: Readonly<Record<string, string>>): Orderbook {
  const book = new Orderbook({ nowMs: () => 0, staleMs: 1 });
  for (const [nick, text] of Object.entries(answers)) hear(book, nick, text);
  return book;
}

function hear(book: Orderbook, nick: string, text: string): void {
  const { offers, bondProof } = readAnswer(text);
  for (const reading of offers) book.put(nick, reading);
  if (bondProof !== undefined) book.putBond(nick, bondProof);
}

function candidates(book: Orderbook, rules: Partial<CandidateRules> & { amountSat: number }) {
  return candidatesFor(book.makers(), { limits: OPEN, ignored: new Set(), bonds: NO_BONDS, ...rules });
}

const nicks = (found: readonly { readonly nick: string }[]) => found.map(({ nick }) => nick);

/** A generator whose every run is the same (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe("the order book", () => {
  it("keeps the last word of a maker on each of its offers", () => {
    const book = bookOf({ J5a: "sw0reloffer 0 30000 900000 0 0.001!sw0absoffer 1 30000 900000 0 50" });
    hear(book, "J5a", "sw0reloffer 0 40000 900000 0 0.002");

    const [maker] = book.makers();
    expect(maker?.offers.map(({ offerId, minSat }) => [offerId, minSat])).toEqual([
      ["1", 30_000],
      ["0", 40_000],
    ]);
  });

  it("takes a bad update for a withdrawal", () => {
    const book = bookOf({ J5a: "sw0reloffer 0 30000 900000 0 0.001" });
    hear(book, "J5a", "sw0reloffer 0 900000 30000 0 0.001");
    expect(book.makers()).toEqual([]);
  });

  it("forgets what is withdrawn, who has left, and who was not heard for long", () => {
    let nowMs = 0;
    const book = new Orderbook({ nowMs: () => nowMs, staleMs: 1_000 });
    for (const nick of ["J5a", "J5b", "J5c"]) hear(book, nick, "sw0absoffer 7 30000 900000 0 50");
    book.withdraw("J5a", "7");
    book.forget("J5b");
    expect(nicks(book.makers())).toEqual(["J5c"]);
    nowMs = 1_001;
    expect(book.makers()).toEqual([]);
  });

  it("stays bounded, whatever one maker or many strangers send", () => {
    const book = new Orderbook({ nowMs: () => 0, staleMs: 1 });
    for (let oid = 0; oid < 100; oid++) hear(book, "J5a", `sw0absoffer ${oid} 30000 900000 0 50`);
    for (let number = 0; number < 6_000; number++)
      hear(book, `J5${number}`, "sw0absoffer 0 30000 900000 0 50");
    expect(book.makers()[0]?.offers).toHaveLength(16);
    expect(book.makers()).toHaveLength(5_000);
  });

  it("has no maker of which only a bond is known", () => {
    const book = new Orderbook({ nowMs: () => 0, staleMs: 1 });
    book.putBond("J5a", "AAAA");
    expect(book.makers()).toEqual([]);
  });
});

describe("makers that can be asked", () => {
  it("are those of native coins whose sizes hold the amount, both ends included", () => {
    const book = bookOf({
      J5from: "sw0absoffer 0 100000 200000 0 1",
      J5to: "sw0absoffer 0 50000 100000 0 1",
      J5above: "sw0absoffer 0 100001 200000 0 1",
      J5below: "sw0absoffer 0 50000 99999 0 1",
      J5nested: "swabsoffer 0 50000 200000 0 1",
    });
    expect(nicks(candidates(book, { amountSat: 100_000 }))).toEqual(["J5from", "J5to"]);
  });

  it("are each asked by the cheapest of their offers, by what it costs us", () => {
    const book = bookOf({
      J5a: "sw0reloffer 0 30000 900000 0 0.001!sw0absoffer 1 30000 900000 300 350",
    });
    expect(candidates(book, { amountSat: 100_000 })).toMatchObject([
      { offer: { offerId: "1" }, feeSat: 350, costSat: 50 },
    ]);
    expect(candidates(book, { amountSat: 40_000 })).toMatchObject([
      { offer: { offerId: "0" }, feeSat: 40, costSat: 40 },
    ]);
  });

  it("are not those that would lose by it, for they do not sign", () => {
    const book = bookOf({ J5a: "sw0absoffer 0 30000 900000 101 100" });
    expect(candidates(book, { amountSat: 100_000 })).toEqual([]);
  });

  it("may be above one limit of joinmarket-clientserver's, and above none of joinmarket-ng's that is theirs", () => {
    const book = bookOf({
      J5abs: "sw0absoffer 0 30000 9000000 0 600",
      J5rel: "sw0reloffer 0 30000 9000000 0 0.002",
    });
    const limits = { absoluteSat: 500, relative: parseShare("0.001") };
    const found = (amountSat: number, mode: "either" | "each") =>
      nicks(candidates(book, { amountSat, limits: { ...limits, mode } }));

    expect(found(600_000, "either")).toEqual(["J5abs"]);
    expect(found(250_000, "either")).toEqual(["J5rel"]);
    expect(found(250_001, "either")).toEqual(["J5rel"]);
    expect(found(251_000, "either")).toEqual([]);
    expect(found(600_000, "each")).toEqual([]);
    expect(
      nicks(candidates(book, { amountSat: 250_000, limits: { ...limits, absoluteSat: 600, mode: "each" } })),
    ).toEqual(["J5abs"]);
    // Not by a satoshi.
    expect(
      nicks(candidates(book, { amountSat: 250_000, limits: { ...limits, absoluteSat: 599, mode: "each" } })),
    ).toEqual([]);
  });

  it("are never ourselves, nor those that have failed us", () => {
    const book = bookOf({ J5a: "sw0absoffer 0 30000 900000 0 1", J5b: "sw0absoffer 0 30000 900000 0 1" });
    expect(nicks(candidates(book, { amountSat: 50_000, ignored: new Set(["J5a"]) }))).toEqual(["J5b"]);
  });

  it("are one for each bond, the cheaper of the nicks that show it", () => {
    const book = bookOf({
      J5dear: "sw0absoffer 0 30000 900000 0 20",
      J5cheap: "sw0absoffer 0 30000 900000 0 10",
      J5other: "sw0absoffer 0 30000 900000 0 30",
    });
    const bonds = new Map([
      ["J5dear", { outpoint: "x:0", value: 5 }],
      ["J5cheap", { outpoint: "x:0", value: 5 }],
      ["J5other", { outpoint: "y:0", value: 1 }],
    ]);
    expect(nicks(candidates(book, { amountSat: 50_000, bonds }))).toEqual(["J5cheap", "J5other"]);
  });
});

describe("choosing makers", () => {
  const maker = (nick: string, bondValue: number, costSat: number) => {
    const offer = bookOf({ [nick]: `sw0absoffer 0 30000 900000 0 ${costSat}` }).makers()[0]
      ?.offers[0] as Offer;
    return { nick, offer, feeSat: costSat, costSat, bondValue };
  };
  const rules = (chooser: ChooserName, random: () => number, more: Partial<ChooserRules> = {}) => ({
    chooser,
    random,
    uniformPercent: 12.5,
    isBondlessFree: false,
    ...more,
  });

  it("takes each once, and fewer when there are not so many, in every way of choosing", () => {
    fc.assert(
      fc.property(
        fc.constantFrom<ChooserName>("bonds", "random", "cheapest", "weighted"),
        fc.array(
          fc.record({ bondValue: fc.double({ min: 0, max: 1e18, noNaN: true }), costSat: fc.nat(10_000) }),
          {
            maxLength: 20,
          },
        ),
        fc.integer({ min: 0, max: 25 }),
        fc.integer(),
        (chooser, made, count, seed) => {
          const all = made.map(({ bondValue, costSat }, at) => maker(`J5${at}`, bondValue, costSat));
          const chosen = nicks(chooseMakers(all, count, rules(chooser, seeded(seed))));
          expect(new Set(chosen).size).toBe(chosen.length);
          expect(chosen.length).toBe(Math.min(count, all.length));
        },
      ),
      { numRuns: 200 },
    );
  });

  it("picks by bond value, and an eighth of the time by lot", () => {
    const random = seeded(1);
    const all = [maker("J5rich", 9, 10), maker("J5poor", 1, 10), maker("J5none", 0, 10)];
    const counts = new Map<string, number>();
    const rounds = 20_000;
    for (let round = 0; round < rounds; round++) {
      const [first] = nicks(chooseMakers(all, 1, rules("bonds", random)));
      counts.set(first ?? "", (counts.get(first ?? "") ?? 0) + 1);
    }
    const share = (nick: string) => (counts.get(nick) ?? 0) / rounds;
    expect(share("J5rich")).toBeCloseTo(0.875 * 0.9 + 0.125 / 3, 1.5);
    expect(share("J5poor")).toBeCloseTo(0.875 * 0.1 + 0.125 / 3, 1.5);
    expect(share("J5none")).toBeCloseTo(0.125 / 3, 1.5);
  });

  it("passes over makers without a bond that ask for a fee, where that is wanted", () => {
    const all = [maker("J5bond", 1, 10), maker("J5free", 0, 0), maker("J5dear", 0, 1)];
    const chosen = chooseMakers(all, 3, rules("bonds", seeded(1), { isBondlessFree: true }));
    expect(nicks(chosen).sort()).toEqual(["J5bond", "J5free"]);
  });

  it("takes the cheapest first, or mostly", () => {
    const all = [maker("J5dear", 0, 1_000), maker("J5cheap", 0, 10), maker("J5middle", 0, 500)];
    expect(nicks(chooseMakers(all, 2, rules("cheapest", seeded(1))))).toEqual(["J5cheap", "J5middle"]);

    const random = seeded(2);
    let cheap = 0;
    for (let round = 0; round < 2_000; round++) {
      if (nicks(chooseMakers(all, 1, rules("weighted", random)))[0] === "J5cheap") cheap++;
    }
    const weight = (cost: number) => Math.exp(-(cost - 10) / 990);
    expect(cheap / 2_000).toBeCloseTo(1 / (1 + weight(500) + weight(1_000)), 1);
  });
});

describe("a sweep's makers", () => {
  const wish = {
    chooser: "cheapest",
    uniformPercent: 0,
    isBondlessFree: false,
    limits: OPEN,
    ignored: new Set<string>(),
    bonds: NO_BONDS,
  } as const;

  it("leave the amount that joinmarket-clientserver reckons", () => {
    const book = bookOf({
      J5a: "sw0reloffer 0 30000 900000000 0 0.00002",
      J5b: "sw0absoffer 0 30000 900000000 100 500",
      J5c: "sw0reloffer 0 30000 900000000 0 0.0003",
    });
    const coins = [{ valueSat: 500_000_000 }];
    const choice = chooseForSweep(book.makers(), {
      ...wish,
      coins,
      makers: 3,
      minerFeeSat: 4_000,
      random: seeded(1),
    });
    expect(choice?.amountSat).toBe(499_835_653);
    expect(choice?.makers.reduce((sum, { feeSat }) => sum + feeSat, 0)).toBe(160_448);
  });

  it("leave a little less where each of many fees is rounded upwards", () => {
    const book = bookOf(
      Object.fromEntries(
        [..."abcdefghij"].map((name) => [`J5${name}`, "sw0reloffer 0 30000 900000000 0 0.00001"]),
      ),
    );
    const coins = [{ valueSat: 460_046 }];
    const choice = chooseForSweep(book.makers(), {
      ...{ ...wish, coins, makers: 10, minerFeeSat: 0, random: seeded(1) },
    });

    // 4.6 satoshi each are 5: of 460,000 there would be four too few, and one may be the miners'.
    expect(choice?.makers.map(({ feeSat }) => feeSat)).toEqual(Array(10).fill(5));
    expect(choice?.amountSat).toBe(459_997);
  });

  it("are picked anew while the amount that they leave does not fit one of them", () => {
    const book = bookOf({
      J5narrow: "sw0absoffer 0 99999000 100000000 0 0",
      J5wide: "sw0absoffer 0 30000 900000000 0 5000",
      J5other: "sw0absoffer 0 30000 900000000 0 6000",
    });
    const coins = [{ valueSat: 100_000_000 }];
    const chosen = chooseForSweep(book.makers(), {
      ...wish,
      coins,
      makers: 2,
      minerFeeSat: 1_000,
      random: seeded(1),
    });
    expect(nicks(chosen?.makers ?? []).sort()).toEqual(["J5other", "J5wide"]);
    expect(chosen?.amountSat).toBe(100_000_000 - 1_000 - 11_000);
  });

  it("always cover what they cost, and each can be asked for the amount", () => {
    const offers = fc.array(
      fc.record({
        minSat: fc.integer({ min: 27_300, max: 10_000_000 }),
        sizeSat: fc.integer({ min: 0, max: 100_000_000 }),
        isRelative: fc.boolean(),
        fee: fc.nat(2_000),
        txfeeSat: fc.nat(50),
      }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(
        offers,
        fc.integer({ min: 30_000, max: 100_000_000 }),
        fc.integer({ min: 1, max: 4 }),
        fc.nat(20_000),
        fc.constantFrom<ChooserName>("bonds", "random", "cheapest", "weighted"),
        fc.integer(),
        (made, valueSat, makers, minerFeeSat, chooser, seed) => {
          const book = bookOf(
            Object.fromEntries(
              made.map(({ minSat, sizeSat, isRelative, fee, txfeeSat }, at) => [
                `J5${at}`,
                isRelative
                  ? `sw0reloffer 0 ${minSat} ${minSat + sizeSat} ${txfeeSat} 0.00${fee}`
                  : `sw0absoffer 0 ${minSat} ${minSat + sizeSat} ${txfeeSat} ${fee}`,
              ]),
            ),
          );
          const random = seeded(seed);
          const choice = chooseForSweep(book.makers(), {
            ...wish,
            chooser,
            coins: [{ valueSat }],
            makers,
            minerFeeSat,
            random,
          });
          if (choice === undefined) return;
          const { amountSat } = choice;
          const feesSat = choice.makers.reduce((sum, { feeSat }) => sum + feeSat, 0);
          const givenSat = choice.makers.reduce((sum, { offer }) => sum + offer.txfeeSat, 0);
          expect(choice.makers).toHaveLength(makers);
          expect(new Set(nicks(choice.makers)).size).toBe(makers);
          const restSat = valueSat - amountSat - feesSat - Math.max(minerFeeSat - givenSat, 0);
          expect(restSat).toBeGreaterThanOrEqual(-1);
          // Each maker's fee is rounded by itself.
          expect(restSat).toBeLessThanOrEqual(1 + makers / 2);
          for (const { offer } of choice.makers) {
            expect(amountSat).toBeGreaterThanOrEqual(offer.minSat);
            expect(amountSat).toBeLessThanOrEqual(offer.maxSat);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
