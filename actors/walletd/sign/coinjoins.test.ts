import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hexToBytes, parseTxid } from "../../../bitcoin/bytes.ts";
import { txidOf } from "../../../bitcoin/transaction.ts";
import { verifyOpening } from "../../../joinmarket/podle/commitment.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import {
  MAKER_TERMS,
  madeFor,
  rawOf,
  signedBy,
  signedCoins,
  takenFrom,
} from "../../../tests/harness/walletd/coinjoin-sides.ts";
import { stillWorld } from "../../../tests/harness/walletd/money-world.ts";
import {
  HastyClock,
  knownWallet,
  type Owned,
  PASSWORD,
  WalletdUnderTest,
} from "../../../tests/harness/walletd/walletd-under-test.ts";

const WALLET = knownWallet(9);
const ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const DAY_MS = 86_400_000;

let clock: HastyClock;
let under: WalletdUnderTest;
let owned: Owned;
beforeEach(async () => {
  clock = new HastyClock();
  const money = stillWorld();
  under = await WalletdUnderTest.start(money, { clock, config: { mixdepths: 3, gap: 4 } });
  await under.fund(WALLET, [0, 0, 300_000], [0, 1, 400_000], [1, 0, 500_000]);
  owned = await under.recovered("mixed", WALLET.words, { hasBonds: true });
});
afterEach(() => under.stop());

async function granted(caller: "maker" | "taker", limits: object = {}, ttlS = 86_400): Promise<string> {
  const { grant } = await under.as("operator").grant({ ...owned, caller, limits, ttlS });
  return grant;
}

