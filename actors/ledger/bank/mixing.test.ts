import { afterEach, describe, expect, it } from "vitest";
import type { RpcInput } from "../../../bus/contract/contract.ts";
import { type CoinjoinRun, takerContract } from "../../../bus/contracts/taker.ts";
import { type FakeActor, fakeActor } from "../../../bus/fake.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import { LedgerUnderTest } from "../../../tests/harness/ledger/ledger-under-test.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { madeFor, rawOf } from "../../../tests/harness/walletd/coinjoin-sides.ts";
import { ELSEWHERE } from "../../../tests/harness/walletd/robbed-wallets.ts";
import { coinjoinRun } from "../../../tests/harness/xmpp/coinjoin-run.ts";

type Begun = Required<Pick<RpcInput<typeof takerContract, "start">, "id" | "grant" | "makers">> &
  RpcInput<typeof takerContract, "start">;

const ALLOWED = { makerFeesSatMax: 3_000 };
const COSTS = { makerFeesSat: 600, miningFeeSat: 1_500, makerFeesSatMax: 1_200, miningFeeSatMax: 3_000 };
const AMOUNT_SAT = 100_000;

let under: LedgerUnderTest | undefined;
let taker: FakeActor<typeof takerContract> | undefined;
afterEach(async () => {
  await taker?.stop();
  await under?.stop();
  taker = undefined;
  under = undefined;
});

/** A real wallet daemon, and a taker that does nothing by itself. */
async function scene(config: object = {}, limits: object = ALLOWED) {
  const at = await LedgerUnderTest.start(config, false);
  under = at;
  await at.open(limits);
  const begun: Begun[] = [];
  const runs = new Map<string, CoinjoinRun>();
  const plan = { refusal: undefined as TroupeError | undefined, costs: COSTS, isBusy: false };
  const hanging = { isOn: false, asked: 0 };
  /** What the taker says to whoever ends a coinjoin, and what happens meanwhile. */
  const ending = { word: true, ids: [] as string[], meanwhile: async () => {} };
  taker = await fakeActor({ connect: (user) => at.walletd.connect(user) }, takerContract, {
    plan: ({ amountSat, makers = 2 }) => {
      if (plan.refusal !== undefined) throw plan.refusal;
      const offer = { nick: "J5", oid: "0", type: "sw0absoffer", minSizeSat: 1, maxSizeSat: 9e9 };
      const maker = { ...offer, txfeeSat: 0, fee: "300", bondValue: 0, costSat: 300 };
      const found = { plan: "00".repeat(8), makersMin: 2, candidates: 5, satPerVb: 2, channels: [] };
      return {
        ...{ ...found, amountSat: amountSat ?? 0, ...plan.costs },
        makers: Array.from({ length: makers }, () => maker),
      };
    },
    start: (wish) => {
      const id = wish.id ?? "";
      if (plan.isBusy) throw new TroupeError({ code: "TAKER_BUSY", most: 1 }, "no");
      begun.push(wish as Begun);
      runs.set(id, coinjoinRun({ id }));
      return { id };
    },
    cancel: async ({ id }) => {
      ending.ids.push(id);
      await ending.meanwhile();
      if (!runs.has(id)) throw new TroupeError({ code: "TAKER_NO_SUCH_RUN", id }, "there is none");
      if (ending.word) runs.set(id, coinjoinRun({ id, phase: "cancelled", isOver: true }));
      return { isCancelled: ending.word };
    },
    run: async ({ id }) => {
      hanging.asked += 1;
      // Longer than anybody waits for it.
      if (hanging.isOn) await new Promise((resolve) => setTimeout(resolve, 8_000).unref());
      const run = runs.get(id);
      if (run === undefined) throw new TroupeError({ code: "TAKER_NO_SUCH_RUN", id }, "there is none");
      return run;
    },
  });
  const jid = await at.person("alice", 300_000);
  const wish = { jid, address: ELSEWHERE, amountSat: AMOUNT_SAT };
  const over = (id: string, change: Partial<CoinjoinRun>) => {
    runs.set(id, coinjoinRun({ id, isOver: true, ...change }));
    taker?.publisher.event("run.changed", { id, phase: change.phase ?? "failed", isOver: true });
  };
  const state = async (order: string) => (await at.gateway.orderOf({ jid, order })).state;
  const ordered = async () => {
    const { order } = await at.gateway.mix(wish);
    await at.gateway.confirm({ jid, which: { order } });
    return order;
  };
  const balance = async () => {
    const { availableSat, heldSat } = await at.gateway.balance({ jid });
    return { availableSat, heldSat };
  };
  /** Ordered, and with the taker. */
  const underWay = async () => {
    const order = await ordered();
    await waitFor("it to begin", () => begun.some(({ id }) => id === order));
    return order;
  };
  return { at, jid, wish, begun, runs, plan, hanging, ending, over, state, ordered, underWay, balance };
}

