import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { madeFor, rawOf, signedCoins } from "../../../tests/harness/walletd/coinjoin-sides.ts";
import {
  changed,
  ELSEWHERE,
  ELSEWHERE_SCRIPT,
  HOUR_MS,
  MINE,
  OTHERS,
  ownScript,
  paying,
  RobbedWallets,
} from "../../../tests/harness/walletd/robbed-wallets.ts";
import type { WalletdUnderTest } from "../../../tests/harness/walletd/walletd-under-test.ts";

/**
 * The bank lends coins for a coinjoin that pays one order. The ledger, the door that it believes and the taker may each be
 * broken into: together they get no more than a day's sum, and nothing but that payment is ever signed.
 */
let scene: RobbedWallets;
let under: WalletdUnderTest;
beforeEach(async () => {
  scene = await RobbedWallets.start();
  ({ under } = scene);
});
afterEach(() => scene.stop());

const LIMITS = {
  mixdepths: [0],
  amountSatMax: 100_000,
  makerFeesSatMax: 2_000,
  miningFeeSatMax: 3_000,
  daySatMax: 150_000,
};
const COSTS = { makerFeesSatMax: 1_000, miningFeeSatMax: 2_000 };
const AMOUNT_SAT = 60_000;
const THEIR_PLACE = { mixdepth: 0, chain: 0, index: 3 };
const THEIRS = OTHERS.keys.key(THEIR_PLACE).address;
const CHANGE = { mixdepth: 0, chain: 1, index: 0 };
const NO_GRANT = { code: "WALLETD_NO_GRANT" };
const OVER = { code: "WALLETD_LENDING_OVER" };
const DAY = { code: "WALLETD_LIMIT", data: { limit: "daySatMax" } };
const beyond = (limit: string) => ({ code: "WALLETD_BEYOND_GRANT", data: { limit } });
const unsignable = (why: string) => ({ code: "WALLETD_WILL_NOT_SIGN", data: { why } });
const id = (number: number) => number.toString(16).padStart(16, "0");

async function bank(limits: Partial<typeof LIMITS> = {}, ttlS = 86_400) {
  const { grant } = await under
    .as("operator")
    .grant({ ...scene.mine, caller: "ledger", limits: { ...LIMITS, ...limits }, ttlS });
  const wish = { grant, order: id(1), address: ELSEWHERE, amountSat: AMOUNT_SAT, ...COSTS };
  return { grant, wish, ledger: under.as("ledger"), taker: under.as("taker") };
}

/** Lent and reserved, with the transaction that keeps to it. */
async function lent() {
  const { grant, wish, ledger, taker } = await bank();
  const loan = await ledger.bankLend(wish);
  const asked = {
    ...{ grant: loan.grant, mixdepth: 0, amountSat: AMOUNT_SAT, destination: ELSEWHERE as string | null },
    ...COSTS,
  };
  const side = await taker.reserveAsTaker(asked);
  const { reservation } = side;
  const sign = (transaction: ReturnType<typeof madeFor>, participants = 3) =>
    taker.signAsTaker({ grant: loan.grant, reservation, participants, rawTx: rawOf(transaction) });
  return { grant, wish, ledger, taker, loan, asked, side, sign, good: madeFor(side, AMOUNT_SAT) };
}

