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
  const plan = { refusal: undefined as TroupeError | undefined, costs: COSTS };
  const hanging = { isOn: false, asked: 0 };
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
      begun.push(wish as Begun);
      runs.set(id, coinjoinRun({ id }));
      return { id };
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
  return { at, jid, wish, begun, runs, plan, hanging, over, state, ordered, balance };
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