describe("a maker", () => {
  it("is told what it may offer, sets coins aside, and gets signatures that every node takes", async () => {
    const maker = under.as("maker");
    const grant = await granted("maker");
    const { mixdepths, hasBond } = await maker.funds({ grant });
    const side = await maker.reserveAsMaker({
      grant,
      mixdepth: 0,
      ...MAKER_TERMS,
      encryptionKey: "ab".repeat(32),
    });
    const transaction = takenFrom(side);
    const signed = await maker.signAsMaker({
      grant,
      reservation: side.reservation,
      rawTx: rawOf(transaction),
    });

    expect(mixdepths.map(({ availableSat }) => availableSat)).toEqual([700_000, 500_000, 0]);
    expect(hasBond).toBe(false);
    expect(side.coins).toHaveLength(1);
    expect(side.auth?.publicKey).toMatch(/^0[23]/);
    // The mixed amount goes one mixdepth on, the change stays.
    expect(side.coinjoinAddress).toBe(WALLET.keys.key({ mixdepth: 1, chain: 1, index: 0 }).address);
    expect(side.changeAddress).toBe(WALLET.keys.key({ mixdepth: 0, chain: 1, index: 0 }).address);
    expect(signedCoins(transaction, signed, side)).toBe(1);
    expect((await maker.funds({ grant })).mixdepths[0]?.availableSat).toBe(
      700_000 - (side.coins[0]?.amountSat ?? 0),
    );
  });

  it("may ask for the same signatures again, and gets the same", async () => {
    const maker = under.as("maker");
    const grant = await granted("maker");
    const side = await maker.reserveAsMaker({ grant, mixdepth: 0, ...MAKER_TERMS });
    const asked = { grant, reservation: side.reservation, rawTx: rawOf(takenFrom(side)) };

    expect(await maker.signAsMaker(asked)).toEqual(await maker.signAsMaker(asked));
  });

  it("finds the coinjoin in the history, with what it noted of it", async () => {
    const maker = under.as("maker");
    const grant = await granted("maker");
    const side = await maker.reserveAsMaker({ grant, mixdepth: 0, ...MAKER_TERMS });
    const transaction = takenFrom(side);
    const { signatures } = await maker.signAsMaker({
      grant,
      reservation: side.reservation,
      rawTx: rawOf(transaction),
    });
    const signed = signedBy(transaction, signatures);
    const txid = txidOf(signed);
    await maker.addHistoryNote({ grant, txid, note: NOTE });
    // The taker's coin is nothing to this node: it comes with a block.
    under.money.node.mineThese([signed]);
    await under.money.follow();
    await under.level(owned);
    const { entries } = await under.as("operator").history(owned);

    expect(entries[0]).toMatchObject({
      ...{ txid, isCoinjoin: true, role: "maker", participants: 2, coinjoinSat: MAKER_TERMS.amountSat },
      changeSat: MAKER_TERMS.coinjoinFeeSat - MAKER_TERMS.txfeeSat,
      note: NOTE,
    });
    // Each with its own block's time: in this world all blocks have the genesis block's.
    expect(new Set(entries.map(({ timeS }) => timeS))).toEqual(new Set([1_296_688_602]));
    expect((await under.as("operator").yieldReport(owned)).lines).toHaveLength(2);
    expect((await under.as("operator").balances(owned)).totalSat).toBe(1_200_000 + 400);
  });

  it("has earned nothing by what it signed and nobody sent, and once by what got another id when all had signed", async () => {
    const maker = under.as("maker");
    const grant = await granted("maker");
    const report = async () => (await under.as("operator").yieldReport(owned)).lines?.length ?? 0;
    const side = await maker.reserveAsMaker({ grant, mixdepth: 0, ...MAKER_TERMS });
    const transaction = takenFrom(side);
    const { signatures } = await maker.signAsMaker({
      grant,
      reservation: side.reservation,
      rawTx: rawOf(transaction),
    });
    const signed = signedBy(transaction, signatures);
    await maker.addHistoryNote({ grant, txid: txidOf(signed), note: NOTE });
    expect(await report()).toBe(0);

    const own = new Set(signatures.map(({ index }) => index));
    const nested = hexToBytes(`160014${"ab".repeat(20)}`);
    const inputs = signed.inputs.map((input, at) => (own.has(at) ? input : { ...input, scriptSig: nested }));
    under.money.node.mineThese([{ ...signed, inputs }]);
    await under.money.follow();
    await under.level(owned);
    const txid = txidOf({ ...signed, inputs });
    const noteOf = async () => (await under.as("operator").history(owned)).entries[0]?.note;
    // Its maker was killed before it could tell of it.
    await waitFor("the note", async () => (await noteOf()) !== null);
    expect(await noteOf()).toEqual(NOTE);
    expect(await report()).toBe(2);
    await maker.addHistoryNote({ grant, txid, note: { ...NOTE, completedAtS: 1_296_688_700 } });
    expect(await report()).toBe(2);
  });

  it("gets the coins back when it lets go of them, but not when they are signed for", async () => {
    const maker = under.as("maker");
    const grant = await granted("maker");
    const first = await maker.reserveAsMaker({ grant, mixdepth: 0, ...MAKER_TERMS });
    await maker.release({ grant, reservation: first.reservation });
    const freed = await maker.funds({ grant });
    const second = await maker.reserveAsMaker({ grant, mixdepth: 0, ...MAKER_TERMS });
    await maker.signAsMaker({ grant, reservation: second.reservation, rawTx: rawOf(takenFrom(second)) });
    await maker.release({ grant, reservation: second.reservation });
    const kept = await maker.funds({ grant });

    expect(freed.mixdepths[0]?.availableSat).toBe(700_000);
    expect(kept.mixdepths[0]?.availableSat).toBeLessThan(700_000);
    // Addresses that were told to somebody are never told again.
    expect(second.coinjoinAddress).not.toBe(first.coinjoinAddress);
    expect(second.changeAddress).not.toBe(first.changeAddress);
  });
});

