import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hexToBytes, txidToBytes } from "../../../bitcoin/bytes.ts";
import { parseTransaction, type Transaction } from "../../../bitcoin/transaction.ts";
import { scriptNumber } from "../../../tests/harness/joinmarket/parties.ts";
import { MAKER_TERMS, rawOf, takenFrom } from "../../../tests/harness/walletd/coinjoin-sides.ts";
import {
  changed,
  HOUR_MS,
  MINE,
  ownScript,
  paying,
  RobbedWallets,
} from "../../../tests/harness/walletd/robbed-wallets.ts";
import type { Owned, WalletdUnderTest } from "../../../tests/harness/walletd/walletd-under-test.ts";

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

describe("a maker that has been broken into", () => {
  const refusedBy = (why: string) => ({ code: "WALLETD_WILL_NOT_SIGN", data: { why } });

  it("gets a signature for what was promised, so that the refusals below mean something", async () => {
    const { sign, good } = await scene.makerSide();

    expect((await sign(good)).signatures).toHaveLength(1);
  });

  it("cannot send the mixed amount, or the change, to somebody else", async () => {
    const { sign, good } = await scene.makerSide();

    await expect(
      sign(changed(good, paying(ownScript(1, 1, 0)), { scriptPubKey: scriptNumber(66) })),
    ).rejects.toMatchObject(refusedBy("coinjoin-output-not-once"));
    await expect(
      sign(changed(good, paying(ownScript(0, 1, 0)), { scriptPubKey: scriptNumber(66) })),
    ).rejects.toMatchObject(refusedBy("change-output-not-once"));
  });

  it("cannot pay the miners, or anybody, out of what is ours", async () => {
    const { sign, good } = await scene.makerSide();
    const changeSat = good.outputs.find(paying(ownScript(0, 1, 0)))?.amountSat ?? 0n;

    await expect(
      sign(changed(good, paying(ownScript(0, 1, 0)), { amountSat: changeSat - 1n })),
    ).rejects.toMatchObject(refusedBy("change-output-too-small"));
    await expect(
      sign(changed(good, paying(ownScript(1, 1, 0)), { amountSat: 199_999n })),
    ).rejects.toMatchObject(refusedBy("coinjoin-output-too-small"));
  });

  it("cannot reserve on terms by which we lose", async () => {
    const grant = await scene.grantTo("maker");
    const wish = { grant, mixdepth: 0, amountSat: 200_000 };

    await expect(
      under.as("maker").reserveAsMaker({ ...wish, coinjoinFeeSat: 0, txfeeSat: 50_000 }),
    ).rejects.toMatchObject({ code: "WALLETD_BEYOND_GRANT" });
  });

  it("gets no signature for an input that it has not reserved, of this mixdepth or another", async () => {
    const { sign, good, side } = await scene.makerSide();
    const { coins } = await under.as("operator").coins(mine);
    const more = coins
      .filter(({ txid }) => !side.coins.some((reserved) => reserved.txid === txid))
      .map(({ txid, index }) => ({
        ...{ previousTxidBytes: txidToBytes(txid as never), previousIndex: index },
        ...{ scriptSig: new Uint8Array(0), sequence: 0xffff_fffe, witness: [] },
      }));
    const { signatures } = await sign({ ...good, inputs: [...good.inputs, ...more] });

    expect(more).toHaveLength(2);
    // Of all our inputs in it only the reserved one is signed, and so nobody can send it.
    expect(signatures.map(({ index }) => index)).toHaveLength(1);
    expect(signatures[0]?.index).toBeLessThan(good.inputs.length);
  });

  it("gets nothing for a transaction that spends other coins, or one of them twice", async () => {
    const { sign, good, side } = await scene.makerSide();
    const isOwn = (input: Transaction["inputs"][number]) =>
      side.coins.some(
        ({ txid }) => Buffer.compare(input.previousTxidBytes, txidToBytes(txid as never)) === 0,
      );
    const without = { ...good, inputs: good.inputs.filter((input) => !isOwn(input)) };
    const twice = { ...good, inputs: [...good.inputs, ...good.inputs.filter(isOwn)] };

    await expect(sign(without)).rejects.toMatchObject(refusedBy("own-coin-missing"));
    await expect(sign(twice)).rejects.toMatchObject(refusedBy("malformed"));
  });

  it("gets signatures over all of the transaction, of no other kind, and none to choose", async () => {
    const { sign, good } = await scene.makerSide();
    const { signatures } = await sign(good);

    for (const { signature, witness } of signatures) {
      expect(signature.endsWith("01")).toBe(true);
      expect(witness[0]).toBe(signature);
    }
    const input = { grant: "ab".repeat(32), reservation: "ab".repeat(16), rawTx: rawOf(good), sighash: 3 };
    await expect(under.as("maker").signAsMaker(input)).rejects.toMatchObject({ code: "WALLETD_NO_GRANT" });
  });

  it("gets no second signature for a reservation, also when both are asked for at once", async () => {
    const { sign, good } = await scene.makerSide();
    const other = { ...good, locktime: good.locktime + 1 };
    const both = await Promise.allSettled([sign(good), sign(other)]);

    expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    await expect(sign(other)).rejects.toMatchObject(refusedBy("already-signed"));
    // Nor after it has given the coins back.
    const { grant, side, sign: again } = await scene.makerSide();
    await again(takenFrom(side));
    await under.as("maker").release({ grant, reservation: side.reservation });
    await expect(again({ ...takenFrom(side), locktime: 7 })).rejects.toMatchObject(
      refusedBy("already-signed"),
    );
  });

  it("gets nothing for a reservation that has run out, was given back, or never was", async () => {
    const first = await scene.makerSide();
    await under.as("maker").release({ grant: first.grant, reservation: first.side.reservation });
    await expect(first.sign(first.good)).rejects.toMatchObject({ code: "WALLETD_NO_RESERVATION" });

    const second = await scene.makerSide();
    scene.clock.pass(HOUR_MS);
    await expect(second.sign(second.good)).rejects.toMatchObject({ code: "WALLETD_NO_RESERVATION" });

    const grant = await scene.grantTo("maker");
    for (const reservation of ["00".repeat(16), randomBytes(16).toString("hex")]) {
      const asked = under.as("maker").signAsMaker({ grant, reservation, rawTx: rawOf(second.good) });
      await expect(asked).rejects.toMatchObject({ code: "WALLETD_NO_RESERVATION" });
    }
  });

  it("cannot use another grant's reservation, though both are its own", async () => {
    const { side, good } = await scene.makerSide();
    const grant = await scene.grantTo("maker");
    const { reservation } = side;
    const asked = under.as("maker").signAsMaker({ grant, reservation, rawTx: rawOf(good) });

    await expect(asked).rejects.toMatchObject({ code: "WALLETD_NO_RESERVATION" });
    await under.as("maker").release({ grant, reservation });
    expect((await under.as("operator").balances(mine)).mixdepths[0]?.reservedSat).toBeGreaterThan(0);
  });

  it("cannot use a grant of the taker's, one that it made up, or one that has ended", async () => {
    const maker = under.as("maker");
    const taken = await scene.grantTo("taker");
    const brief = await scene.grantTo("maker", {}, 10);
    scene.clock.pass(11_000);
    const made = Array.from({ length: 20 }, () => randomBytes(32).toString("hex"));
    for (const grant of [taken, brief, ...made]) {
      await expect(maker.funds({ grant })).rejects.toMatchObject({ code: "WALLETD_NO_GRANT" });
      await expect(maker.reserveAsMaker({ grant, mixdepth: 0, ...MAKER_TERMS })).rejects.toMatchObject({
        code: "WALLETD_NO_GRANT",
      });
      await expect(maker.bondProof({ grant, makerNick: "a", takerNick: "b" })).rejects.toMatchObject({
        code: "WALLETD_NO_GRANT",
      });
    }
    // The name of a grant, which others may see, is not the grant.
    const { grants } = await under.as("operator").status(mine);
    const named = `${grants[0]?.id}`.padEnd(64, "0");
    await expect(maker.funds({ grant: named })).rejects.toMatchObject({ code: "WALLETD_NO_GRANT" });
  });

  it("reaches no other mixdepth, no larger amount and no larger sum than its grant says, also all at once", async () => {
    const limits = { mixdepths: [0], amountSatMax: 250_000, totalSatMax: 250_000 };
    const grant = await scene.grantTo("maker", limits);
    const maker = under.as("maker");
    const wish = { grant, mixdepth: 0, ...MAKER_TERMS };

    await expect(maker.reserveAsMaker({ ...wish, mixdepth: 1 })).rejects.toMatchObject({
      data: { limit: "mixdepths" },
    });
    await expect(maker.reserveAsMaker({ ...wish, mixdepth: 99 })).rejects.toMatchObject({
      data: { limit: "mixdepths" },
    });
    await expect(maker.reserveAsMaker({ ...wish, amountSat: 250_001 })).rejects.toMatchObject({
      data: { limit: "amountSatMax" },
    });
    expect((await maker.funds({ grant })).mixdepths.map(({ mixdepth }) => mixdepth)).toEqual([0]);
    const sides = [await maker.reserveAsMaker(wish), await maker.reserveAsMaker(wish)];
    const signed = await Promise.allSettled(
      sides.map((side) =>
        maker.signAsMaker({ grant, reservation: side.reservation, rawTx: rawOf(takenFrom(side)) }),
      ),
    );
    expect(signed.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(signed.find(({ status }) => status === "rejected")).toMatchObject({
      reason: { code: "WALLETD_BEYOND_GRANT", data: { limit: "totalSatMax" } },
    });
  });

  it("cannot make the wallet endless by reserving and giving back, and may mix again an hour later", async () => {
    scene.clock.stand();
    const grant = await scene.grantTo("maker");
    const maker = under.as("maker");
    const code = async () => {
      try {
        const { reservation } = await maker.reserveAsMaker({ grant, mixdepth: 0, ...MAKER_TERMS });
        await maker.release({ grant, reservation });
        return "reserved";
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    const codes: string[] = [];
    while (codes.at(-1) !== "WALLETD_TOO_FAST" && codes.length < 150) codes.push(await code());

    expect(codes).toEqual([...Array(100).fill("reserved"), "WALLETD_TOO_FAST"]);
    const { address, path } = await under.as("operator").newAddress({ ...mine, mixdepth: 0, chain: 1 });
    expect([address, path]).toEqual([
      MINE.keys.key({ mixdepth: 0, chain: 1, index: 100 }).address,
      "m/84'/1'/0'/1/100",
    ]);
    // The next grant is the owner's to give.
    scene.clock.pass(HOUR_MS);
    expect(await code()).toBe("reserved");
  });

  it("gets no signature for a coin that its owner has frozen meanwhile", async () => {
    const { side, sign, good } = await scene.makerSide();
    const outpoints = side.coins.map(({ txid, index }) => ({ txid, index }));
    await under.as("operator").freeze({ ...mine, outpoints, isFrozen: true });

    await expect(sign(good)).rejects.toMatchObject(refusedBy("coin-frozen"));
  });

  it("gets nothing more when the wallet is locked or its grant revoked", async () => {
    const { grant, sign, good } = await scene.makerSide();
    await under.as("operator").revoke(mine);
    await expect(sign(good)).rejects.toMatchObject({ code: "WALLETD_NO_GRANT" });
    const second = await scene.makerSide();
    await under.as("operator").lock(mine);
    await expect(second.sign(second.good)).rejects.toMatchObject({ code: "WALLETD_NO_GRANT" });
    await expect(under.as("maker").funds({ grant })).rejects.toMatchObject({ code: "WALLETD_NO_GRANT" });
  });

  it("cannot sign as a taker does, whose rules are others", async () => {
    const { grant, side, good } = await scene.makerSide();
    const client = under.as("maker") as unknown as { signAsTaker(input: object): Promise<unknown> };
    const asked = { grant, reservation: side.reservation, rawTx: rawOf(good), participants: 2 };

    await expect(client.signAsTaker(asked)).rejects.toMatchObject({ code: "BUS_FORBIDDEN" });
    await expect(under.as("taker").signAsTaker(asked)).rejects.toMatchObject({ code: "WALLETD_NO_GRANT" });
  });

  it("cannot make its bond's proof say something else than two nicks", async () => {
    const key = MINE.keys.key({ mixdepth: 0, chain: 2, index: 70 * 12 });
    await under.money.pay({ script: key.scriptPubKey, amountSat: 5_000_000 });
    const bonded = await under.recovered("bonded", MINE.words);
    const { grant } = await under.as("operator").grant({ ...bonded, caller: "maker", limits: {} });
    const prove = (makerNick: string, takerNick: string) =>
      under.as("maker").bondProof({ grant, makerNick, takerNick });

    expect((await prove("J5maker", "J5taker")).proof).not.toBeNull();
    for (const nick of ["fidelity-bond-cert|", "a|b", "", "J5\u0000", "J5 a"]) {
      await expect(prove(nick, "J5taker"), nick).rejects.toThrow();
      await expect(prove("J5maker", nick), nick).rejects.toThrow();
    }
  });

  it("writes no notes on transactions that are not ours, nor in the taker's name", async () => {
    const grant = await scene.grantTo("maker");
    const note = {
      ...{ role: "maker" as const, isSuccess: false, failure: null, amountSat: 0, inputs: 0, inputSat: 0 },
      ...{ peers: [], feeReceivedSat: 0, txfeeContributionSat: 0, makerFeesSat: 0, miningFeeSat: 0 },
      ...{ startedAtS: 1, completedAtS: null, broadcastBy: "" },
    };
    const add = (txid: string, role: "maker" | "taker") =>
      under.as("maker").addHistoryNote({ grant, txid, note: { ...note, role } });
    const { coins } = await under.as("operator").coins(mine);

    await expect(add("ab".repeat(32), "maker")).rejects.toMatchObject({ data: { limit: "txid" } });
    await expect(add(coins[0]?.txid ?? "", "taker")).rejects.toMatchObject({ data: { limit: "role" } });
  });
});

describe("a transaction from outside", () => {
  it("is refused in words when it is none, and with nothing signed", async () => {
    const { grant, side, good } = await scene.makerSide();
    const whole = rawOf(good);
    const broken = ["00", whole.slice(0, -2), `${whole}00`, "ff".repeat(1_000), whole.replace(/^02/, "ff")];
    for (const rawTx of broken) {
      const asked = under.as("maker").signAsMaker({ grant, reservation: side.reservation, rawTx });
      const code = await asked.then(
        () => "signed",
        (error) => error.code,
      );
      // A version of another number is nobody's loss.
      const isJustOtherVersion = rawTx.startsWith("ff000000");
      expect(code, rawTx.slice(0, 20)).toBe(isJustOtherVersion ? "signed" : "WALLETD_WILL_NOT_SIGN");
    }
    expect(parseTransaction(hexToBytes(whole)).outputs).toHaveLength(good.outputs.length);
  });
});