/** What a taker gets of walletd with what was lent for the order. */
async function signed(at: LedgerUnderTest, { grant, mixdepth }: Begun): Promise<void> {
  const walletd = at.walletd.as("taker");
  const { makerFeesSatMax, miningFeeSatMax } = COSTS;
  const most = { makerFeesSatMax, miningFeeSatMax };
  const wish = { grant, mixdepth, amountSat: AMOUNT_SAT, destination: ELSEWHERE, ...most };
  const side = await walletd.reserveAsTaker(wish);
  const rawTx = rawOf(madeFor(side, AMOUNT_SAT));
  await walletd.signAsTaker({ grant, reservation: side.reservation, participants: 3, rawTx });
}

describe("a payment by a coinjoin", () => {
  it("says what it will cost and may cost, is held for the most, and begins once with what walletd lends for it", async () => {
    const { at, jid, wish, begun, state, ordered, balance } = await scene();
    expect(await at.gateway.mix({ ...wish, makers: 4 })).toMatchObject({
      ...{ route: "coinjoin", state: "queued", amountSat: AMOUNT_SAT, feeSat: 2_100, feeSatMax: 4_200 },
      coinjoin: { makers: 4, ...COSTS },
    });
    await expect(at.gateway.mix(wish)).rejects.toMatchObject({ code: "LEDGER_REPEATED" });
    await at.gateway.cancel({
      jid,
      which: { order: (await at.gateway.orders({ jid })).orders[0]?.order ?? "" },
    });

    const order = await ordered();
    expect(await balance()).toEqual({ availableSat: 195_800, heldSat: 104_200 });
    await waitFor("it to begin", () => begun.length > 0);
    expect(begun[0]).toMatchObject({
      ...{ id: order, mixdepth: 0, amountSat: AMOUNT_SAT, destination: ELSEWHERE, makers: 2 },
      ...{ makerFeesSatMax: 1_200, miningFeeSatMax: 3_000 },
    });
    expect(await state(order)).toBe("executing");
    // Nobody else learns whose it is, and nobody of another's.
    expect(await at.gateway.payerOf({ order })).toEqual({ jid });
    expect(await at.gateway.payerOf({ order: "00".repeat(8) })).toEqual({ jid: null });
    await at.stopActor();
    await at.startActor();
    await at.sound();
    expect(begun).toHaveLength(1);
  });

  it("that comes to nothing gives all back, with the reason, and can be ordered again", async () => {
    const { at, jid, begun, over, state, ordered, balance } = await scene();
    const order = await ordered();
    await waitFor("it to begin", () => begun.length > 0);
    over(order, { phase: "failed", failure: { code: "TAKER_MAKERS_FAILED", message: "no makers" } });
    await waitFor("it to fail", async () => (await state(order)) === "failed");
    expect(await balance()).toEqual({ availableSat: 300_000, heldSat: 0 });
    expect((await at.gateway.orderOf({ jid, order })).failure).toEqual({
      code: "TAKER_MAKERS_FAILED",
      message: "no makers",
    });
    // Whatever its taker still does: nothing is signed any more.
    await expect(signed(at, begun[0] as Begun)).rejects.toMatchObject({ code: "WALLETD_NO_GRANT" });
    await at.sound();
    expect(await ordered()).not.toBe(order);
  });

  it("that was signed is paid for what it costs, whatever the taker says became of it", async () => {
    const { at, jid, begun, over, state, ordered, balance } = await scene();
    const order = await ordered();
    await waitFor("it to begin", () => begun.length > 0);
    await signed(at, begun[0] as Begun);
    over(order, { phase: "failed", failure: { code: "TAKER_NOT_SENT", message: "nobody has sent it" } });
    await waitFor("it to be booked", async () => (await state(order)) === "broadcast");
    // Two makers for 400 sat each, and the miners' 1,500; what was held beyond is back.
    expect(await balance()).toEqual({ availableSat: 300_000 - AMOUNT_SAT - 2_300, heldSat: 0 });
    expect((await at.gateway.history({ jid })).movements[0]).toMatchObject({
      ...{ kind: "mixed", changeSat: -AMOUNT_SAT - 2_300, feeSat: 2_300, order },
    });
    await at.sound();
  });

  it("whose account is frozen before it is signed is recalled, and never signed after", async () => {
    const { at, begun, underWay, state, balance } = await scene();
    const order = await underWay();
    await at.operator.freeze({ user: { username: "alice" }, why: "a stolen chat" });
    await waitFor("it to be given back", async () => (await state(order)) === "failed");
    expect(await balance()).toEqual({ availableSat: 300_000, heldSat: 0 });
    await expect(signed(at, begun[0] as Begun)).rejects.toMatchObject({ code: "WALLETD_NO_GRANT" });
    await at.sound();
  });

  it("waits with all others for a taker that hangs once, not once for each of them", async () => {
    const { at, begun, hanging, jid, wish } = await scene();
    for (const amountSat of [20_000, 21_000, 22_000]) {
      const { order } = await at.gateway.mix({ ...wish, amountSat });
      await at.gateway.confirm({ jid, which: { order } });
    }
    await waitFor("all to begin", () => begun.length === 3);
    await at.sound();
    Object.assign(hanging, { isOn: true, asked: 0 });
    taker?.publisher.event("run.changed", { id: begun[0]?.id ?? "", phase: "failed", isOver: true });
    await waitFor("the taker to be asked", () => hanging.asked > 0);
    await at.sound();
    expect(hanging.asked).toBeLessThan(3);
  });

  it("is held to a person's limits and second factor as any other", async () => {
    const { at, wish, jid } = await scene({ payment_sat_max: 150_000, strong_sat: 90_000 });
    await expect(at.gateway.mix({ ...wish, amountSat: 150_001 })).rejects.toMatchObject({
      code: "LEDGER_LIMIT",
    });
    await expect(at.gateway.mix({ ...wish, amountSat: 290 })).rejects.toMatchObject({ code: "LEDGER_DUST" });
    const { address } = await at.gateway.receive({ jid });
    await expect(at.gateway.mix({ ...wish, address })).rejects.toMatchObject({ code: "LEDGER_SELF" });
    const order = await at.gateway.mix(wish);
    expect(order.needsSecondFactor).toBe(true);
    const which = { order: order.order };
    await expect(at.gateway.confirm({ jid, which })).rejects.toMatchObject({
      code: "LEDGER_SECOND_FACTOR",
    });
  });

  it("is refused with the reason where it cannot be made, and nothing is queued", async () => {
    const { at, wish, plan, jid } = await scene();
    const why = async () => {
      const refused = await at.gateway.mix(wish).catch((error: unknown) => error);
      return (refused as { data?: { why?: string } }).data?.why;
    };
    const refuse = (code: string, data: object) => {
      plan.refusal = new TroupeError({ code, ...data }, "no");
    };
    refuse("TAKER_FEW_MAKERS", { found: 1, wanted: 2 });
    expect(await why()).toBe("makers");
    refuse("TAKER_BUSY", { most: 1 });
    expect(await why()).toBe("busy");
    plan.refusal = undefined;
    plan.costs = { ...COSTS, makerFeesSat: 3_001, makerFeesSatMax: 6_002 };
    expect(await why()).toBe("price");
    await taker?.stop();
    taker = undefined;
    expect(await why()).toBe("away");
    expect((await at.gateway.orders({ jid })).total).toBe(0);
  });

  it("is not offered where the wallet's owner allows none", async () => {
    const { at, wish } = await scene({}, {});
    expect((await at.gateway.status({})).isMixing).toBe(false);
    await expect(at.gateway.mix(wish)).rejects.toMatchObject({ data: { why: "off" } });
    await at.open(ALLOWED);
    expect((await at.gateway.status({})).isMixing).toBe(true);
  });

  it("does not begin while payments are stopped, and is given up when nobody makes it for an hour", async () => {
    const { at, begun, ordered, runs, state, balance } = await scene();
    const order = await ordered();
    await waitFor("it to begin", () => begun.length > 0);
    // The taker has lost it, and its bank is stopped.
    runs.delete(order);
    await at.operator.halt({ isHalted: true });
    await at.sound();
    expect(begun).toHaveLength(1);
    at.clock.pass(4_000_000);
    await at.operator.halt({ isHalted: false });
    await waitFor("it to be given up", async () => (await state(order)) === "failed");
    expect((await balance()).heldSat).toBe(0);
  });
});