describe("a taker", () => {
  const FEES = { makerFeesSatMax: 1_000, miningFeeSatMax: 5_000 };

  it("sends an amount to where its grant allows, and gets signatures that every node takes", async () => {
    const taker = under.as("taker");
    const grant = await granted("taker", { ...FEES, destinations: [ELSEWHERE] });
    const wish = { grant, mixdepth: 1, amountSat: 200_000, destination: ELSEWHERE, ...FEES };
    const side = await taker.reserveAsTaker(wish);
    const transaction = madeFor(side, 200_000);
    const asked = { grant, reservation: side.reservation, rawTx: rawOf(transaction), participants: 3 };
    const signed = await taker.signAsTaker(asked);

    expect(side.coinjoinAddress).toBe(ELSEWHERE);
    expect(signedCoins(transaction, signed, side)).toBe(side.coins.length);
    expect(await taker.signAsTaker(asked)).toEqual(signed);
  });

  it("mixes into the wallet's next mixdepth when it names no destination, all of it when it names no amount", async () => {
    const taker = under.as("taker");
    const grant = await granted("taker", FEES);
    const side = await taker.reserveAsTaker({
      grant,
      mixdepth: 0,
      amountSat: null,
      destination: null,
      ...FEES,
    });

    expect(side.coins.map(({ amountSat }) => amountSat).sort()).toEqual([300_000, 400_000]);
    expect(side.coinjoinAddress).toBe(WALLET.keys.key({ mixdepth: 1, chain: 1, index: 0 }).address);
    expect((await taker.funds({ grant })).mixdepths[0]).toMatchObject({ availableSat: 0, coins: 0 });
  });

  it("gets other addresses for the same coins, and signatures for those alone", async () => {
    const taker = under.as("taker");
    const grant = await granted("taker", FEES);
    const wish = { grant, mixdepth: 1, amountSat: 200_000, destination: null, ...FEES };
    const side = await taker.reserveAsTaker(wish);
    const { reservation } = side;
    const before = madeFor(side, 200_000);
    const other = await taker.readdress({ grant, reservation }, { key: "other" });
    const told = [side.coinjoinAddress, side.changeAddress, other.coinjoinAddress, other.changeAddress];
    expect(new Set(told).size).toBe(4);

    const sign = (transaction: typeof before) =>
      taker.signAsTaker({ grant, reservation, rawTx: rawOf(transaction), participants: 3 });
    await expect(sign(before)).rejects.toMatchObject({ data: { why: "destination-not-once" } });
    const transaction = madeFor({ ...side, ...other }, 200_000);
    expect(signedCoins(transaction, await sign(transaction), side)).toBe(side.coins.length);
    await expect(taker.readdress({ grant, reservation }, { key: "late" })).rejects.toMatchObject({
      data: { why: "already-signed" },
    });
  });

  it("pays who is paid also after it has got another address for its change", async () => {
    const taker = under.as("taker");
    const grant = await granted("taker", { ...FEES, destinations: [ELSEWHERE] });
    const wish = { grant, mixdepth: 1, amountSat: 200_000, destination: ELSEWHERE, ...FEES };
    const side = await taker.reserveAsTaker(wish);
    const { reservation } = side;
    const other = await taker.readdress({ grant, reservation }, { key: "other" });

    expect(other.coinjoinAddress).toBe(ELSEWHERE);
    expect(other.changeAddress).not.toBe(side.changeAddress);
    await taker.release({ grant });
    await expect(taker.readdress({ grant, reservation }, { key: "gone" })).rejects.toMatchObject({
      code: "WALLETD_NO_RESERVATION",
    });
  });

  it("mixes exactly the coins that are named, each of which must be free and enough together", async () => {
    const taker = under.as("taker");
    const grant = await granted("taker", FEES);
    const { coins } = await under.as("operator").coins({ ...owned, mixdepth: 0 });
    const named = (amountSat: number) =>
      coins.filter((coin) => coin.amountSat === amountSat).map(({ txid, index }) => ({ txid, index }));
    const wish = { grant, mixdepth: 0, amountSat: 100_000, destination: null, ...FEES };
    const reserve = (more: object) => taker.reserveAsTaker({ ...wish, ...more });
    const amounts = ({ coins: taken }: { coins: { amountSat: number }[] }) =>
      taken.map(({ amountSat }) => amountSat).sort();

    await expect(reserve({ amountSat: 299_000, coins: named(300_000) })).rejects.toMatchObject({
      code: "WALLETD_FUNDS",
    });
    expect(amounts(await reserve({ coins: named(300_000) }))).toEqual([300_000]);
    await expect(reserve({ coins: named(300_000) })).rejects.toMatchObject({ data: { why: "reserved" } });
    await expect(reserve({ mixdepth: 1, coins: named(400_000) })).rejects.toMatchObject({
      data: { why: "other-mixdepth" },
    });
    expect(amounts(await reserve({ amountSat: null, coins: named(400_000) }))).toEqual([400_000]);
  });

  it("stands for each coin three times, each time provably and never with the same proof", async () => {
    await under.money.mine(6);
    await under.level(owned);
    const taker = under.as("taker");
    const grant = await granted("taker", FEES);
    const side = await taker.reserveAsTaker({
      grant,
      mixdepth: 1,
      amountSat: 200_000,
      destination: null,
      ...FEES,
    });
    const asked = { grant, reservation: side.reservation };
    const made = [
      await taker.commitment(asked),
      await taker.commitment(asked),
      await taker.commitment(asked),
    ];

    for (const [index, { commitment, opening }] of made.entries()) {
      const { P, P2, s, e } = opening;
      const bytes = { P: hexToBytes(P), P2: hexToBytes(P2), s: hexToBytes(s), e: hexToBytes(e) };
      const whole = { txid: parseTxid(opening.txid), vout: opening.index, ...bytes };
      expect(verifyOpening(whole, commitment)).toBe(index);
      expect({ txid: opening.txid, index: opening.index }).toEqual({
        ...{ txid: side.coins[0]?.txid, index: side.coins[0]?.index },
      });
    }
    expect(new Set(made.map(({ commitment }) => commitment)).size).toBe(3);
    await expect(taker.commitment(asked)).rejects.toMatchObject({
      code: "WALLETD_NO_COMMITMENT",
      data: { usedUp: 1 },
    });
    // Also after a restart: what was shown once is on the disk.
    owned = await under.reopened("mixed");
    const { coins } = await under.as("operator").coins(owned);
    expect(coins.find(({ txid }) => txid === side.coins[0]?.txid)).toMatchObject({
      commitmentsUsed: 3,
      commitmentsLeft: 0,
    });
  });

  it("stands for two coins at one address three times in all: makers know a proof by its key", async () => {
    const { scriptPubKey } = WALLET.keys.key({ mixdepth: 2, chain: 0, index: 0 });
    // In one transaction: the later of two payments would be frozen.
    const coin = { script: scriptPubKey, amountSat: 300_000 };
    await under.money.pay(coin, coin);
    await under.money.mine(5);
    await under.level(owned);
    const taker = under.as("taker");
    const grant = await granted("taker", { makerFeesSatMax: 1_000, miningFeeSatMax: 10_000 });
    const { reservation } = await taker.reserveAsTaker({
      ...{ grant, mixdepth: 2, amountSat: null, destination: null },
      ...{ makerFeesSatMax: 1_000, miningFeeSatMax: 10_000 },
    });
    const asked = { grant, reservation };
    const made = new Set<string>();
    for (let tries = 0; tries < 3; tries++) made.add((await taker.commitment(asked)).commitment);
    expect(made.size).toBe(3);
    await expect(taker.commitment(asked)).rejects.toMatchObject({ code: "WALLETD_NO_COMMITMENT" });
  });

  it("lets another coin of the mixdepth stand for it when its own cannot, unless its owner has frozen that one", async () => {
    await under.money.mine(6);
    await under.level(owned);
    const taker = under.as("taker");
    const grant = await granted("taker", FEES);
    const terms = { grant, mixdepth: 0, amountSat: 200_000, destination: null, ...FEES };
    const side = await taker.reserveAsTaker(terms);
    const asked = { grant, reservation: side.reservation };
    const shown = async () => {
      const { opening } = await taker.commitment(asked);
      return opening.txid;
    };
    const own = side.coins.map(({ txid }) => txid);
    const first = [await shown(), await shown(), await shown()];
    const { coins } = await under.as("operator").coins(owned);
    const other = coins.find((coin) => coin.mixdepth === 0 && !own.includes(coin.txid));
    const named = [{ txid: other?.txid ?? "", index: other?.index ?? 0 }];

    await under.as("operator").freeze({ ...owned, outpoints: named, isFrozen: true });
    await expect(taker.commitment(asked)).rejects.toMatchObject({ data: { usedUp: 1 } });
    await under.as("operator").freeze({ ...owned, outpoints: named, isFrozen: false });

    expect(own).toHaveLength(1);
    expect(new Set(first)).toEqual(new Set(own));
    expect(await shown()).toBe(other?.txid);
  });

  it("never has a bond mixed or stand for it, though its time is over and nothing else can", async () => {
    const { scriptPubKey } = WALLET.keys.key({ mixdepth: 0, chain: 2, index: 12 });
    await under.as("operator").bondAddress({ ...owned, lockDate: "2021-01" });
    under.money.timeS = Date.UTC(2030, 0) / 1_000;
    const txid = await under.money.pay({ script: scriptPubKey, amountSat: 5_000_000 });
    await under.money.mine(12);
    await under.level(owned);
    const taker = under.as("taker");
    const grant = await granted("taker", FEES);
    const wish = { grant, mixdepth: 0, destination: null, ...FEES };
    const { coins } = await under.as("operator").coins(owned);
    const bond = coins.filter(({ amountSat }) => amountSat === 5_000_000);
    const named = bond.map(({ index }) => ({ txid, index }));

    expect(bond).toMatchObject([{ txid, isFrozen: false, reservation: null }]);
    expect((await taker.funds({ grant })).mixdepths[0]?.availableSat).toBe(700_000);
    await expect(taker.reserveAsTaker({ ...wish, amountSat: 100_000, coins: named })).rejects.toMatchObject({
      data: { why: "other-kind" },
    });
    const side = await taker.reserveAsTaker({ ...wish, amountSat: null });
    expect(side.coins.map(({ amountSat }) => amountSat).sort()).toEqual([300_000, 400_000]);
    const asked = { grant, reservation: side.reservation };
    for (let tries = 0; tries < 6; tries++) {
      expect((await taker.commitment(asked)).opening.txid).not.toBe(txid);
    }
    await expect(taker.commitment(asked)).rejects.toMatchObject({ data: { usedUp: 2 } });
  });

  it("has nothing to stand for it when the coins are too young or too small", async () => {
    const taker = under.as("taker");
    const grant = await granted("taker", FEES);
    const side = await taker.reserveAsTaker({
      grant,
      mixdepth: 1,
      amountSat: 200_000,
      destination: null,
      ...FEES,
    });
    const asked = { grant, reservation: side.reservation };

    await expect(taker.commitment({ ...asked, ageMin: 50 })).rejects.toMatchObject({ data: { tooYoung: 1 } });
    // 100 % of what is mixed is less than the coin; so the coin must be there alone to be too small.
    const { commitment } = await taker.commitment({ ...asked, ageMin: 1, percentMin: 100 });
    expect(commitment).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe("what is set aside", () => {
  it("is free again when its time is over, and neither earlier nor later when somebody sets the clock", async () => {
    const maker = under.as("maker");
    const grant = await granted("maker");
    const available = async () => (await maker.funds({ grant })).mixdepths[1]?.availableSat;
    await maker.reserveAsMaker({ grant, mixdepth: 1, ...MAKER_TERMS, ttlS: 3_600 });

    clock.jump(30 * DAY_MS);
    expect(await available()).toBe(0);
    clock.jump(-60 * DAY_MS);
    expect(await available()).toBe(0);
    clock.pass(3_600_000);
    expect(await available()).toBe(500_000);
  });

  it("is nobody's after the wallet was locked, unless it is signed for", async () => {
    const maker = under.as("maker");
    const grant = await granted("maker");
    const loose = await maker.reserveAsMaker({ grant, mixdepth: 1, ...MAKER_TERMS, ttlS: 86_400 });
    const signed = await maker.reserveAsMaker({ grant, mixdepth: 0, ...MAKER_TERMS });
    await maker.signAsMaker({ grant, reservation: signed.reservation, rawTx: rawOf(takenFrom(signed)) });
    await under.as("operator").lock(owned);
    const { session } = await under.as("operator").unlock({ wallet: "mixed", password: PASSWORD });
    owned = { wallet: "mixed", session };
    await under.level(owned);
    const { coins } = await under.as("operator").coins(owned);
    const held = coins.filter(({ reservation }) => reservation !== null);

    expect(held.map(({ reservation }) => reservation)).toEqual([signed.reservation]);
    expect(loose.reservation).not.toBe(signed.reservation);
    await expect(maker.funds({ grant })).rejects.toMatchObject({ code: "WALLETD_NO_GRANT" });
  });

  it("is kept for a day at most after the clock was set back while the wallet was locked", async () => {
    clock.jump(400 * DAY_MS);
    await under.as("operator").lock(owned);
    const reopen = async () => {
      const { session } = await under.as("operator").unlock({ wallet: "mixed", password: PASSWORD });
      owned = { wallet: "mixed", session };
      await under.level(owned);
    };
    await reopen();
    const grant = await granted("maker");
    const side = await under.as("maker").reserveAsMaker({ grant, mixdepth: 1, ...MAKER_TERMS });
    await under
      .as("maker")
      .signAsMaker({ grant, reservation: side.reservation, rawTx: rawOf(takenFrom(side)) });
    await under.as("operator").lock(owned);
    clock.jump(-400 * DAY_MS);
    await reopen();
    const available = async () => (await under.as("operator").balances(owned)).mixdepths[1]?.availableSat;

    expect(await available()).toBe(0);
    clock.pass(DAY_MS);
    expect(await available()).toBe(500_000);
  });

  it("ends with the grant, whose own time no clock moves either", async () => {
    const maker = under.as("maker");
    const grant = await granted("maker", {}, 3_600);
    await maker.reserveAsMaker({ grant, mixdepth: 1, ...MAKER_TERMS });
    clock.jump(-DAY_MS);
    await maker.funds({ grant });
    clock.jump(30 * DAY_MS);
    await maker.funds({ grant });
    clock.pass(3_600_000);
    await expect(maker.funds({ grant })).rejects.toMatchObject({ code: "WALLETD_NO_GRANT" });

    const other = await granted("maker");
    await maker.reserveAsMaker({ grant: other, mixdepth: 0, ...MAKER_TERMS });
    await under.as("operator").revoke(owned);
    expect((await under.as("operator").balances(owned)).mixdepths[0]?.reservedSat).toBe(0);
    await expect(maker.funds({ grant: other })).rejects.toMatchObject({ code: "WALLETD_NO_GRANT" });
  });
});

const NOTE = {
  ...{ role: "maker" as const, isSuccess: true, failure: null, amountSat: MAKER_TERMS.amountSat },
  ...{ inputs: 1, inputSat: 400_000, peers: ["J5aTaker"], feeReceivedSat: 500, txfeeContributionSat: 100 },
  ...{
    makerFeesSat: 0,
    miningFeeSat: 0,
    startedAtS: 1_700_000_000,
    completedAtS: 1_700_000_600,
    broadcastBy: "",
  },
};
