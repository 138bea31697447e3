import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { regtest } from "../../bitcoin/network.ts";
import vectors from "../../tests/vectors/joinmarket-schedules.json" with { type: "json" };
import { drawShares } from "../chance.ts";
import { amountOf, roundedSat } from "./amounts.ts";
import { type DrawOptions, drawSchedule } from "./draw.ts";
import {
  ASKED_FOR,
  checkSchedule,
  INTERNAL,
  isOutward,
  isShare,
  isSweep,
  NOT_ROUNDED,
  rowOf,
  type ScheduleEntry,
} from "./entry.ts";
import { flowOf } from "./flow.ts";
import { isNgPlan, parseNgPlan } from "./ng-plan.ts";
import { parseSchedule, writeSchedule } from "./schedule-file.ts";
import { tweaked } from "./tweak.ts";

const ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const TXID = "ab".repeat(32);
const USUAL: DrawOptions = {
  destinations: 3,
  makers: { mean: 9, spread: 1 },
  makersMin: 4,
  mixdepths: 4,
  coinjoins: { mean: 2, spread: 1 },
  coinjoinsMin: 2,
  waitMinutes: 60,
  firstWaitFactor: 3,
  amountSatMin: 100_000,
  roundedPercent: 25,
  roundingWeights: [55, 15, 25, 65, 40],
};

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

const entry = (more: Partial<ScheduleEntry>): ScheduleEntry => ({
  mixdepth: 0,
  amount: 0,
  makers: 3,
  destination: INTERNAL,
  waitMinutes: 0,
  figures: NOT_ROUNDED,
  completion: 0,
  ...more,
});

const anyEntry = fc.record({
  mixdepth: fc.integer({ min: 0, max: 99 }),
  amount: fc.oneof(
    fc.constant(0),
    fc.integer({ min: 1, max: 2_100_000_000_000_000 }),
    fc.double({ min: 1e-12, max: 1, maxExcluded: true, noNaN: true }),
  ),
  makers: fc.integer({ min: 1, max: 20 }),
  destination: fc.constantFrom(INTERNAL, ASKED_FOR, ADDRESS),
  waitMinutes: fc
    .double({ min: 0, max: 100_000, noNaN: true })
    .map((minutes) => Math.round(minutes * 100) / 100),
  figures: fc.integer({ min: 1, max: 16 }),
  completion: fc.constantFrom<0 | 1 | string>(0, 1, TXID),
});