describe("a payment by a coinjoin that its person gives up", () => {
  const ALL = { availableSat: 300_000, heldSat: 0 };
  const failureOf = (asked: Promise<unknown>) =>
    asked.then(
      () => undefined,
      (error: unknown) => error as { code?: string; data?: Record<string, unknown> },
    );

  it("gives all back at once, is ended at the taker, and nothing of it is signed ever after; once more is the same", async () => {
    const { at, jid, begun, ending, underWay, balance } = await scene();
    const order = await underWay();
    const given = await at.gateway.cancel({ jid, which: { order } });
    expect(given).toMatchObject({ order, state: "cancelled", failure: null });
    expect(ending.ids).toEqual([order]);
    expect(await balance()).toEqual(ALL);
    expect(await at.gateway.cancel({ jid, which: { order } })).toMatchObject({ state: "cancelled" });
    expect(await balance()).toEqual(ALL);
    await expect(signed(at, begun[0] as Begun)).rejects.toMatchObject({ code: "WALLETD_NO_GRANT" });
    await at.sound();
    expect((await at.gateway.orderOf({ jid, order })).state).toBe("cancelled");
    expect(begun).toHaveLength(1);
    // What was held can be paid with, once.
    await at.person("bob", 0);
    const all = { jid, to: { username: "bob" }, amountSat: 300_000 };
    const spent = await at.gateway.order(all);
    await at.gateway.confirm({ jid, which: { order: spent.order } });
    expect(await balance()).toEqual({ availableSat: 0, heldSat: 0 });
    await at.sound();
  });

  it("is not given up once it is about to be signed, which the refusal says, and is paid once", async () => {
    const { at, jid, begun, ending, over, state, underWay, balance } = await scene();
    const order = await underWay();
    ending.word = false;
    for (let turn = 0; turn < 2; turn++) {
      expect(await failureOf(at.gateway.cancel({ jid, which: { order } }))).toMatchObject({
        code: "LEDGER_ORDER_OVER",
        data: { state: "signed" },
      });
    }
    expect(await state(order)).toBe("executing");
    await signed(at, begun[0] as Begun);
    over(order, { phase: "done" });
    await waitFor("it to be booked", async () => (await state(order)) === "broadcast");
    expect(await balance()).toEqual({ availableSat: 300_000 - AMOUNT_SAT - 2_300, heldSat: 0 });
    expect(await failureOf(at.gateway.cancel({ jid, which: { order } }))).toMatchObject({
      code: "LEDGER_ORDER_OVER",
      data: { state: "broadcast" },
    });
    await at.sound();
  });

  it.each([
    ["says that it has ended what is signed", false],
    ["signs while it says so", true],
    ["is gone", null],
  ])("is paid, and nothing is given back, where a taker %s", async (_, isMeanwhile) => {
    const { at, jid, begun, ending, state, underWay, balance } = await scene();
    const order = await underWay();
    const sign = () => signed(at, begun[0] as Begun);
    if (isMeanwhile === true) ending.meanwhile = sign;
    else await sign();
    if (isMeanwhile === null) {
      await taker?.stop();
      taker = undefined;
    }
    expect(await failureOf(at.gateway.cancel({ jid, which: { order } }))).toMatchObject({
      code: "LEDGER_ORDER_OVER",
      data: { state: "broadcast" },
    });
    expect(await state(order)).toBe("broadcast");
    expect(await balance()).toEqual({ availableSat: 300_000 - AMOUNT_SAT - 2_300, heldSat: 0 });
    await at.sound();
  });

  it("is given up by walletd's word alone where the taker is gone or knows nothing of it", async () => {
    const { at, jid, runs, underWay, balance } = await scene();
    const lost = await underWay();
    runs.delete(lost);
    expect(await at.gateway.cancel({ jid, which: { order: lost } })).toMatchObject({ state: "cancelled" });
    const order = await underWay();
    await taker?.stop();
    taker = undefined;
    expect(await at.gateway.cancel({ jid, which: { order } })).toMatchObject({ state: "cancelled" });
    expect(await balance()).toEqual(ALL);
    await at.sound();
  });

  it("is given up before it has begun, and never begins then", async () => {
    const { at, jid, begun, plan, ordered, balance } = await scene();
    plan.isBusy = true;
    const order = await ordered();
    expect(await at.gateway.cancel({ jid, which: { order } })).toMatchObject({ state: "cancelled" });
    plan.isBusy = false;
    await at.stopActor();
    await at.startActor();
    await at.sound();
    expect(begun).toEqual([]);
    expect(await balance()).toEqual(ALL);
  });

  it("dies between the taker's word and walletd's: what was held comes back, once", async () => {
    const { at, jid, ending, state, underWay, balance } = await scene();
    const order = await underWay();
    let isAsked = () => {};
    const asked = new Promise<void>((resolve) => {
      isAsked = resolve;
    });
    ending.meanwhile = async () => {
      isAsked();
      await new Promise((resolve) => setTimeout(resolve, 2_000).unref());
    };
    const lost = failureOf(at.gateway.cancel({ jid, which: { order } }));
    await asked;
    await at.stopActor();
    await lost;
    await at.startActor();
    await waitFor("it to be over", async () => ["failed", "cancelled"].includes(await state(order)));
    expect(await balance()).toEqual(ALL);
    await at.sound();
  });

  it("waits where walletd cannot be asked, and nothing of it changes", async () => {
    const { at, jid, state, underWay, balance } = await scene();
    const order = await underWay();
    const held = await balance();
    await at.operator.shut({});
    expect(await failureOf(at.gateway.cancel({ jid, which: { order } }))).toMatchObject({
      code: "LEDGER_NOT_OPEN",
    });
    expect(await state(order)).toBe("executing");
    expect(await balance()).toEqual(held);
    await at.open(ALLOWED);
    await waitFor("the bank to be open", async () => (await at.gateway.status({})).isConnected);
    expect(await at.gateway.cancel({ jid, which: { order } })).toMatchObject({ state: "cancelled" });
    expect(await balance()).toEqual(ALL);
    await at.sound();
  });

  it("is nobody else's to give up, neither by its id nor by its code", async () => {
    const { at, ending, state, underWay } = await scene();
    const order = await underWay();
    const mallory = await at.person("mallory", 1_000);
    for (const which of [{ order }, { code: "ABCDEF" }])
      expect(await failureOf(at.gateway.cancel({ jid: mallory, which }))).toMatchObject({
        code: "LEDGER_NO_ORDER",
      });
    expect(await state(order)).toBe("executing");
    expect(ending.ids).toEqual([]);
  });
});
