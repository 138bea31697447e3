import { describe, expect, it } from "vitest";
import type { FailedJoin } from "../../bus/contracts/maker.ts";
import type { CoinjoinRun } from "../../bus/contracts/taker.ts";
import { plainPaint } from "../view/terminal.ts";
import { type OneWallet, type PastCoinjoin, pastCoinjoins } from "./coinjoin-history.ts";
import { pastLines } from "./history-view.ts";

type Entry = OneWallet["history"]["entries"][number];
type Unsent = OneWallet["history"]["unsent"][number];

const txidOf = (digit: string) => digit.repeat(64);

function entry(more: Partial<Entry>): Entry {
  return {
    ...{ txid: txidOf("a"), height: 100, confirmations: 3, timeS: 1_000, kind: "cj internal", role: "taker" },
    ...{ isCoinjoin: true, changeSat: -900, balanceSat: 5_000, amountSat: 50_000, feeSat: null },
    ...{ coinjoinSat: 50_000, participants: 4, fromMixdepth: 0, toMixdepth: 1, coins: 2 },
    ...{ destination: null, changeAddress: null, spent: [], label: "", note: null },
    ...more,
  } as Entry;
}

function note(more: Partial<NonNullable<Entry["note"]>>): NonNullable<Entry["note"]> {
  return {
    ...{ role: "taker", isSuccess: true, failure: null, amountSat: 50_000, inputs: 1, inputSat: 60_000 },
    ...{ peers: ["J5a", "J5b", "J5c"], feeReceivedSat: 0, txfeeContributionSat: 0, makerFeesSat: 600 },
    ...{ miningFeeSat: 300, startedAtS: 900, completedAtS: 990, broadcastBy: "self" },
    ...more,
  };
}

function run(more: Partial<CoinjoinRun>): CoinjoinRun {
  return {
    ...{ id: "00".repeat(8), version: 3, phase: "done", isOver: true, progress: "", attempt: 1, mixdepth: 0 },
    ...{ isSweep: false, amountSat: 50_000, makersWanted: 3, makersAsked: 3, makersGood: 3, makersSigned: 3 },
    ...{ makerFeesSat: 600, miningFeeSat: 300, txid: txidOf("a"), broadcastBy: "self", faults: [] },
    ...{ failure: null, startedAtS: 900, endedAtS: 990 },
    ...more,
  };
}

function wallet(name: string, entries: readonly Entry[], unsent: readonly Unsent[] = []): OneWallet {
  return { wallet: name, history: { entries: [...entries], unsent: [...unsent] } };
}

const lost: Unsent = {
  ...{ txid: txidOf("e"), state: "lost", timeS: 3_000, isCoinjoin: true, amountSat: 70_000 },
  ...{ conflictTxid: null, label: "", note: note({}) },
};

describe("what coinjoins did", () => {
  it("is told once of each, by the wallet and by the taker together", () => {
    expect(pastCoinjoins([wallet("mine", [entry({ note: note({}) })])], [run({})])).toMatchObject([
      {
        ...{ role: "taker", wallet: "mine", run: "00".repeat(8), state: "confirmed", confirmations: 3 },
        ...{ amountSat: 50_000, earnedSat: -900, counterparties: 3, phase: "done" },
      },
    ]);
  });

  it("is told of both sides where two wallets here were in the same one", () => {
    const maker = entry({
      role: "maker",
      changeSat: 200,
      note: note({ role: "maker", feeReceivedSat: 200 }),
    });
    const told = pastCoinjoins([wallet("mine", [entry({})]), wallet("earner", [maker])], [run({})]);

    expect(told.map(({ wallet, role }) => [wallet, role])).toEqual([
      ["mine", "taker"],
      ["earner", "maker"],
    ]);
    expect(told[1]).toMatchObject({ earnedSat: 200, run: null, phase: null });
  });

  it("does not take what was sent elsewhere for what it cost", () => {
    const [told] = pastCoinjoins([wallet("mine", [entry({ changeSat: -50_900, note: note({}) })])], []);

    expect(told?.earnedSat).toBe(-900);
  });

  it("does not take what a taker sent to our maker's own wallet for what that maker earned", () => {
    const served = note({ role: "maker", feeReceivedSat: 450, txfeeContributionSat: 50 });
    const both = entry({ role: "maker", changeSat: 114_159_980, note: served });

    expect(pastCoinjoins([wallet("earner", [both])], [])[0]?.earnedSat).toBe(400);
    expect(
      pastCoinjoins([wallet("earner", [entry({ role: "maker", changeSat: 70 })])], [])[0]?.earnedSat,
    ).toBe(70);
  });

  it("leaves out payments and deposits", () => {
    const others = [entry({ role: "send", isCoinjoin: false }), entry({ role: "deposit", isCoinjoin: true })];

    expect(pastCoinjoins([wallet("mine", others)], [])).toEqual([]);
  });

  it("has those that came to nothing, with the reason and how far they came, and those on their way", () => {
    const failure = { code: "TAKER_MAKERS_FAILED", message: "Two makers fell silent." };
    const runs = [
      run({ id: "11".repeat(8), phase: "failed", txid: null, failure, makersGood: 1, startedAtS: 2_000 }),
      run({ id: "22".repeat(8), phase: "fill", txid: null, isOver: false, startedAtS: 4_000 }),
    ];
    const told = pastCoinjoins([wallet("mine", [], [lost])], runs);

    expect(told.map(({ state }) => state)).toEqual(["underway", "lost", "failed"]);
    expect(told[2]).toMatchObject({ wallet: null, earnedSat: 0, counterparties: 1, failure });
    expect(told[1]).toMatchObject({ wallet: "mine", earnedSat: -900, counterparties: 3 });
  });
});

