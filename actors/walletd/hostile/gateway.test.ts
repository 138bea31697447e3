import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { madeFor, rawOf } from "../../../tests/harness/walletd/coinjoin-sides.ts";
import { ELSEWHERE, FEES, HOUR_MS, RobbedWallets } from "../../../tests/harness/walletd/robbed-wallets.ts";
import {
  type Owned,
  PASSWORD,
  type WalletdUnderTest,
} from "../../../tests/harness/walletd/walletd-under-test.ts";

/**
 * Each of these actors may be broken into. Here one that wants our money stands in its place, on a real broker with the
 * release's rights, and tries one thing after the other.
 */
let scene: RobbedWallets;
let under: WalletdUnderTest;
let mine: Owned;
beforeEach(async () => {
  scene = await RobbedWallets.start();
  ({ under, mine } = scene);
});
afterEach(() => scene.stop());

describe("a gateway that has been broken into", () => {
  const gateway = () => under.as("gateway");

  it("has no use for a session of the operator's, nor for one that it guesses", async () => {
    await expect(gateway().balances(mine)).rejects.toMatchObject({ code: "WALLETD_NO_SESSION" });
    for (let i = 0; i < 50; i++) {
      const session = randomBytes(32).toString("hex");
      await expect(gateway().balances({ wallet: "mine", session })).rejects.toMatchObject({
        code: "WALLETD_NO_SESSION",
      });
    }
    const near = `${mine.session.slice(0, -1)}${mine.session.endsWith("0") ? "1" : "0"}`;
    await expect(under.as("operator").balances({ ...mine, session: near })).rejects.toMatchObject({
      code: "WALLETD_NO_SESSION",
    });
  });

  it("learns from a refusal neither whether a wallet is there nor whether it is unlocked", async () => {
    const refusals = [];
    for (const wallet of ["mine", "nothing of this name"]) {
      const asked = gateway().balances({ wallet, session: "00".repeat(32) });
      refusals.push(await asked.catch(({ code, message }) => [code, message.replaceAll(wallet, "")]));
    }
    expect(refusals[0]).toEqual(refusals[1]);
  });

  it("reaches with one wallet's session no other wallet", async () => {
    const { session } = await gateway().unlock({ wallet: "mine", password: PASSWORD });
    const wrong = { wallet: "others", session };
    const asked = [
      gateway().balances(wrong),
      gateway().coins(wrong),
      gateway().display(wrong),
      gateway().history(wrong),
      gateway().newAddress({ ...wrong, mixdepth: 0 }),
      gateway().revealSeed({ ...wrong, password: PASSWORD }),
      gateway().send(
        { ...wrong, mixdepth: 0, payments: [{ address: ELSEWHERE, amountSat: 1_000 }] },
        { key: "x" },
      ),
      gateway().grant({ ...wrong, caller: "maker", limits: {} }),
      gateway().lock(wrong),
    ];
    for (const answer of await Promise.allSettled(asked)) {
      expect(answer).toMatchObject({ status: "rejected", reason: { code: "WALLETD_NO_SESSION" } });
    }
    expect((await under.as("operator").balances(scene.others)).totalSat).toBe(900_000);
  });

  it("gets no words without the password, which it may not guess for long", async () => {
    const { session } = await gateway().unlock({ wallet: "mine", password: PASSWORD });
    const owned = { wallet: "mine", session };

    await expect(gateway().revealSeed(owned)).rejects.toMatchObject({ code: "WALLETD_PASSWORD_NEEDED" });
    scene.clock.stand();
    const codes: string[] = [];
    for (let i = 0; i < 6; i++) {
      await gateway()
        .revealSeed({ ...owned, password: `guess ${i}` })
        .catch(({ code }) => codes.push(code));
    }
    expect(codes.slice(0, 3)).toEqual(Array(3).fill("WALLETD_WRONG_PASSWORD"));
    expect(codes.slice(3)).toContain("WALLETD_TOO_MANY_TRIES");
    // By whichever door, with the right one too, until it has waited.
    await expect(
      gateway().changePassword({ ...owned, password: "guess", newPassword: "x" }),
    ).rejects.toMatchObject({
      code: "WALLETD_TOO_MANY_TRIES",
    });
  });

  it("sends no more in a day than the operator has allowed, in however many pieces and whatever the clock says", async () => {
    const { session } = await gateway().unlock({ wallet: "mine", password: PASSWORD });
    const send = (amountSat: number, key: string, mixdepth = 0) =>
      gateway().send(
        {
          wallet: "mine",
          session,
          mixdepth,
          payments: [{ address: ELSEWHERE, amountSat }],
          fee: { satPerVb: 1 },
        },
        { key },
      );
    await send(100_000, "a");
    await expect(send(100_000, "b")).rejects.toMatchObject({ code: "WALLETD_LIMIT" });
    const both = await Promise.allSettled([send(30_000, "c"), send(30_000, "d", 1)]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    scene.clock.jump(-48 * HOUR_MS);
    await expect(send(30_000, "e")).rejects.toMatchObject({ code: "WALLETD_LIMIT" });
    // What stays in the wallet is no loss, but its fee is.
    const { address } = await gateway().newAddress({ wallet: "mine", session, mixdepth: 2 });
    const moved = { wallet: "mine", session, mixdepth: 1, payments: [{ address, amountSat: 50_000 }] };
    await expect(gateway().send({ ...moved, fee: { satPerVb: 1 } }, { key: "f" })).resolves.toMatchObject({
      isSent: true,
    });
    const dear = { ...moved, payments: [{ address, amountSat: 50_000 }], fee: { satPerVb: 340 } };
    await expect(gateway().send(dear, { key: "g" })).rejects.toMatchObject({ code: "WALLETD_LIMIT" });
  });

  it("sends no more in a day by coinjoins than by payments, and what they cost counts too", async () => {
    const { session } = await gateway().unlock({ wallet: "mine", password: PASSWORD });
    const owned = { wallet: "mine", session };
    const limits = { ...FEES, destinations: [ELSEWHERE] };
    const { grant } = await gateway().grant({ ...owned, caller: "taker", limits });
    const taker = under.as("taker");
    const reserved = (amountSat: number | null, destination: string | null, mixdepth: number) =>
      taker.reserveAsTaker({ grant, mixdepth, amountSat, destination, ...FEES });
    const signed = async (side: Awaited<ReturnType<typeof reserved>>, amountSat: number) =>
      taker.signAsTaker({
        ...{ grant, reservation: side.reservation, participants: 3 },
        rawTx: rawOf(madeFor(side, amountSat)),
      });
    const limit = { code: "WALLETD_LIMIT" };
    for (const amountSat of [200_000, null])
      await expect(reserved(amountSat, ELSEWHERE, 1)).rejects.toMatchObject(limit);
    const two = [await reserved(100_000, ELSEWHERE, 0), await reserved(100_000, ELSEWHERE, 0)] as const;
    await signed(two[0], 100_000);
    await signed(two[0], 100_000);
    await expect(signed(two[1], 100_000)).rejects.toMatchObject(limit);
    const payments = [{ address: ELSEWHERE, amountSat: 60_000 }];
    const send = { ...owned, mixdepth: 1, payments, fee: { satPerVb: 1 } };
    await expect(gateway().send(send, { key: "a" })).rejects.toMatchObject(limit);
    // What is mixed and stays is no loss.
    await signed(await reserved(300_000, null, 1), 300_000);
  });

  it("is given so many addresses in an hour, and no more, while the operator still gets its own", async () => {
    scene.clock.stand();
    const { session } = await gateway().unlock({ wallet: "mine", password: PASSWORD });
    const ask = () => gateway().newAddress({ wallet: "mine", session, mixdepth: 2 });
    const codes: string[] = [];
    for (let round = 0; round < 16; round++) {
      const asked = await Promise.allSettled(Array.from({ length: 20 }, ask));
      codes.push(...asked.map((one) => (one.status === "fulfilled" ? "given" : one.reason.code)));
    }
    expect(codes.filter((code) => code === "given")).toHaveLength(300);
    expect(codes.slice(300)).toEqual(Array(20).fill("WALLETD_TOO_FAST"));
    await under.as("operator").newAddress({ ...mine, mixdepth: 2 });
    // By unlocking it once more it gets none either.
    const again = await gateway().unlock({ wallet: "mine", password: PASSWORD });
    const more = gateway().newAddress({ wallet: "mine", session: again.session, mixdepth: 2 });
    await expect(more).rejects.toMatchObject({ code: "WALLETD_TOO_FAST", data: { most: 300 } });
    scene.clock.pass(HOUR_MS);
    await ask();
  });

  it("spends nothing that is frozen, reserved, or in another mixdepth, by whatever it names", async () => {
    const { session } = await gateway().unlock({ wallet: "mine", password: PASSWORD });
    const owned = { wallet: "mine", session };
    const { coins } = await gateway().coins(owned);
    const coin = (amountSat: number) => {
      const { txid = "", index = 0 } = coins.find((one) => one.amountSat === amountSat) ?? {};
      return { txid, index };
    };
    const send = (inputs: { txid: string; index: number }[], mixdepth = 0) =>
      gateway().send(
        {
          ...owned,
          mixdepth,
          payments: [{ address: ELSEWHERE, amountSat: 1_000 }],
          fee: { satPerVb: 1 },
          inputs,
        },
        { key: `${Math.random()}` },
      );
    await under.as("operator").freeze({ ...mine, outpoints: [coin(300_000)], isFrozen: true });
    await scene.makerSide(1);

    await expect(send([coin(300_000)])).rejects.toMatchObject({ data: { why: "frozen" } });
    await expect(send([coin(500_000)], 1)).rejects.toMatchObject({ data: { why: "reserved" } });
    await expect(send([coin(400_000), coin(500_000)])).rejects.toMatchObject({
      data: { why: "other-mixdepth" },
    });
    await expect(send([{ txid: "ab".repeat(32), index: 0 }])).rejects.toMatchObject({
      data: { why: "not-ours" },
    });
    expect(under.money.sent).toEqual([]);
  });

  it("cannot use what it granted, which is for a maker or a taker only", async () => {
    const { session } = await gateway().unlock({ wallet: "mine", password: PASSWORD });
    const { grant } = await gateway().grant({ wallet: "mine", session, caller: "maker", limits: {} });
    const client = gateway() as unknown as { funds(input: object): Promise<unknown> };

    await expect(client.funds({ grant })).rejects.toMatchObject({ code: "BUS_FORBIDDEN" });
    await expect(under.as("taker").funds({ grant })).rejects.toMatchObject({ code: "WALLETD_NO_GRANT" });
  });

  it("signs no message with a bond's key, nor with a key outside the wallet's tree", async () => {
    const { session } = await gateway().unlock({ wallet: "mine", password: PASSWORD });
    const sign = (path: string) => gateway().signMessage({ wallet: "mine", session, path, message: "m" });

    for (const path of [
      "m/84'/1'/0'/2/0:1577836800",
      "m/84'/0'/0'/0/0",
      "m/44'/1'/0'/0/0",
      "m",
      "m/84'/1'/0'/5/0",
    ]) {
      await expect(sign(path), path).rejects.toMatchObject({ code: "WALLETD_NO_SUCH_PLACE" });
    }
  });
});