describe("a schedule file", () => {
  it("is read as JoinMarket's own example is written", () => {
    const text = [
      "# format is CSV",
      "1, 110000000, 3, INTERNAL, 0.8, 16, 0",
      "",
      ` 0,0.25 , 2, ${ADDRESS}, 0, 3, ${TXID}\r`,
      "0,0,4,addrask,12.5,16,1",
    ].join("\n");
    expect(parseSchedule(`\ufeff${text}`)).toEqual([
      entry({ mixdepth: 1, amount: 110_000_000, waitMinutes: 0.8 }),
      entry({ amount: 0.25, makers: 2, destination: ADDRESS, figures: 3, completion: TXID }),
      entry({ makers: 4, destination: ASKED_FOR, waitMinutes: 12.5, completion: 1 }),
    ]);
  });

  it("comes back as it was written, with a point in every share, as clientserver wants it", () => {
    fc.assert(
      fc.property(fc.array(anyEntry, { maxLength: 30 }), (entries) => {
        const text = writeSchedule(entries);
        const again = parseSchedule(text);
        expect(again).toHaveLength(entries.length);
        for (const [at, one] of entries.entries()) {
          const { amount, ...rest } = again[at] as ScheduleEntry;
          expect({ ...rest, amount: 0 }).toEqual({ ...one, amount: 0 });
          expect(Math.abs(amount - one.amount)).toBeLessThanOrEqual(1e-30);
          const written = text.split("\n")[at]?.split(",")[1] ?? "";
          expect(written.includes(".")).toBe(isShare(one));
        }
      }),
    );
  });

  const BAD: Readonly<Record<string, string>> = {
    "too few columns": "0,0,4,INTERNAL,0,16",
    "too many columns": "0,0,4,INTERNAL,0,16,0,0",
    "a mixdepth below nothing": "-1,0,4,INTERNAL,0,16,0",
    "an amount that is no number": "0,all,4,INTERNAL,0,16,0",
    "an amount in hex": "0,0x10,4,INTERNAL,0,16,0",
    "all of it as a share": "0,1.0,4,INTERNAL,0,16,0",
    "half a satoshi more": "0,1.5,4,INTERNAL,0,16,0",
    "more money than there is": "0,2100000000000001,4,INTERNAL,0,16,0",
    "no makers": "0,0,0,INTERNAL,0,16,0",
    "more makers than can be asked": "0,0,21,INTERNAL,0,16,0",
    "no destination": "0,0,4,,0,16,0",
    "a wait for ever": "0,0,4,INTERNAL,Infinity,16,0",
    "a wait below nothing": "0,0,4,INTERNAL,-1,16,0",
    "a rounding to no figure": "0,0,4,INTERNAL,0,0,0",
    "a completion of 2": "0,0,4,INTERNAL,0,16,2",
  };
  for (const [what, line] of Object.entries(BAD)) {
    it(`with ${what} is refused with the number of the line`, () => {
      const bad = expect.objectContaining({
        code: "JOINMARKET_BAD_SCHEDULE",
        data: expect.objectContaining({ what: expect.stringMatching(/^line 3: /) }),
      });
      expect(() => parseSchedule(`# first\n0,0,4,INTERNAL,0,16,0\n${line}\n`)).toThrow(bad);
    });
  }

  it("is refused when it is endless", () => {
    expect(() => parseSchedule("0,0,4,INTERNAL,0,16,0\n".repeat(201))).toThrow(/line 201/);
    expect(() => parseSchedule("#".repeat(50_001))).toThrow(/longer/);
  });

  it("never makes the reader fall, whatever stands in it", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9.,eE#\- \nINTERNALx]*$/)), (text) => {
        try {
          parseSchedule(text);
        } catch (error) {
          expect(error).toMatchObject({ code: "JOINMARKET_BAD_SCHEDULE" });
        }
      }),
    );
  });
});

describe.each(vectors.clientserver)("joinmarket-clientserver's schedule $name", ({ text, read }) => {
  it("is read as its own reader reads it", () => {
    expect(isNgPlan(text)).toBe(false);
    expect(parseSchedule(text).map(rowOf)).toEqual(read);
  });

  it("is written back so that nothing of it is another, line by line", () => {
    const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    const plain = lines.map((line) => line.replaceAll(" ", "").replace(/(,\d+)\.0,/, "$1,"));

    expect(writeSchedule(parseSchedule(text))).toBe(plain.map((line) => `${line}\n`).join(""));
  });

  it("can be carried out from where it stopped", () => {
    const entries = parseSchedule(text);
    checkSchedule(entries, { network: regtest, mixdepths: 5 });
    // By its rule for `--restart`: what is confirmed is left out, and what was sent is waited for.
    const left = read.filter((row) => row[6] !== 1);

    expect(entries.filter(({ completion }) => completion !== 1).map(rowOf)).toEqual(left);
    for (const later of left.slice(1)) expect(later[6]).toBe(0);
  });
});

describe.each(vectors.joinmarketNg)("joinmarket-ng's plan $name", ({ text, read }) => {
  it("is read as the rows that it tells of it", () => {
    expect(isNgPlan(text)).toBe(true);
    const entries = parseNgPlan(text);
    checkSchedule(entries, { network: regtest, mixdepths: 5 });

    expect(entries.map((each) => rowOf({ ...each, waitMinutes: 0 }))).toEqual(
      read.map((row) => row.with(4, 0)),
    );
    for (const [at, { waitMinutes }] of entries.entries()) {
      expect(waitMinutes).toBeCloseTo(Number(read[at]?.[4]), 9);
    }
  });

  it("with anything else in it is refused, and never makes the reader fall", () => {
    const bad = (change: (text: string) => string) => {
      expect(() => parseNgPlan(change(text))).toThrow(
        expect.objectContaining({ code: "JOINMARKET_BAD_SCHEDULE" }),
      );
    };
    bad((plan) => plan.replace("kind: taker_coinjoin", "kind: other"));
    bad((plan) => plan.replace("mixdepth: 2", "mixdepth: -2"));
    bad((plan) => plan.replace("counterparty_count: 7", "counterparty_count: 0"));
    bad((plan) => plan.replace("destination: INTERNAL", "destination: null"));
    bad((plan) => plan.replace("amount_fraction: 0.3778", "amount_fraction: 3"));
    bad((plan) => plan.replace(/wait_seconds: 6\S+/, "wait_seconds: .inf"));
    bad((plan) => plan + " ".repeat(50_001));
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...text.split("\n"), "- index: x", "  kind: a,b", "")),
        (lines) => {
          try {
            parseNgPlan(`phases:\n${lines.join("\n")}`);
          } catch (error) {
            expect(error).toMatchObject({ code: "JOINMARKET_BAD_SCHEDULE" });
          }
        },
      ),
    );
  });
});

