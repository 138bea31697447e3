import { afterEach, describe, expect, it } from "vitest";
import { bytesToHex } from "../../bitcoin/bytes.ts";
import { txidOf } from "../../bitcoin/transaction.ts";
import type { CoinjoinRun } from "../../bus/contracts/taker.ts";
import { TroupeError } from "../../runtime/errors.ts";
import { JoinTable, TABLE_WALLET, type TableOptions } from "../../tests/harness/joinmarket/join-table.ts";
import { INPUT_LIES, SIGN_LIES } from "../../tests/harness/joinmarket/lies.ts";
import { DELIVERED, type HubDelivery, LOST } from "../../tests/harness/joinmarket/market-hub.ts";
import type { Lies } from "../../tests/harness/joinmarket/scripted-maker.ts";
import { KeptLog } from "../../tests/harness/kept-log.ts";
import { waitFor } from "../../tests/harness/wait-for.ts";

/** The cheapest three of four are asked first: the liar is one of them, and the fourth can take its place. */
const FOUR: TableOptions = {
  makers: 4,
  config: { chooser: "cheapest", maker_timeout_seconds: 20, sign_timeout_seconds: 20 },
};
const LIAR = 0;
const FEES_SAT = { honest: 200 + 300 + 400, withLiar: 100 + 200 + 300 };

let table: JoinTable | undefined;
let log = new KeptLog();
afterEach(async () => {
  await table?.clear();
  table = undefined;
});

async function set(lies: Lies | undefined): Promise<JoinTable> {
  log = new KeptLog();
  table = await JoinTable.set({ ...FOUR, lies: [lies], log });
  return table;
}

/** Whatever happened: what is gone is what was agreed, nothing is set aside any more, and history and log say why. */
async function settled(at: JoinTable, run: CoinjoinRun, beforeSat: number): Promise<void> {
  await at.money.follow();
  const costSat = run.phase === "done" ? (run.makerFeesSat ?? 0) + (run.miningFeeSat ?? 0) : 0;
  expect(beforeSat - at.walletSat).toBe(costSat);
  await waitFor("the coins to be free", async () => (await at.reservedSat()) === 0);

  const { runs } = await at.taker.runs({});
  expect(runs).toMatchObject([{ id: run.id, phase: run.phase, failure: run.failure, faults: run.faults }]);
  const said = log.lines.filter(({ message }) => message === "a maker failed us");
  expect(said.map(({ context }) => context["why"])).toEqual(run.faults.map(({ why }) => why));
  expect(log.lines.some(({ message }) => message === "a coinjoin has failed")).toBe(run.phase === "failed");
}

/** What a liar knows of us. */
const told = () => ({
  foreignCoin: { txid: table?.makerCoins[0]?.[0]?.txid ?? "", vout: 0 },
  takerAddress: TABLE_WALLET.keys.key({ mixdepth: 0, chain: 1, index: 0 }).address,
});

describe("a maker that in naming its coins", () => {
  for (const [what, lie] of Object.entries(INPUT_LIES)) {
    it(`${what} is replaced, and the coinjoin costs what was agreed`, async () => {
      const at = await set({ inputs: (truth) => lie(truth, told()) });
      const before = at.walletSat;
      const run = await at.join({ makers: 3, makersMin: 3 });

      expect(run).toMatchObject({ phase: "done", makersGood: 3, makerFeesSat: FEES_SAT.honest });
      expect(run.faults).toMatchObject([{ nick: at.makers[LIAR]?.nick, phase: "fill" }]);
      await settled(at, run, before);
    });
  }
});

it("who saw a transaction that came to nothing finds none of its addresses in the next one", async () => {
  const at = await set(SIGN_LIES["leaves out one of its coins"]);
  const before = at.walletSat;
  const run = await at.join({ makers: 3, makersMin: 3 });

  expect(run).toMatchObject({ phase: "done", attempt: 2 });
  const shown = at.makers.flatMap(({ signed }) => signed);
  const [scripts, ...others] = [...new Map(shown.map((one) => [txidOf(one), one])).values()].map(
    ({ outputs }) => outputs.map(({ scriptPubKey }) => bytesToHex(scriptPubKey)),
  );
  expect(others).toHaveLength(1);
  expect(others[0]?.filter((script) => scripts?.includes(script))).toEqual([]);
  await settled(at, run, before);
});

