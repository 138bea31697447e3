import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hexToBytes, txidToBytes } from "../../bitcoin/bytes.ts";
import { parseTransaction, type Transaction } from "../../bitcoin/transaction.ts";
import { ConnectedBus } from "../../bus/connected-bus.ts";
import { walletdContract } from "../../bus/contracts/walletd.ts";
import { silentLog } from "../../bus/fake.ts";
import { scriptNumber } from "../../tests/harness/joinmarket/parties.ts";
import { MAKER_TERMS, madeFor, rawOf, takenFrom } from "../../tests/harness/walletd/coinjoin-sides.ts";
import { stillWorld } from "../../tests/harness/walletd/money-world.ts";
import {
  HastyClock,
  knownWallet,
  type Owned,
  PASSWORD,
  type WalletdCaller,
  WalletdUnderTest,
} from "../../tests/harness/walletd/walletd-under-test.ts";

/**
 * Each of these actors may be broken into. Here one that wants our money stands in its place, on a real broker with the
 * release's rights, and tries one thing after the other.
 */
const MINE = knownWallet(21);
const OTHERS = knownWallet(22);
const ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const FEES = { makerFeesSatMax: 1_000, miningFeeSatMax: 5_000 };
const HOUR_MS = 3_600_000;

let clock: HastyClock;
let under: WalletdUnderTest;
/** The wallet that was given to maker and taker, and one that was given to nobody; both unlocked by the operator. */
let mine: Owned;
let others: Owned;
beforeEach(async () => {
  clock = new HastyClock();
  under = await WalletdUnderTest.start(stillWorld(), {
    ...{ clock, carrier: "embedded" },
    config: { mixdepths: 3, gap: 4, seed_over_http: "no", send_sat_per_day: 150_000 },
  });
  const pays = [
    [0, 0, 300_000],
    [0, 1, 400_000],
    [1, 0, 500_000],
  ] as const;
  for (const [mixdepth, index, amountSat] of pays) {
    await under.money.pay({ script: MINE.keys.key({ mixdepth, chain: 0, index }).scriptPubKey, amountSat });
  }
  const script = OTHERS.keys.key({ mixdepth: 0, chain: 0, index: 0 }).scriptPubKey;
  await under.money.pay({ script, amountSat: 900_000 });
  mine = await under.recovered("mine", MINE.words, { hasBonds: false });
  others = await under.recovered("others", OTHERS.words, { hasBonds: false });
});
afterEach(() => under.stop());

async function grantTo(caller: "maker" | "taker", limits: object = {}, ttlS = 86_400): Promise<string> {
  const base = caller === "taker" ? FEES : {};
  const { grant } = await under
    .as("operator")
    .grant({ ...mine, caller, limits: { ...base, ...limits }, ttlS });
  return grant;
}

async function makerSide(mixdepth = 0) {
  const grant = await grantTo("maker");
  const side = await under.as("maker").reserveAsMaker({ grant, mixdepth, ...MAKER_TERMS });
  const sign = (transaction: Transaction) =>
    under.as("maker").signAsMaker({ grant, reservation: side.reservation, rawTx: rawOf(transaction) });
  return { grant, side, sign, good: takenFrom(side) };
}

async function takerSide() {
  const grant = await grantTo("taker", { destinations: [ELSEWHERE] });
  const wish = { grant, mixdepth: 1, amountSat: 200_000, destination: ELSEWHERE, ...FEES };
  const side = await under.as("taker").reserveAsTaker(wish);
  const sign = (transaction: Transaction, participants = 3) =>
    under.as("taker").signAsTaker({
      ...{ grant, reservation: side.reservation, participants },
      rawTx: rawOf(transaction),
    });
  return { grant, side, sign, good: madeFor(side, 200_000) };
}

function change(
  transaction: Transaction,
  at: (output: Transaction["outputs"][number]) => boolean,
  to: Partial<Transaction["outputs"][number]>,
): Transaction {
  const index = transaction.outputs.findIndex(at);
  expect(index, "the output that is changed").toBeGreaterThanOrEqual(0);
  const outputs = transaction.outputs.map((output, i) => (i === index ? { ...output, ...to } : output));
  return { ...transaction, outputs };
}