describe("a schedule that is to be carried out", () => {
  const rules = { network: regtest, mixdepths: 5 };
  const refused = (entries: readonly ScheduleEntry[]) => expect(() => checkSchedule(entries, rules));

  it("names mixdepths that the wallet has and addresses of its network, and begins at its beginning", () => {
    refused([]).toThrow(/empty/);
    refused([entry({ mixdepth: 5 })]).toThrow(/entry 1 .*no mixdepth 5/);
    refused([entry({}), entry({ destination: "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4" })]).toThrow(
      /entry 2 .*no address of regtest/,
    );
    refused([entry({}), entry({ completion: 1 })]).toThrow(/entry 2/);
    refused([entry({ completion: TXID }), entry({ completion: TXID })]).toThrow(/entry 2/);
    checkSchedule(
      [entry({ completion: 1 }), entry({ completion: TXID }), entry({ destination: ASKED_FOR })],
      rules,
    );
  });
});

describe("rounding to significant figures", () => {
  it.each([
    [13_256_789, 2, 13_000_000],
    [13_256_789, 1, 10_000_000],
    [99_999, 3, 100_000],
    [123_456_789, 5, 123_460_000],
    [250, 1, 200],
    [350, 1, 400],
    [1_000, 4, 1_000],
    [7, 16, 7],
  ])("makes of %i with %i figures %i, as clientserver does", (sat, figures, expected) => {
    expect(roundedSat(sat, figures)).toBe(expected);
  });
});

it("an amount leaves enough for makers, miners and the mixdepth's last coinjoin, or is left out", () => {
  const means = { availableSat: 1_000_000, baseSat: 1_000_000, amountSatMin: 100_000, feesSat: 10_000 };
  expect(amountOf(entry({ amount: 0.5 }), means)).toEqual({ kind: "some", sat: 500_000 });
  expect(amountOf(entry({ amount: 0.01 }), means)).toEqual({ kind: "some", sat: 100_000 });
  expect(amountOf(entry({ amount: 0.456, figures: 1 }), means)).toEqual({ kind: "some", sat: 500_000 });
  expect(amountOf(entry({ amount: 0.95 }), means)).toEqual({ kind: "nothing" });
  expect(amountOf(entry({ amount: 0 }), means)).toEqual({ kind: "all" });
  expect(amountOf(entry({ amount: 0 }), { ...means, availableSat: 99_999 })).toEqual({ kind: "nothing" });
  expect(amountOf(entry({ amount: 200_000 }), means)).toEqual({ kind: "some", sat: 200_000 });
  // Of what was there at first, whatever has gone since.
  expect(amountOf(entry({ amount: 0.2 }), { ...means, availableSat: 400_000 })).toEqual({
    kind: "some",
    sat: 200_000,
  });
});

it("shares are parts of one, the last of them worth a coinjoin", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.integer(), (count, seed) => {
      const shares = drawShares(count, seeded(seed));
      expect(shares).toHaveLength(count);
      expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
      for (const share of shares) expect(share).toBeGreaterThan(0);
      if (count < 20) expect(shares.at(-1)).toBeGreaterThan(0.05);
    }),
  );
});