it("of two makers that name one coin the one that cannot sign for it is left out", async () => {
  const at = await set({
    inputs: (truth) => ({
      ...truth,
      coins: [
        ...truth.coins,
        ...(table?.makerCoins[1] ?? []).slice(0, 1).map(({ txid, vout }) => ({ txid, vout })),
      ],
    }),
  });
  const before = at.walletSat;
  const run = await at.join({ makers: 3, makersMin: 3 });

  expect(run).toMatchObject({ phase: "done", makersGood: 3, makerFeesSat: FEES_SAT.honest });
  expect(run.faults.map(({ nick }) => nick)).toContain(at.makers[LIAR]?.nick);
  await settled(at, run, before);
});

describe("a maker that in signing", () => {
  for (const [what, lies] of Object.entries(SIGN_LIES)) {
    it(`${what} is left out, and those that signed are asked again`, async () => {
      const at = await set(lies);
      const before = at.walletSat;
      const run = await at.join({ makers: 3, makersMin: 3 });

      expect(run).toMatchObject({ phase: "done", attempt: 2, makersGood: 3, makerFeesSat: FEES_SAT.honest });
      expect(run.faults).toMatchObject([{ nick: at.makers[LIAR]?.nick, phase: "sign" }]);
      expect(at.money.sent).toHaveLength(1);
      await settled(at, run, before);
    });
  }
});

const MAKER_WORDS = ["sw0absoffer", "pubkey", "ioauth", "sig"] as const;
const TAKER_WORDS = ["fill", "auth", "tx"] as const;
/** More than any line of the market holds. */
const OVERLONG = 60_000;

/** What happens on the way to or from one maker; the others are not touched. */
const ACCIDENTS: Readonly<Record<string, (text: string) => readonly HubDelivery[]>> = {
  lost: () => LOST,
  late: () => [{ delayMs: 7_000 }],
  doubled: () => [...DELIVERED, { delayMs: 3 }, { delayMs: 30 }],
  cut: (text) => [{ text: text.slice(0, text.length / 2) }],
  garbled: (text) => [{ text: `${text.slice(0, -9)}AAAA${text.slice(-5)}` }],
  "without end": (text) => [{ text: `${text}${"A".repeat(OVERLONG)}` }],
  "followed by noise": (text) => [{}, { text: `${text.split(" ")[0]} AAAA` }, { text: "nonsense 1 2 3" }],
  "replayed as another command": (text) => [
    {},
    ...[...MAKER_WORDS, ...TAKER_WORDS, "push", "error"].map((word) => ({
      text: [word, ...text.split(" ").slice(1)].join(" "),
      delayMs: 1,
    })),
  ],
};

describe("a word between us and a maker that is", () => {
  for (const [what, accident] of Object.entries(ACCIDENTS)) {
    for (const word of [...MAKER_WORDS, ...TAKER_WORDS]) {
      it(`${what} (${word}) costs us nothing but a maker`, async () => {
        const at = await set(undefined);
        const nick = at.makers[LIAR]?.nick;
        at.hub.fate = ({ from, to, text }) =>
          (from === nick || to === nick) && text.startsWith(`${word} `) ? accident(text) : DELIVERED;
        const before = at.walletSat;
        const run = await at.join({ makers: 3, makersMin: 3 });

        expect(run).toMatchObject({ phase: "done", makersGood: 3 });
        expect([FEES_SAT.honest, FEES_SAT.withLiar]).toContain(run.makerFeesSat);
        await settled(at, run, before);
      });
    }
  }
});

it("a maker that says that our commitment was used is asked by another one, or left out, and never by the same", async () => {
  const at = await set(undefined);
  const nick = at.makers[LIAR]?.nick;
  let refused = "";
  at.hub.fate = ({ from, text, number }) => {
    if (from !== nick || !text.startsWith("pubkey ") || refused !== "") return DELIVERED;
    refused = at.hub.sent
      .slice(0, number)
      .findLast(({ to, text: said }) => to === nick && said.startsWith("fill "))
      ?.text.split(" P")[1] as string;
    return [{ text: `error Commitment is blacklisted: ${refused}` }];
  };
  const before = at.walletSat;
  const run = await at.join({ makers: 3, makersMin: 3 });
  const fills = at.hub.sent.filter(({ to, text }) => to === nick && text.startsWith("fill "));
  const shown = fills.map(({ text }) => text.split(" P")[1]);

  expect(run).toMatchObject({ phase: "done", makersGood: 3 });
  expect(shown[0]).toBe(refused);
  expect(shown.slice(1)).not.toContain(refused);
  expect(run.faults).toMatchObject([{ nick, phase: "fill", why: expect.stringContaining("blacklisted") }]);
  await settled(at, run, before);
});