const paying = (script: Uint8Array) => (output: Transaction["outputs"][number]) =>
  Buffer.compare(output.scriptPubKey, script) === 0;
const own = (mixdepth: number, chain: number, index: number) =>
  MINE.keys.key({ mixdepth, chain, index }).scriptPubKey;

describe("whoever is no owner", () => {
  const OWNER_METHODS = Object.entries(walletdContract.rpcs)
    .filter(([, { callers }]) => !callers.some((caller) => caller === "maker" || caller === "taker"))
    .map(([method]) => method);

  it.each(["maker", "taker"] as const)("is let to none of the owner's methods as a %s", async (caller) => {
    expect(OWNER_METHODS).toEqual(
      expect.arrayContaining([
        "unlock",
        "revealSeed",
        "send",
        "exportFile",
        "grant",
        "signMessage",
        "psbtSign",
      ]),
    );
    const client = under.as(caller) as unknown as Record<
      string,
      (input: object, options?: object) => Promise<unknown>
    >;
    for (const method of OWNER_METHODS) {
      const input = { ...mine, password: PASSWORD, payments: [{ address: ELSEWHERE, amountSat: 1_000 }] };
      await expect(client[method]?.(input, { key: "1" }), method).rejects.toMatchObject({
        // What it may not ask is not even sent; what is malformed besides is not either.
        code: expect.stringMatching(/^BUS_(FORBIDDEN|BAD_REQUEST)$/),
      });
    }
  });

  it.each(["gateway", "maker", "taker"] as const)(
    "is stopped by the broker as a %s that leaves its own client aside",
    async (caller) => {
      const transport = await under.connect(caller);
      const statuses: string[] = [];
      transport.onStatus((status) => {
        if (status.kind === "denied") statuses.push(`${status.operation} ${status.subject}`);
      });
      const heard: string[] = [];
      const hear = (subject: string) =>
        transport.subscribe(subject, {}, (message) => void heard.push(message.subject));
      // What others ask walletd, what they are answered, and what walletd might be told in another's name.
      hear("troupe.v1.rpc.walletd.>");
      hear("_INBOX.operator.>");
      hear("_INBOX.walletd.>");
      hear("troupe.v1.blk.operator.>");
      transport.publish("troupe.v1.rpc.walletd.main.revealSeed.operator", Buffer.from("{}"));
      transport.publish("troupe.v1.evt.indexer.main.block.connected", Buffer.from("{}"));
      transport.publish("troupe.v1.evt.mempool.main.view.changed", Buffer.from("{}"));
      await transport.flush().catch(() => undefined);
      await under.as("operator").revealSeed({ ...mine, password: PASSWORD });
      await under.as("operator").balances(mine);
      await transport.flush().catch(() => undefined);

      expect(heard).toEqual([]);
      expect(statuses).toEqual(
        expect.arrayContaining([
          "subscribe troupe.v1.rpc.walletd.>",
          "subscribe _INBOX.operator.>",
          "subscribe _INBOX.walletd.>",
          "publish troupe.v1.rpc.walletd.main.revealSeed.operator",
          "publish troupe.v1.evt.indexer.main.block.connected",
          "publish troupe.v1.evt.mempool.main.view.changed",
        ]),
      );
    },
  );

  it("hears in events and states that something changed, and nothing of what there is", async () => {
    const bus = new ConnectedBus(await under.connect("gateway"), { log: silentLog() });
    const heard: unknown[] = [];
    for (const event of ["wallet.changed", "transaction.seen", "wallet.unlocked", "wallet.locked"] as const) {
      await bus.onEvent(walletdContract, event, (body) => void heard.push(body));
    }
    await bus.onState(walletdContract, "wallets", (body) => void heard.push(body));
    await under.as("operator").newAddress({ ...mine, mixdepth: 0 });
    await under
      .as("operator")
      .send(
        { ...mine, mixdepth: 1, payments: [{ address: ELSEWHERE, amountSat: 20_000 }], fee: { satPerVb: 2 } },
        { key: "k" },
      );
    await under.money.mine(1);
    await under.level(mine);
    await under.as("operator").lock(others);
    await bus.flush();
    const text = JSON.stringify(heard);
    await bus.close();

    expect(heard.length).toBeGreaterThan(3);
    expect(text).not.toMatch(/bcrt1|tprv|xprv|0200000000/);
    expect(text).not.toContain(mine.session);
    for (const word of MINE.words.split(" ").slice(-1)) expect(text).not.toContain(word);
    expect(text).not.toMatch(/amount|Sat"/);
  });
});

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
    expect((await under.as("operator").balances(others)).totalSat).toBe(900_000);
  });

  it("gets no words without the password, which it may not guess for long", async () => {
    const { session } = await gateway().unlock({ wallet: "mine", password: PASSWORD });
    const owned = { wallet: "mine", session };

    await expect(gateway().revealSeed(owned)).rejects.toMatchObject({ code: "WALLETD_PASSWORD_NEEDED" });
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
    clock.jump(-48 * HOUR_MS);
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
    await makerSide(1);

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

describe("a maker that has been broken into", () => {
  const refusedBy = (why: string) => ({ code: "WALLETD_WILL_NOT_SIGN", data: { why } });

  it("gets a signature for what was promised, so that the refusals below mean something", async () => {
    const { sign, good } = await makerSide();

    expect((await sign(good)).signatures).toHaveLength(1);
  });

  it("cannot send the mixed amount, or the change, to somebody else", async () => {
    const { sign, good } = await makerSide();

    await expect(
      sign(change(good, paying(own(1, 1, 0)), { scriptPubKey: scriptNumber(66) })),
    ).rejects.toMatchObject(refusedBy("coinjoin-output-not-once"));
    await expect(
      sign(change(good, paying(own(0, 1, 0)), { scriptPubKey: scriptNumber(66) })),
    ).rejects.toMatchObject(refusedBy("change-output-not-once"));
  });

  it("cannot pay the miners, or anybody, out of what is ours", async () => {
    const { sign, good } = await makerSide();
    const changeSat = good.outputs.find(paying(own(0, 1, 0)))?.amountSat ?? 0n;

    await expect(
      sign(change(good, paying(own(0, 1, 0)), { amountSat: changeSat - 1n })),
    ).rejects.toMatchObject(refusedBy("change-output-too-small"));
    await expect(sign(change(good, paying(own(1, 1, 0)), { amountSat: 199_999n }))).rejects.toMatchObject(
      refusedBy("coinjoin-output-too-small"),
    );
  });

  it("cannot reserve on terms by which we lose", async () => {
    const grant = await grantTo("maker");
    const wish = { grant, mixdepth: 0, amountSat: 200_000 };

    await expect(
      under.as("maker").reserveAsMaker({ ...wish, coinjoinFeeSat: 0, txfeeSat: 50_000 }),
    ).rejects.toMatchObject({ code: "WALLETD_BEYOND_GRANT" });
  });

  it("gets no signature for an input that it has not reserved, of this mixdepth or another", async () => {
    const { sign, good, side } = await makerSide();
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
    const { sign, good, side } = await makerSide();
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
    const { sign, good } = await makerSide();
    const { signatures } = await sign(good);

    for (const { signature, witness } of signatures) {
      expect(signature.endsWith("01")).toBe(true);
      expect(witness[0]).toBe(signature);
    }
    const input = { grant: "ab".repeat(32), reservation: "ab".repeat(16), rawTx: rawOf(good), sighash: 3 };
    await expect(under.as("maker").signAsMaker(input)).rejects.toMatchObject({ code: "WALLETD_NO_GRANT" });
  });

  it("gets no second signature for a reservation, also when both are asked for at once", async () => {
    const { sign, good } = await makerSide();
    const other = { ...good, locktime: good.locktime + 1 };
    const both = await Promise.allSettled([sign(good), sign(other)]);

    expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    await expect(sign(other)).rejects.toMatchObject(refusedBy("already-signed"));
    // Nor after it has given the coins back.
    const { grant, side, sign: again } = await makerSide();
    await again(takenFrom(side));
    await under.as("maker").release({ grant, reservation: side.reservation });
    await expect(again({ ...takenFrom(side), locktime: 7 })).rejects.toMatchObject(
      refusedBy("already-signed"),
    );
  });

  it("gets nothing for a reservation that has run out, was given back, or never was", async () => {
    const first = await makerSide();
    await under.as("maker").release({ grant: first.grant, reservation: first.side.reservation });
    await expect(first.sign(first.good)).rejects.toMatchObject({ code: "WALLETD_NO_RESERVATION" });

    const second = await makerSide();
    clock.pass(HOUR_MS);
    await expect(second.sign(second.good)).rejects.toMatchObject({ code: "WALLETD_NO_RESERVATION" });

    const grant = await grantTo("maker");
    for (const reservation of ["00".repeat(16), randomBytes(16).toString("hex")]) {
      const asked = under.as("maker").signAsMaker({ grant, reservation, rawTx: rawOf(second.good) });
      await expect(asked).rejects.toMatchObject({ code: "WALLETD_NO_RESERVATION" });
    }
  });

  it("cannot use another grant's reservation, though both are its own", async () => {
    const { side, good } = await makerSide();
    const grant = await grantTo("maker");
    const { reservation } = side;
    const asked = under.as("maker").signAsMaker({ grant, reservation, rawTx: rawOf(good) });

    await expect(asked).rejects.toMatchObject({ code: "WALLETD_NO_RESERVATION" });
    await under.as("maker").release({ grant, reservation });
    expect((await under.as("operator").balances(mine)).mixdepths[0]?.reservedSat).toBeGreaterThan(0);
  });

  it("cannot use a grant of the taker's, one that it made up, or one that has ended", async () => {
    const maker = under.as("maker");
    const taken = await grantTo("taker");
    const brief = await grantTo("maker", {}, 10);
    clock.pass(11_000);
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
    const grant = await grantTo("maker", limits);
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

  it("gets no signature for a coin that its owner has frozen meanwhile", async () => {
    const { side, sign, good } = await makerSide();
    const outpoints = side.coins.map(({ txid, index }) => ({ txid, index }));
    await under.as("operator").freeze({ ...mine, outpoints, isFrozen: true });

    await expect(sign(good)).rejects.toMatchObject(refusedBy("coin-frozen"));
  });

  it("gets nothing more when the wallet is locked or its grant revoked", async () => {
    const { grant, sign, good } = await makerSide();
    await under.as("operator").revoke(mine);
    await expect(sign(good)).rejects.toMatchObject({ code: "WALLETD_NO_GRANT" });
    const second = await makerSide();
    await under.as("operator").lock(mine);
    await expect(second.sign(second.good)).rejects.toMatchObject({ code: "WALLETD_NO_GRANT" });
    await expect(under.as("maker").funds({ grant })).rejects.toMatchObject({ code: "WALLETD_NO_GRANT" });
  });

  it("cannot sign as a taker does, whose rules are others", async () => {
    const { grant, side, good } = await makerSide();
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
    const grant = await grantTo("maker");
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

describe("a taker that has been broken into", () => {
  const refusedBy = (why: string) => ({ code: "WALLETD_WILL_NOT_SIGN", data: { why } });

  it("gets signatures for what was reserved, so that the refusals below mean something", async () => {
    const { sign, good } = await takerSide();

    expect((await sign(good)).signatures).toHaveLength(1);
  });

  it("cannot reserve for a destination, or for fees, that its grant does not name", async () => {
    const grant = await grantTo("taker", { destinations: [ELSEWHERE] });
    const wish = { grant, mixdepth: 1, amountSat: 200_000, destination: ELSEWHERE, ...FEES };
    const others = OTHERS.keys.key({ mixdepth: 0, chain: 0, index: 3 }).address;
    const taker = under.as("taker");

    await expect(taker.reserveAsTaker({ ...wish, destination: others })).rejects.toMatchObject({
      data: { limit: "destinations" },
    });
    await expect(taker.reserveAsTaker({ ...wish, makerFeesSatMax: 1_001 })).rejects.toMatchObject({
      data: { limit: "makerFeesSatMax" },
    });
    await expect(taker.reserveAsTaker({ ...wish, miningFeeSatMax: 5_001 })).rejects.toMatchObject({
      data: { limit: "miningFeeSatMax" },
    });
  });

  it("cannot pay somebody else, another amount, or keep the change", async () => {
    const { sign, good } = await takerSide();
    const { outputs } = good;
    const destination = (output: Transaction["outputs"][number]) => paying(scriptAt(ELSEWHERE))(output);
    const changeSat = outputs.find(paying(own(1, 1, 0)))?.amountSat ?? 0n;

    await expect(sign(change(good, destination, { scriptPubKey: scriptNumber(66) }))).rejects.toMatchObject(
      refusedBy("destination-not-once"),
    );
    await expect(sign(change(good, destination, { amountSat: 199_999n }))).rejects.toMatchObject(
      refusedBy("destination-amount"),
    );
    await expect(
      sign(change(good, paying(own(1, 1, 0)), { scriptPubKey: scriptNumber(66) })),
    ).rejects.toMatchObject(refusedBy("costs-too-much"));
    await expect(
      sign(change(good, paying(own(1, 1, 0)), { amountSat: changeSat - 5_000n })),
    ).rejects.toMatchObject(refusedBy("costs-too-much"));
  });

  it("cannot make a plain payment of it, with fewer others than it says", async () => {
    const { sign, good } = await takerSide();

    await expect(sign(good, 4)).rejects.toMatchObject(refusedBy("too-few-equal-outputs"));
    const alone = {
      ...good,
      outputs: good.outputs.filter(
        (output) => output.amountSat !== 200_000n || paying(scriptAt(ELSEWHERE))(output),
      ),
    };
    await expect(sign(alone, 2)).rejects.toMatchObject(refusedBy("too-few-equal-outputs"));
  });

  it("gets no second signature, no other's coins, and commits no coins that it has not reserved", async () => {
    const { sign, good, side, grant } = await takerSide();
    await sign(good);
    await expect(sign({ ...good, locktime: good.locktime + 1 })).rejects.toMatchObject(
      refusedBy("already-signed"),
    );
    const { opening } = await under
      .as("taker")
      .commitment({ grant, reservation: side.reservation, ageMin: 0, percentMin: 0 });
    expect(side.coins.map(({ txid }) => txid)).toContain(opening.txid);
    const { side: makers } = await makerSide();
    await expect(
      under.as("taker").commitment({ grant, reservation: makers.reservation, ageMin: 0 }),
    ).rejects.toMatchObject({ code: "WALLETD_NO_RESERVATION" });
  });

  it("never gets a coin that a maker, or a payment, has at the same time", async () => {
    const grant = await grantTo("maker");
    const taken = await grantTo("taker");
    const asked = await Promise.allSettled([
      under.as("maker").reserveAsMaker({ grant, mixdepth: 1, ...MAKER_TERMS }),
      under
        .as("taker")
        .reserveAsTaker({ grant: taken, mixdepth: 1, amountSat: 200_000, destination: null, ...FEES }),
      under.as("operator").send(
        {
          ...mine,
          mixdepth: 1,
          payments: [{ address: ELSEWHERE, amountSat: 1_000 }],
          fee: { satPerVb: 1 },
        },
        { key: "p" },
      ),
    ]);

    // There is one coin.
    expect(asked.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });
});

describe("a transaction from outside", () => {
  it("is refused in words when it is none, and with nothing signed", async () => {
    const { grant, side, good } = await makerSide();
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

function scriptAt(address: string): Uint8Array {
  expect(address).toBe(ELSEWHERE);
  return hexToBytes("0014751e76e8199196d454941c45d1b3a323f1433bd6");
}

/** Only so that no caller is forgotten. */
const CALLERS: readonly WalletdCaller[] = ["operator", "gateway", "maker", "taker"];
it("is asked by nobody else", () => {
  const callers = new Set(Object.values(walletdContract.rpcs).flatMap(({ callers: of }) => [...of]));
  expect([...callers].filter((caller) => caller !== "supervisor").sort()).toEqual([...CALLERS].sort());
});