describe("takers that were served in vain", () => {
  const coin = { txid: txidOf("c"), index: 4 };
  const failed = (more: Partial<FailedJoin>): FailedJoin => ({
    ...{ wallet: "earner", step: "promised", amountSat: 60_000, coins: [coin], refused: null },
    ...{ why: "the taker has been silent for too long", startedAtS: 500, endedAtS: 810 },
    ...more,
  });

  it("are told with how far they came, the coins that they were promised, and why they ended", () => {
    const refused = "tx: our output is missing";
    const told = pastCoinjoins(
      [wallet("earner", [])],
      [],
      [failed({}), failed({ step: "fill", coins: [], refused })],
    );

    expect(told).toMatchObject([
      {
        ...{ role: "maker", wallet: "earner", txid: null, state: "failed", phase: "promised", earnedSat: 0 },
        ...{
          promised: [`${coin.txid}:4`],
          failure: { code: null, message: "the taker has been silent for too long" },
        },
      },
      {
        phase: "fill",
        promised: [],
        failure: { message: `${refused}; the taker has been silent for too long` },
      },
    ]);
    const lines = pastLines(told, { total: 2, notShown: [] }, plainPaint).join("\n");
    expect(lines).toMatch(new RegExp(`ended: promised +promised ${coin.txid}:4`));
    expect(lines).toContain(
      "A taker ended: tx: our output is missing; the taker has been silent for too long",
    );
  });

  it("are not told of wallets that are not open here, nor where the coinjoin was sent after all", () => {
    const signed = failed({ step: "signed" });
    const made = wallet("earner", [entry({ role: "maker", spent: [coin] })]);

    expect(pastCoinjoins([made], [], [signed]).map(({ state }) => state)).toEqual(["confirmed"]);
    expect(pastCoinjoins([wallet("earner", [])], [], [signed])).toHaveLength(1);
    expect(pastCoinjoins([wallet("mine", [])], [], [signed])).toEqual([]);
  });
});

it("is a table, with each reason told once and the wallets that are not in it", () => {
  const failure = { code: "TAKER_FEW_MAKERS", message: "Nobody\u001b[31m came." };
  const failed = ["1", "2"].map((digit) =>
    run({ id: digit.repeat(16), phase: "failed", txid: null, failure }),
  );
  const told = pastCoinjoins([wallet("mine", [entry({ role: "maker", changeSat: 1_200 })])], failed);
  const lines = pastLines(told, { total: 5, notShown: ["cold"] }, plainPaint);

  expect(lines.join("\n")).toMatch(/maker +mine +0\.00 050 000 +\+1,200 +3 +3 blocks +a{64}/);
  expect(lines.filter((line) => line.startsWith("TAKER_FEW_MAKERS: "))).toHaveLength(1);
  expect(lines.join("\n")).not.toContain("\u001b");
  expect(lines).toContain("2 older ones: add --lines 5.");
  expect(lines.at(-1)).toContain("cold");
  expect(pastLines([], { total: 0, notShown: [] }, plainPaint)).toEqual(["There is no coinjoin to show."]);
});

it("stands on a terminal of 80 columns with the transaction below its row", () => {
  const failure = { code: "TAKER_FEW_MAKERS", message: "3 makers can be asked. ".repeat(6) };
  const told = pastCoinjoins([wallet("mine", [entry({})])], [run({ phase: "failed", txid: null, failure })]);
  const lines = pastLines(
    told,
    { total: 9, notShown: ["maker-1", "maker-2", "a-wallet-of-old"] },
    plainPaint,
    80,
  );
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  expect(lines).toContain(`  ${txidOf("a")}`);
});

it("breaks no row of 80 columns by a large amount: the state stands with the transaction", () => {
  const [mixed] = pastCoinjoins([wallet("maker-1", [entry({ role: "maker", confirmations: 2_350 })])], []);
  const rows = [{ ...mixed, amountSat: 12_345_678_901, earnedSat: 114_159_980 } as PastCoinjoin];
  const lines = pastLines(rows, { total: 1, notShown: [] }, plainPaint, 80);
  expect(lines).toHaveLength(3);
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  expect(lines[2]).toBe(`  2350 blocks  ${txidOf("a")}`);
});