describe("a coinjoin that cannot be", () => {
  it("ends with its coins free and the reason when no maker answers", async () => {
    const at = await set(undefined);
    at.hub.fate = ({ text }) => (text.startsWith("fill ") ? LOST : DELIVERED);
    const before = at.walletSat;
    const run = await at.join({ makers: 3, makersMin: 3 });

    expect(run).toMatchObject({ phase: "failed", txid: null, failure: { code: "TAKER_MAKERS_FAILED" } });
    expect(run.faults.map(({ why }) => why)).toEqual(Array(4).fill("it did not answer in time"));
    expect(at.money.sent).toEqual([]);
    await settled(at, run, before);
  });

  it("ends at once when its makers leave the market", async () => {
    const at = await set(undefined);
    const gone = at.makers.map(({ nick }) => nick);
    at.hub.fate = ({ text }) => {
      if (text.startsWith("auth ")) for (const nick of gone) at.hub.cut(nick);
      return DELIVERED;
    };
    const run = await at.join({ makers: 3, makersMin: 3 });

    expect(run).toMatchObject({ phase: "failed" });
    expect(run.faults.some(({ why }) => why === "it has left the market")).toBe(true);
  });

  it("goes on with fewer makers when no coin can stand for one more question", async () => {
    const at = await set({ inputs: () => undefined });
    const run = await at.join({ makers: 3, makersMin: 2, limits: { absoluteSat: 300, relative: "0" } });
    expect(run).toMatchObject({ phase: "done", makersGood: 2, makerFeesSat: 500 });
  });

  it("does not go beyond what was granted for makers", async () => {
    const at = await set(undefined);
    const run = await at.join({ makers: 3, makersMin: 3, makerFeesSatMax: 599 });
    expect(run).toMatchObject({ phase: "failed", failure: { code: "TAKER_FEW_MAKERS" } });
    expect(await at.reservedSat()).toBe(0);
  });

  it("leaves out whoever brings so many coins that the miners would get more than was granted", async () => {
    const at = await set(undefined);
    const run = await at.join({ makers: 3, makersMin: 3, miningFeeSatMax: 900 });
    expect(run).toMatchObject({ phase: "failed", failure: { code: "TAKER_MINING_FEE" } });
    expect(at.money.sent).toEqual([]);
    await waitFor("the coins to be free", async () => (await at.reservedSat()) === 0);
  });

  it("says which coins cannot stand for it", async () => {
    table = await JoinTable.set({ ...FOUR, config: { ...FOUR.config, commitment_age: 100 } });
    const run = await table.join({ makers: 3 });
    expect(run.failure).toEqual({
      code: "TAKER_NO_COMMITMENT",
      message: "Makers accept none of the coins as proof: 1 too young, 0 too small, 0 used up.",
    });
    await waitFor("the coins to be free", async () => (await table?.reservedSat()) === 0);
  });
});

describe("a part of the program that has just been killed", () => {
  const away = new TroupeError(
    { code: "MEMPOOL_NODE_AWAY", reason: "refused", outcome: "not_executed" },
    "The node does not answer.",
  );

  it.each([
    ["the node", away, "MEMPOOL_NODE_AWAY"],
    ["what the mempool leans on", new Error("its own call failed"), "BUS_INTERNAL"],
  ])("is told as such by a plan, and may be asked again: %s", async (_, failure, reason) => {
    table = await JoinTable.set();
    const wish = { amountSat: 300_000, availableSat: 1_000_000, coins: 1, makers: 3, makersMin: 2 };
    table.money.feesFailure = failure;
    const told = { code: "TAKER_NOT_READY", data: { reason, retryable: true } };
    await expect(table.taker.plan(wish)).rejects.toMatchObject(told);
    const tumble = { availableSat: [1_000_000, 0], isPriced: false };
    await expect(table.taker.tumblePlan(tumble)).rejects.toMatchObject(told);

    table.money.feesFailure = undefined;
    expect((await table.taker.plan(wish)).makers).toHaveLength(3);
  });

  it("ends a coinjoin that needs it with its coins free, and says what to do", async () => {
    table = await JoinTable.set();
    table.money.feesFailure = away;
    const run = await table.join({ makers: 3 });
    expect(run).toMatchObject({ phase: "failed", failure: { code: "TAKER_NOT_READY" } });
    expect(run.failure?.message).toContain("ask again in a moment");
    expect(await table.reservedSat()).toBe(0);
  });
});