const anyWish = fc
  .record({
    mixdepths: fc.integer({ min: 2, max: 8 }),
    chain: fc.integer({ min: 1, max: 6 }),
    seed: fc.integer(),
    addresses: fc.integer({ min: 0, max: 3 }),
    destinations: fc.integer({ min: 1, max: 3 }),
    coinjoinsMin: fc.integer({ min: 1, max: 4 }),
    balances: fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 10_000_000_000 })), {
      minLength: 8,
      maxLength: 8,
    }),
  })
  .map(({ mixdepths, chain, seed, addresses, destinations, coinjoinsMin, balances }) => ({
    availableSat: balances.slice(0, mixdepths),
    destinations: Array.from({ length: addresses }, (_, number) => `address-${number}`),
    options: { ...USUAL, mixdepths: Math.max(chain, destinations, addresses), destinations, coinjoinsMin },
    random: seeded(seed),
  }));

describe("a drawn schedule", () => {
  const FEES_SAT = 5_000;

  it("brings all that is worth a coinjoin to the destinations, and to nobody else", () => {
    fc.assert(
      fc.property(anyWish, (wish) => {
        const entries = drawSchedule(wish);
        const { amountSatMin } = wish.options;
        const worthSat = wish.availableSat.filter((sat) => sat >= amountSatMin);
        if (worthSat.length === 0) return void expect(entries).toEqual([]);
        const flow = flowOf(entries, wish.availableSat, { amountSatMin, feesSat: () => FEES_SAT });
        // What is too small for a coinjoin stays; the sweep of a mixdepth may be that small.
        for (const sat of flow.leftSat) expect(sat).toBeLessThan(amountSatMin + FEES_SAT);
        for (const place of flow.arrivedSat.keys()) {
          expect([ASKED_FOR, ...wish.destinations]).toContain(place);
        }
        const arrived = [...flow.arrivedSat.values()].reduce((sum, sat) => sum + sat, 0);
        const left = flow.leftSat.reduce((sum, sat) => sum + sat, 0);
        const before = wish.availableSat.reduce((sum, sat) => sum + sat, 0);
        const made = flow.amountsSat.filter((sat) => sat > 0).length;
        expect(arrived + left + made * FEES_SAT).toBe(before);
        expect(arrived).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });

  it("ends every mixdepth with a sweep, pays each destination once, and asks for what is missing last", () => {
    fc.assert(
      fc.property(anyWish, (wish) => {
        const entries = drawSchedule(wish);
        if (entries.length === 0) return;
        const outward = entries.filter(isOutward).map(({ destination }) => destination);
        const wanted = Math.max(wish.destinations.length, wish.options.destinations);
        expect(outward).toEqual([
          ...wish.destinations,
          ...Array.from({ length: wanted - wish.destinations.length }, () => ASKED_FOR),
        ]);
        expect(entries.at(-1)).toMatchObject({ amount: 0, destination: outward.at(-1) });
        for (const [at, one] of entries.entries()) {
          expect(one.makers).toBeGreaterThanOrEqual(USUAL.makersMin);
          expect(one.makers).toBeLessThanOrEqual(20);
          expect(one.completion).toBe(0);
          if (isOutward(one)) expect(isSweep(one)).toBe(true);
          if (isSweep(one)) expect(one.figures).toBe(NOT_ROUNDED);
          const next = entries[at + 1];
          if (!isSweep(one)) expect(next?.mixdepth).toBe(one.mixdepth);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("of a mixdepth leaves in shares below one, and is left with a share worth a coinjoin", () => {
    fc.assert(
      fc.property(anyWish, (wish) => {
        let sum = 0;
        for (const one of drawSchedule(wish)) {
          if (isSweep(one)) {
            expect(sum).toBeLessThan(0.95);
            sum = 0;
          } else {
            expect(isShare(one)).toBe(true);
            sum += one.amount;
          }
        }
      }),
    );
  });

  it("begins with sweeps, the highest mixdepth first, whose waits are longer", () => {
    const waits = { first: 0, later: 0, firsts: 0, laters: 0 };
    for (let seed = 0; seed < 300; seed++) {
      const entries = drawSchedule({
        availableSat: [1_000_000, 0, 1_000_000, 50_000, 1_000_000],
        destinations: [],
        options: USUAL,
        random: seeded(seed),
      });
      expect(entries.slice(0, 3)).toMatchObject([
        { mixdepth: 4, amount: 0, destination: INTERNAL },
        { mixdepth: 2, amount: 0, destination: INTERNAL },
        { mixdepth: 0, amount: 0, destination: INTERNAL },
      ]);
      for (const [at, { waitMinutes }] of entries.entries()) {
        waits[at < 3 ? "first" : "later"] += waitMinutes;
        waits[at < 3 ? "firsts" : "laters"]++;
      }
    }
    expect(waits.first / waits.firsts).toBeGreaterThan(150);
    expect(waits.first / waits.firsts).toBeLessThan(210);
    expect(waits.later / waits.laters).toBeGreaterThan(54);
    expect(waits.later / waits.laters).toBeLessThan(66);
  });

  it("goes through mixdepths that the lowest full one would not reach", () => {
    const entries = drawSchedule({
      availableSat: [0, 0, 0, 1_000_000, 1_000_000],
      destinations: [ADDRESS],
      options: { ...USUAL, destinations: 1, mixdepths: 2 },
      random: seeded(3),
    });
    // Swept to mixdepths 4 and 0: the chain begins at 4, not at 0.
    expect(entries[2]?.mixdepth).toBe(4);
    expect(entries.at(-1)).toMatchObject({ mixdepth: 0, destination: ADDRESS });
  });

  it("cannot have more destinations than mixdepths on the way", () => {
    const wish = { availableSat: [1_000_000, 0], destinations: [], random: seeded(1) };
    expect(() => drawSchedule({ ...wish, options: { ...USUAL, destinations: 3, mixdepths: 2 } })).toThrow(
      /3 destinations/,
    );
  });
});

describe("an entry that has failed", () => {
  const rules = { makersMin: 4, isShortOfMakers: false, random: seeded(5) };

  it("and sweeps is tried with one maker fewer, down to the fewest that are allowed", () => {
    expect(tweaked([entry({ makers: 9 })], 0, rules)).toEqual([entry({ makers: 8 })]);
    expect(tweaked([entry({ makers: 4 })], 0, rules)).toEqual([entry({ makers: 4 })]);
    expect(tweaked([entry({ makers: 2 })], 0, rules)).toEqual([entry({ makers: 2 })]);
  });

  it("and takes a share has the shares to come drawn anew, of what is left; where coins go stays", () => {
    fc.assert(
      fc.property(anyWish, fc.nat(), (wish, pick) => {
        const entries = drawSchedule(wish);
        if (entries.length === 0) return;
        const at = pick % entries.length;
        const after = tweaked(entries, at, { makersMin: 4, isShortOfMakers: false, random: wish.random });
        expect(after.map(({ destination }) => destination)).toEqual(
          entries.map(({ destination }) => destination),
        );
        expect(after.map(isSweep)).toEqual(entries.map(isSweep));
        expect(after.slice(0, at)).toEqual(entries.slice(0, at));
        let sum = 0;
        for (const one of after) {
          expect(sum).toBeLessThan(1);
          sum = isSweep(one) ? 0 : sum + one.amount;
        }
        if (isShare(entries[at] as ScheduleEntry)) expect(after[at]?.amount).not.toBe(entries[at]?.amount);
      }),
    );
  });

  it("for want of makers asks fewer of them also for a part", () => {
    const parts = [entry({ amount: 0.5, makers: 6 }), entry({ makers: 6 })];
    expect(tweaked(parts, 0, rules)[0]?.makers).toBe(6);
    expect(tweaked(parts, 0, { ...rules, isShortOfMakers: true })).toMatchObject([
      { makers: 5 },
      { makers: 6 },
    ]);
  });

  it("of a schedule that was written by hand keeps its amount", () => {
    const byHand = [entry({ amount: 200_000, makers: 6 }), entry({ amount: 0.5, makers: 6 })];
    expect(tweaked(byHand, 0, rules)[0]).toEqual(entry({ amount: 200_000, makers: 5 }));
    expect(tweaked(byHand, 1, rules)[1]).toEqual(entry({ amount: 0.5, makers: 5 }));
  });
});