describe("coins of the bank that are lent for a coinjoin", () => {
  it("are signed away for the payment that the order wants, so that the refusals below mean something", async () => {
    const { grant, wish, ledger, sign, good, side } = await lent();
    expect(side.coins.every(({ amountSat }) => [300_000, 400_000].includes(amountSat))).toBe(true);
    expect(side.changeAddress).toBe(MINE.keys.key(CHANGE).address);
    expect(signedCoins(good, await sign(good), side)).toBe(side.coins.length);

    const [payout] = (await ledger.bankView({ grant, sinceHeight: 0, orders: [wish.order] })).payouts;
    // Two makers for 400 sat each, and the miners' 1,500.
    expect(payout).toMatchObject({ order: wish.order, feeSat: 2_300, isSeen: false });
  });

  it("pay nobody else, no other sum, and come back as change of the bank's own", async () => {
    const { sign, good, side } = await lent();
    const change = ownScript(0, 1, 0);
    const changeSat = good.outputs.find(paying(change))?.amountSat ?? 0n;
    const elsewhere = OTHERS.keys.key(THEIR_PLACE).scriptPubKey;
    await expect(
      sign(changed(good, paying(ELSEWHERE_SCRIPT), { scriptPubKey: elsewhere })),
    ).rejects.toMatchObject(unsignable("destination-not-once"));
    await expect(
      sign(changed(good, paying(ELSEWHERE_SCRIPT), { amountSat: BigInt(AMOUNT_SAT + 1) })),
    ).rejects.toMatchObject(unsignable("destination-amount"));
    for (const to of [{ scriptPubKey: elsewhere }, { scriptPubKey: ownScript(1, 1, 0) }]) {
      await expect(sign(changed(good, paying(change), to))).rejects.toMatchObject(
        unsignable("costs-too-much"),
      );
    }
    // Somebody else's gift, which the books do not know.
    await expect(
      sign(changed(good, paying(change), { amountSat: changeSat + 2_301n })),
    ).rejects.toMatchObject(unsignable("costs-less-than-nothing"));
    // It costs 2,300 sat, and may cost 3,000.
    await expect(sign(changed(good, paying(change), { amountSat: changeSat - 701n }))).rejects.toMatchObject(
      unsignable("costs-too-much"),
    );
    await expect(sign(madeFor(side, AMOUNT_SAT, 800))).rejects.toMatchObject(unsignable("costs-too-much"));
    await sign(changed(good, paying(change), { amountSat: changeSat - 700n }));
  });

  it("are reserved for that order only: no other address, not our own, no other sum, mixdepth or costs", async () => {
    const { asked, taker } = await lent();
    const tries: [object, object][] = [
      [{ destination: THEIRS }, beyond("destinations")],
      [{ destination: null }, beyond("destinations")],
      [{ amountSat: AMOUNT_SAT - 1 }, beyond("amountSat")],
      [{ amountSat: null }, beyond("amountSat")],
      [{ mixdepth: 1 }, beyond("mixdepths")],
      [{ makerFeesSatMax: COSTS.makerFeesSatMax + 1 }, beyond("makerFeesSatMax")],
      [{ miningFeeSatMax: COSTS.miningFeeSatMax + 1 }, beyond("miningFeeSatMax")],
    ];
    for (const [change, refusal] of tries) {
      await expect(taker.reserveAsTaker({ ...asked, ...change })).rejects.toMatchObject(refusal);
    }
  });

  it("are signed once, also when two transactions are reserved for and asked for at once", async () => {
    const { asked, taker, side, loan, sign, good } = await lent();
    const second = await taker.reserveAsTaker(asked);
    expect(second.reservation).not.toBe(side.reservation);
    const again = { grant: loan.grant, reservation: second.reservation, participants: 3 };
    const signed = await Promise.allSettled([
      sign(good),
      taker.signAsTaker({ ...again, rawTx: rawOf(madeFor(second, AMOUNT_SAT)) }),
      sign({ ...good, locktime: good.locktime + 1 }),
    ]);
    expect(signed.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected"]);
    for (const refused of signed.slice(1)) {
      expect(refused).toMatchObject({ reason: unsignable("already-signed") });
    }
    // The same once more is harmless: a taker that was killed asks for it.
    expect((await sign(good)).signatures).toHaveLength(side.coins.length);
  });

  it("are for the taker alone, and only the ledger lends and recalls them", async () => {
    const { loan, asked, wish, grant } = await lent();
    for (const other of ["maker", "ledger"] as const) {
      await expect(under.as(other).resign({ grant: loan.grant })).rejects.toMatchObject(NO_GRANT);
    }
    await expect(under.as("gateway").reserveAsTaker(asked)).rejects.toThrow();
    for (const other of ["gateway", "taker", "maker", "operator"] as const) {
      await expect(under.as(other).bankLend({ ...wish, order: id(2) })).rejects.toThrow();
      await expect(under.as(other).bankRecall({ grant, order: wish.order })).rejects.toThrow();
    }
    // With the grant that it was lent it lends nothing on.
    await expect(
      under.as("ledger").bankLend({ ...wish, grant: loan.grant, order: id(2) }),
    ).rejects.toMatchObject(NO_GRANT);
  });

  it("are signed no more when they were recalled, and a recalled order is not lent for again", async () => {
    const { grant, wish, ledger, sign, good, taker, asked } = await lent();
    expect(await ledger.bankRecall({ grant, order: wish.order })).toEqual({ signed: null });
    await expect(sign(good)).rejects.toMatchObject(NO_GRANT);
    await expect(taker.reserveAsTaker(asked)).rejects.toMatchObject(NO_GRANT);
    await expect(ledger.bankLend(wish)).rejects.toMatchObject(OVER);
    // Its coins are free: the other mixdepth's are not, so all of this one's have to be there.
    const { coinjoin } = await ledger.bankView({ grant, sinceHeight: 0 });
    expect(coinjoin?.coinsSat).toEqual([400_000, 300_000]);
    // One that was recalled before it was lent neither: its lending may have been under way.
    expect(await ledger.bankRecall({ grant, order: id(7) })).toEqual({ signed: null });
    await expect(ledger.bankLend({ ...wish, order: id(7) })).rejects.toMatchObject(OVER);
  });

  it("are either signed or recalled, never both, whichever is asked first", async () => {
    for (const isSignedFirst of [true, false]) {
      const { grant, wish, ledger } = await bank({ daySatMax: 1_000_000 });
      const order = id(isSignedFirst ? 10 : 11);
      const loan = await ledger.bankLend({ ...wish, order });
      const asked = { grant: loan.grant, mixdepth: 0, amountSat: AMOUNT_SAT, destination: ELSEWHERE };
      const side = await under.as("taker").reserveAsTaker({ ...asked, ...COSTS });
      const { reservation } = side;
      const rawTx = rawOf(madeFor(side, AMOUNT_SAT));
      const sign = () =>
        under.as("taker").signAsTaker({ grant: loan.grant, reservation, participants: 3, rawTx });
      const recall = () => ledger.bankRecall({ grant, order });
      const [first, second] = isSignedFirst ? [sign(), recall()] : [recall(), sign()];
      const [signed, recalled] = await Promise.allSettled(isSignedFirst ? [first, second] : [second, first]);
      const isSigned = signed?.status === "fulfilled";
      expect(recalled).toMatchObject({ status: "fulfilled" });
      const told = (recalled as PromiseFulfilledResult<{ signed: object | null }>).value;
      expect(told.signed !== null).toBe(isSigned);
    }
  });

  it("that are signed stay paid when they are recalled, and the order is neither lent for nor paid again", async () => {
    const { grant, wish, ledger, sign, good } = await lent();
    await sign(good);
    const { signed } = await ledger.bankRecall({ grant, order: wish.order });
    expect(signed?.payout?.feeSat).toBe(2_300);
    const { coinjoin } = await ledger.bankView({ grant, sinceHeight: 0 });
    expect(coinjoin?.coinsSat.length).toBe(1);
    const { order, address, amountSat } = wish;
    await expect(
      ledger.payOut({ grant, order, address, amountSat, feeSatMax: 2_000, blocks: 6 }),
    ).rejects.toMatchObject({ code: "BUS_CONFLICT" });
  });

  it("end after an hour, with the bank's grant, and with the wallet's lock", async () => {
    const { wish, ledger, sign, good } = await lent();
    scene.clock.pass(HOUR_MS + 1_000);
    await expect(sign(good)).rejects.toMatchObject(NO_GRANT);
    await expect(ledger.bankLend(wish)).rejects.toMatchObject(OVER);

    const short = await bank({}, 600);
    const brief = await ledger.bankLend({ ...short.wish, order: id(2) });
    expect(brief.expiresAtS).toBeLessThanOrEqual(Math.floor(scene.clock.now() / 1_000) + 600);

    const revoked = await bank({ daySatMax: 1_000_000 });
    const third = await ledger.bankLend({ ...revoked.wish, order: id(3) });
    await ledger.resign({ grant: revoked.grant });
    await expect(under.as("taker").funds({ grant: third.grant })).rejects.toMatchObject(NO_GRANT);

    const locked = await bank({ daySatMax: 1_000_000 });
    const fourth = await ledger.bankLend({ ...locked.wish, order: id(4) });
    const again = await under.reopened("mine");
    await expect(under.as("taker").funds({ grant: fourth.grant })).rejects.toMatchObject(NO_GRANT);
    const later = await under
      .as("operator")
      .grant({ ...again, caller: "ledger", limits: { ...LIMITS, daySatMax: 1_000_000 }, ttlS: 600 });
    await expect(ledger.bankLend({ ...locked.wish, grant: later.grant, order: id(4) })).rejects.toMatchObject(
      OVER,
    );
  });
});

describe("a ledger that has been broken into", () => {
  it("is lent nothing beyond what the owner allows for a payment, its makers and its miners, and nothing where he allows none", async () => {
    const { wish, ledger } = await bank();
    const tries = {
      amountSatMax: { amountSat: LIMITS.amountSatMax + 1 },
      makerFeesSatMax: { makerFeesSatMax: LIMITS.makerFeesSatMax + 1 },
      miningFeeSatMax: { miningFeeSatMax: LIMITS.miningFeeSatMax + 1 },
    };
    for (const [limit, change] of Object.entries(tries)) {
      await expect(ledger.bankLend({ ...wish, ...change })).rejects.toMatchObject(beyond(limit));
    }
    await expect(ledger.bankLend({ ...wish, amountSat: 100 })).rejects.toMatchObject({
      code: "WALLETD_DUST",
    });
    await expect(ledger.bankLend({ ...wish, address: "nowhere-at-all" })).rejects.toMatchObject({
      code: "WALLETD_ADDRESS",
    });
    // What comes back to a change address would look like change.
    await expect(ledger.bankLend({ ...wish, address: MINE.keys.key(CHANGE).address })).rejects.toMatchObject({
      code: "WALLETD_ADDRESS",
    });
    const none = await bank({ makerFeesSatMax: 0 });
    await expect(ledger.bankLend({ ...none.wish, makerFeesSatMax: 0 })).rejects.toMatchObject(
      beyond("makerFeesSatMax"),
    );
    expect((await ledger.bankView({ grant: none.grant, sinceHeight: 0 })).coinjoin).toBeNull();
  });

  it("is lent and pays together no more than a day's sum, whichever grant it uses, and gets back what was never signed", async () => {
    const { grant, wish, ledger } = await bank();
    // 63,000 of 150,000 each.
    const first = await ledger.bankLend(wish);
    await ledger.bankLend({ ...wish, order: id(2) });
    await expect(ledger.bankLend({ ...wish, order: id(3) })).rejects.toMatchObject(DAY);
    const payment = { grant, address: ELSEWHERE, amountSat: 40_000, feeSatMax: 2_000, blocks: 6 };
    await expect(ledger.payOut({ ...payment, order: id(4) })).rejects.toMatchObject(DAY);
    const other = await bank();
    await expect(ledger.bankLend({ ...other.wish, order: id(3) })).rejects.toMatchObject(DAY);
    expect(await ledger.bankLend(wish)).toEqual(first);

    await ledger.bankRecall({ grant, order: id(2) });
    await ledger.payOut({ ...payment, order: id(4) });
    await expect(ledger.bankLend({ ...wish, order: id(3) })).rejects.toMatchObject(DAY);
    scene.clock.pass(25 * HOUR_MS);
    const later = await bank();
    await ledger.bankLend({ ...later.wish, order: id(3) });
  });

  it("is counted for all that makers and miners may get together, beside the payment", async () => {
    const short = await bank({ daySatMax: 62_999 });
    await expect(short.ledger.bankLend(short.wish)).rejects.toMatchObject(DAY);
    const enough = await bank({ daySatMax: 63_000 });
    await enough.ledger.bankLend(enough.wish);
  });

  it("finds the day's sum as it was when the wallet daemon was away and the wallet locked in between", async () => {
    const { grant, sign, good, ledger } = await lent();
    await sign(good);
    // The bank's grant outlives it, and what the owner allows for makers.
    await under.reopened("mine");
    const wish = { grant, order: id(5), address: ELSEWHERE, amountSat: 90_000, ...COSTS };
    // 62,300 were signed away.
    await expect(ledger.bankLend(wish)).rejects.toMatchObject(DAY);
    await ledger.bankLend({ ...wish, amountSat: 84_000 });
  });

  it("neither lends for nor pays an order again when the wallet remembers only that it was signed", async () => {
    const { wish, sign, good, ledger } = await lent();
    await sign(good);
    scene.clock.pass(91 * 24 * HOUR_MS);
    const again = await under.reopened("mine");
    const limits = { ...LIMITS, daySatMax: 1_000_000 };
    const { grant } = await under.as("operator").grant({ ...again, caller: "ledger", limits, ttlS: 86_400 });
    const taken = { code: "BUS_CONFLICT" };
    await expect(ledger.bankLend({ ...wish, grant })).rejects.toMatchObject(taken);
    const { order, address, amountSat } = wish;
    const payment = { grant, order, address, amountSat, feeSatMax: 2_000, blocks: 6 };
    await expect(ledger.payOut(payment)).rejects.toMatchObject(taken);
    expect(await ledger.bankRecall({ grant, order })).toEqual({ signed: { payout: null } });
  });

  it("changes nothing of an order that is lent for, and lends no order that was paid", async () => {
    const { grant, wish, ledger } = await bank({ daySatMax: 1_000_000 });
    await ledger.bankLend(wish);
    const others = [{ amountSat: AMOUNT_SAT + 1 }, { address: THEIRS }, { makerFeesSatMax: 999 }];
    for (const change of others) {
      await expect(ledger.bankLend({ ...wish, ...change })).rejects.toMatchObject({ code: "BUS_CONFLICT" });
    }
    const payment = { grant, address: ELSEWHERE, amountSat: 40_000, feeSatMax: 2_000, blocks: 6 };
    await ledger.payOut({ ...payment, order: id(6) });
    await expect(ledger.bankLend({ ...wish, order: id(6) })).rejects.toMatchObject({ code: "BUS_CONFLICT" });
    const { signed } = await ledger.bankRecall({ grant, order: id(6) });
    expect(signed).toEqual({ payout: null });
  });

  it("lends and recalls at a pace at which the wallet's file does not grow without end", async () => {
    const { grant, ledger } = await bank({ daySatMax: 100_000_000 });
    const asked = await Promise.allSettled(
      Array.from({ length: 110 }, (_, number) => ledger.bankRecall({ grant, order: id(100 + number) })),
    );
    expect(asked.filter(({ status }) => status === "fulfilled").length).toBeLessThanOrEqual(101);
    expect(asked.at(-1)).toMatchObject({ reason: { code: "WALLETD_TOO_FAST" } });

    const other = await bank({ daySatMax: 100_000_000 });
    let lendings = 0;
    for (let number = 300; number < 410; number++) {
      const order = id(number);
      const isLent = await ledger.bankLend({ ...other.wish, order }).then(
        () => true,
        (error: { code: string }) => error.code !== "WALLETD_TOO_FAST",
      );
      if (!isLent) break;
      lendings += 1;
      await ledger.bankRecall({ grant: other.grant, order });
    }
    expect(lendings).toBeLessThanOrEqual(101);
  });
});
