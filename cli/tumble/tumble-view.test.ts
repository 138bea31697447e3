/** What `supervisor tumble` understands and shows. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { ScheduleTuple, Tumble } from "../../bus/contracts/taker/tumble.ts";
import type { Page } from "../terminal-io.ts";
import { plainPaint } from "../view/terminal.ts";
import { addressesOf, broadcastOf, type DrawOptions, wishOf } from "./tumble-options.ts";
import { planLines, progressLine, tumbleLines } from "./tumble-view.ts";

const TXID = "ab".repeat(32);
const [A = "", B = "", C = "", D = ""] = ["a", "b", "c", "d"].map((letter) => letter.repeat(14));
const SCHEDULE: ScheduleTuple[] = [
  [0, 0, 5, "INTERNAL", 90, 16, 1],
  [1, 0.314, 4, "INTERNAL", 5, 2, TXID],
  [1, 50_000_000, 4, "bcrt1qhere", 0.5, 16, 0],
  [1, 0, 4, "addrask", 3, 16, 0],
];
const TUMBLE: Tumble = {
  id: "12".repeat(8),
  version: 3,
  wallet: "savings",
  state: "confirming",
  isOver: false,
  progress: "Coinjoin 2 is sent and waits for blocks.",
  schedule: SCHEDULE,
  makerFeesSatMax: 1_000,
  miningFeeSatMax: 2_000,
  entry: 1,
  failed: 0,
  run: null,
  untilS: null,
  confirmations: { has: 2, wants: 5 },
  secondsLeft: 7_500,
  sent: [
    {
      entry: 0,
      txid: "cd".repeat(32),
      amountSat: 100_000_000,
      makers: 5,
      makerFeesSat: 500,
      miningFeeSat: 300,
      atS: 0,
    },
    { entry: 1, txid: TXID, amountSat: 31_000_000, makers: 4, makerFeesSat: 400, miningFeeSat: 200, atS: 0 },
  ],
  failures: [
    {
      entry: 1,
      run: null,
      code: "TAKER_FEW_MAKERS",
      message: "3 makers\u001b[2J can be asked",
      atS: 1_767_225_600,
    },
  ],
  startedAtS: 0,
  endedAtS: null,
};

const page = (width = Number.POSITIVE_INFINITY, place = ""): Page => ({
  paint: plainPaint,
  width,
  typed: (words) => `supervisor ${words}${place}`,
});
const shown = (tumble: Tumble) => tumbleLines(tumble, page()).join("\n");

describe("a tumble's status", () => {
  it("tells what happens now, each coinjoin, the price so far, and how long it takes", () => {
    const text = shown(TUMBLE);
    expect(text).toContain("The tumble 1212121212121212 of savings is under way.");
    expect(text).toContain("now       Coinjoin 2 is sent and waits for blocks. (2 of 5)");
    expect(text).toContain("done      1 of 4 coinjoins");
    expect(text).toContain("left      about 2h 05m");
    expect(text).toContain("cost      1,400 sat so far, less than 0.01 % of what was mixed");
    expect(text).toMatch(/1 +0 +1\.00 000 000 +5 +next mixdepth +800 sat +confirmed cdcd/);
    expect(text).toMatch(/2 +1 +0\.31 000 000 +4 +next mixdepth +600 sat +sent abab/);
    expect(text).toMatch(/3 +1 +0\.50 000 000 +4 +bcrt1qhere/);
    expect(text).toMatch(/4 +1 +all +4 +asked for in time/);
  });

  it("tells what went wrong without letting it drive the terminal", () => {
    expect(shown(TUMBLE)).toContain("failed    2026-01-01 00:00 coinjoin 2: 3 makers\\u001b[2J can be asked");
  });

  it.each([
    ["address", "tumble resume --to <address>"],
    ["grant", "Let it use the wallet again: supervisor tumble resume"],
    ["stopped", "The coins are safe where they are. Go on: supervisor tumble resume"],
    ["retrying", "It is tried again by itself"],
  ] as const)("in the state %s says what can be done", (state, advice) => {
    expect(shown({ ...TUMBLE, state, isOver: state === "stopped" })).toContain(advice);
  });

  it("when it waits says until when", () => {
    const waiting = { ...TUMBLE, state: "waiting" as const, confirmations: null, untilS: 1_767_225_600 };
    expect(progressLine({ ...waiting, progress: "Now a wait." })).toBe(
      "Now a wait. Until 2026-01-01 00:00 UTC.",
    );
  });

  it("names commands that mean the same wallet in the same place", () => {
    const lines = tumbleLines({ ...TUMBLE, state: "grant" }, page(undefined, " --data /there"));
    expect(lines.at(-1)).toBe("Let it use the wallet again: supervisor tumble resume --data /there");
  });

  it("fits a terminal of 80 columns: what is longer stands below its row", () => {
    const failing = {
      ...TUMBLE,
      state: "retrying" as const,
      failures: [...TUMBLE.failures].map((one) => ({ ...one, message: "a word or two ".repeat(12) })),
    };
    const lines = tumbleLines(failing, page(80));
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines).toContain(`  sent ${TXID}`);
    expect(lines.some((line) => line.startsWith("          "))).toBe(true);
  });

  it("has an address below its row where the terminal is too narrow for it", () => {
    const address = `bcrt1q${"z".repeat(38)}`;
    const schedule = SCHEDULE.map(
      (entry, at) => (at === 1 ? entry.with(3, address) : entry) as ScheduleTuple,
    );
    const lines = tumbleLines({ ...TUMBLE, schedule }, page(80));
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines).toContain(`  to ${address}`);
    expect(lines.some((line) => line.includes(`sent ${TXID}`))).toBe(true);
    const costs = SCHEDULE.map(() => ({ amountSat: 1, makerFeesSat: 1, miningFeeSat: 1 }));
    const plan = { schedule, text: "", costs, makerFeesSatMax: 1, miningFeeSatMax: 1, secondsLeft: 1 };
    const planned = planLines({ ...plan, candidates: null }, [1], page(80));
    expect(planned.filter((line) => line.length > 80)).toEqual([]);
    expect(planned).toContain(`  to ${address}`);
  });

  it("marks what was left out", () => {
    expect(shown({ ...TUMBLE, sent: [] })).toMatch(/1 +0 +all +5 +next mixdepth +left out/);
  });
});

describe("a plan", () => {
  const cost = { amountSat: 50_000_000, makerFeesSat: 700, miningFeeSat: 300 };
  const plan = {
    schedule: SCHEDULE,
    text: "",
    costs: [cost, cost, { ...cost, amountSat: 0 }, cost],
    makerFeesSatMax: 10_000,
    miningFeeSatMax: 2_000,
    secondsLeft: 90_000,
    candidates: { most: 12, fewest: 4 },
  };
  const text = (more: Partial<typeof plan> = {}) =>
    planLines({ ...plan, ...more }, [100_000_000, 0], page()).join("\n");

  it("tells price, time and the most that one coinjoin may cost before it asks", () => {
    expect(text()).toContain("wallet    has 1.00 000 000 BTC to spend; 4 coinjoins");
    expect(text()).toContain("takes     about 1d 01h");
    expect(text()).toContain(
      "costs     about 4,000 sat, less than 0.01 %: makers 2,800 sat, miners 1,200 sat",
    );
    expect(text()).toContain("at most   12,000 sat for any one coinjoin");
    expect(text()).toMatch(/2 +1 +31\.4 % rounded +0\.50 000 000 +4 +next mixdepth +1,000 sat +5m 00s/);
    expect(text()).toMatch(/3 +1 +0\.50 000 000 +nothing/);
  });

  it("warns of few destinations, of addresses to come and of too few makers", () => {
    expect(text()).toContain("2 destinations only");
    expect(text()).toContain("1 address will be asked for");
    expect(text()).toContain("4 makers can be asked now");
    const inside = SCHEDULE.map((row) => row.with(3, "INTERNAL") as ScheduleTuple);
    expect(text({ schedule: inside })).toContain("All coins stay in this wallet");
  });
});

describe("what is typed", () => {
  const USUAL: DrawOptions = { mixdepths: "4", coinjoins: "2", wait: "60", min: "100000" };
  const folder = mkdtempSync(join(tmpdir(), "troupe-tumble-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  it("becomes three destinations unless it says otherwise", () => {
    expect(wishOf(USUAL)).toMatchObject({ destinations: [], options: { destinations: 3, waitMinutes: 60 } });
    expect(wishOf({ ...USUAL, to: [`${A},${B}`, C, D] })).toMatchObject({
      destinations: [A, B, C, D],
      options: { destinations: 4 },
    });
    expect(wishOf({ ...USUAL, to: [A], addresses: "1" })).toMatchObject({ options: { destinations: 1 } });
    expect(wishOf({ ...USUAL, makers: "3", minMakers: "3" })).toMatchObject({
      options: { makers: { mean: 3, spread: 0 }, makersMin: 3 },
    });
  });

  it("may be a file of JoinMarket's", () => {
    const file = join(folder, "a.schedule");
    writeFileSync(file, "0,0,4,INTERNAL,0,16,0\n");
    expect(wishOf({ ...USUAL, schedule: file })).toMatchObject({ text: "0,0,4,INTERNAL,0,16,0\n" });
    expect(() => wishOf({ ...USUAL, schedule: file, to: [A] })).toThrow(/leave out --to/);
    expect(() => wishOf({ ...USUAL, schedule: join(folder, "none") })).toThrow(/cannot be read \(ENOENT\)/);
    writeFileSync(file, "#".repeat(50_001));
    expect(() => wishOf({ ...USUAL, schedule: file })).toThrow(/too long/);
  });

  it.each([
    [{ wait: "soon" }, /--wait/],
    [{ to: [A, A] }, /twice/],
    [{ to: ["nowhere"] }, /no address/],
    [{ to: [A, B], addresses: "1" }, /fewer than the 2/],
    [{ maxMakerShare: "2" }, /--max-maker-share/],
    [{ fee: "6blocks" }, /--fee/],
    [{ mixdepths: "0" }, /--mixdepths/],
  ] as const)("is refused when it makes no sense (%j)", (more, complaint) => {
    expect(() => wishOf({ ...USUAL, ...(more as Partial<DrawOptions>) })).toThrow(complaint);
  });

  it("names a known way of sending, and no endless list of addresses", () => {
    expect(broadcastOf("not-self")).toEqual({ broadcast: "not-self" });
    expect(() => broadcastOf("me")).toThrow(/random-maker/);
    expect(() => addressesOf(Array.from({ length: 51 }, (_, i) => `${A}${i}`))).toThrow(/too many/);
  });
});
