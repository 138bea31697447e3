/** What `supervisor earn` understands and shows. */
import { expect, it } from "vitest";
import type { MakerStatus } from "../../bus/contracts/maker.ts";
import { plainPaint } from "../view/terminal.ts";
import { parseShareOption } from "./earn-commands.ts";
import { earnReportOf } from "./earn-report.ts";
import { earningLines, makersLines, reportLines } from "./earn-view.ts";

const PAGE = { paint: plainPaint, width: 80, typed: (words: string) => `npx supervisor ${words}` };

const MAKER: MakerStatus = {
  wallet: "savings",
  grantId: "ab".repeat(8),
  state: "offering",
  why: null,
  nick: "J5abcdefghijklmn",
  sinceS: 0,
  channels: [{ id: "onion", kind: "onion", state: "up", error: null }],
  hasBond: false,
  isFree: true,
  offers: [
    { offerId: "0", type: "sw0absoffer", minSat: 100_000, maxSat: 200_000_000, txfeeSat: 0, fee: "0" },
  ],
  joins: [],
  asked: 3,
  signed: 2,
  seen: 1,
  earnedSat: 450,
};

const JOIN = {
  ...{ role: "maker", isCoinjoin: true, height: 100, timeS: 1_767_225_600, coinjoinSat: 1_000_000 },
  spent: [],
  note: null,
};

it.each([
  ["0.00002", "0.00002"],
  ["0.002%", "0.00002"],
  ["1.5 %", "0.015"],
  ["25%", "0.25"],
  ["0", "0"],
  ["0.0%", "0"],
])("reads the share %s as %s", (text, share) => {
  expect(parseShareOption(text)).toBe(share);
});

it.each(["", "1", "1.0", "100%", "-0.1", "0,1", "2e-5", "%"])("takes %j for no share", (text) => {
  expect(() => parseShareOption(text)).toThrow(/no share/);
});

it("says what is offered, and why it is offered for nothing", () => {
  const lines = earningLines(MAKER, PAGE);
  expect(lines.slice(0, 2)).toEqual([
    "savings earns as J5abcdefghijklmn.",
    "  mixes 0.00 100 000 to 2.00 000 000 BTC for nothing",
  ]);
  expect(lines.join(" ")).toContain("without a fidelity bond");
  expect(lines.join(" ")).toContain("npx supervisor bond make");
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
});

it("warns of a fee that many takers will not see, and of a channel that is down", () => {
  const asked = { offerId: "0", type: "sw0reloffer", minSat: 1, maxSat: 2, txfeeSat: 7, fee: "0.000021" };
  const down = { id: "onion", kind: "onion", state: "down", error: "no \u001b[31mroute" } as const;
  const text = earningLines({ ...MAKER, isFree: false, offers: [asked], channels: [down] }, PAGE).join("\n");
  expect(text).toContain("for 0.0021 % of it, of which 7 sat go to the miners");
  expect(text).toContain("It has no fidelity bond");
  expect(text).toContain("The channel onion is down: no");
  expect(text).not.toContain("\u001b");
});

it("says of each state what it means", () => {
  const heads = (["connecting", "waiting", "ended"] as const).map(
    (state) => makersLines([{ ...MAKER, state, offers: [], why: "nothing is free" }], PAGE)[0],
  );
  expect(heads).toEqual([
    "savings looks for the market: no channel is up yet.",
    "savings offers nothing now: nothing is free.",
    "savings does not earn. nothing is free",
  ]);
  expect(makersLines([], PAGE)).toEqual(["No wallet earns. Start one: npx supervisor earn start"]);
});

it("adds up what the chain shows, month by month, and nothing else", () => {
  const entries = [
    {
      ...JOIN,
      changeSat: 50_000_300,
      note: { role: "maker", feeReceivedSat: 310, txfeeContributionSat: 10 },
    },
    { ...JOIN, changeSat: 150, timeS: JOIN.timeS - 86_400 },
    { ...JOIN, changeSat: 200, timeS: JOIN.timeS - 2 * 86_400 },
    { ...JOIN, changeSat: 900, height: null },
    { ...JOIN, changeSat: -500, role: "taker" },
    { ...JOIN, changeSat: 70_000, role: "deposit", isCoinjoin: false },
  ];
  const report = earnReportOf("savings", entries as never, []);
  expect(report).toEqual({
    wallet: "savings",
    joins: 3,
    mixedSat: 3_000_000,
    earnedSat: 650,
    unconfirmed: 1,
    inVain: { fill: 0, promised: 0, signed: 0 },
    months: [
      { month: "2026-01", joins: 1, mixedSat: 1_000_000, earnedSat: 300 },
      { month: "2025-12", joins: 2, mixedSat: 2_000_000, earnedSat: 350 },
    ],
  });
  const lines = reportLines(report, PAGE);
  expect(lines[0]).toBe("savings earned 650 sat with 3 coinjoins, which mixed 0.03 000 000 BTC of it.");
  expect(lines.at(-1)).toBe("1 coinjoin waits for a block.");
  expect(reportLines(earnReportOf("savings", [], []), PAGE)).toEqual([
    "savings has served no coinjoin that a block shows.",
  ]);
});

it("counts the takers that came to nothing, but not what was sent late", () => {
  const failed = { wallet: "savings", amountSat: 1, why: "", refused: null, startedAtS: 1, endedAtS: 2 };
  const coin = (digit: string) => ({ txid: digit.repeat(64), index: 0 });
  const report = earnReportOf("savings", [{ ...JOIN, spent: [coin("a"), coin("c")] }] as never, [
    { ...failed, step: "signed", coins: [coin("a")] },
    { ...failed, step: "signed", coins: [coin("b")] },
    { ...failed, step: "promised", coins: [coin("c")] },
    { ...failed, step: "fill", coins: [] },
    { ...failed, step: "fill", coins: [], wallet: "another" },
  ]);

  expect(report.inVain).toEqual({ fill: 1, promised: 1, signed: 1 });
  expect(reportLines(report, PAGE).slice(-2)).toEqual([
    "Came to nothing of late: 3 takers: 1 with our signatures, which may still be sent, 1 after our promise, 1 that only asked.",
    "Why: npx supervisor history --failed",
  ]);
});
