/** Payments that wait and are made anew for a higher fee: sweeps, and those that are signed elsewhere; and coins of other kinds, sent and signed. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bytesToHex, hexToBytes, txidFromBytes } from "../../../bitcoin/bytes.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { Psbt } from "../../../bitcoin/psbt/psbt.ts";
import { scriptOfAddress } from "../../../bitcoin/script/address.ts";
import { isInputSigned } from "../../../bitcoin/signing/inputs.ts";
import {
  parseTransaction,
  serializeTransaction,
  type Transaction,
  txidOf,
} from "../../../bitcoin/transaction.ts";
import { stillWorld } from "../../../tests/harness/walletd/money-world.ts";
import {
  HastyClock,
  type KnownWallet,
  knownWallet,
  type Owned,
  PASSWORD,
  WalletdUnderTest,
} from "../../../tests/harness/walletd/walletd-under-test.ts";

const WALLET = knownWallet(41);
const OLD = knownWallet(42, "bip49");
const ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const ALL = [{ address: ELSEWHERE, amountSat: null }];
/** When its bond ends: the first of January of 2020. */
const BOND_END_S = 1_577_836_800;

let under: WalletdUnderTest;
let owned: Owned;
let keys = 0;
const key = () => ({ key: `k${++keys}` });
const operator = () => under.as("operator");
beforeEach(async () => {
  const config = { mixdepths: 2, gap: 4 };
  const money = stillWorld();
  money.replaces = true;
  under = await WalletdUnderTest.start(money, { clock: new HastyClock(), config });
});
afterEach(() => under.stop());

function pay(script: Uint8Array, amountSat: number): Promise<string> {
  return under.money.pay({ script, amountSat });
}

const first = ({ keys }: KnownWallet, index = 0) => keys.key({ mixdepth: 0, chain: 0, index }).scriptPubKey;
const waiting = () =>
  [...under.money.node.mempool.values()].map(({ transaction }) => txidOf(transaction)) as string[];
const amounts = ({ outputs }: Transaction) => outputs.map(({ amountSat }) => Number(amountSat));
const refusal = (why: string) => ({ code: "WALLETD_COIN", data: expect.objectContaining({ why }) });

describe("a sweep that waits", () => {
  let inputs: { txid: string; index: number }[];
  beforeEach(async () => {
    const txids = [await pay(first(WALLET), 300_000), await pay(first(WALLET, 1), 200_000)];
    inputs = txids.map((txid) => ({ txid, index: 0 }));
    await pay(first(WALLET, 2), 900_000);
    owned = await under.recovered("swept", WALLET.words, { hasBonds: false });
  });

  it("is replaced by one of the same coins that pays the same address less", async () => {
    const sweep = { ...owned, mixdepth: 0, payments: ALL, inputs, fee: { satPerVb: 2 } };
    const sent = await operator().send(sweep, key());
    const bump = { ...owned, txid: sent.transaction.txid, fee: { satPerVb: 9 } };
    const tried = await operator().bump({ ...bump, isDryRun: true }, key());
    const again = key();
    const second = await operator().bump(bump, again);

    expect(second.transaction.inputs).toHaveLength(2);
    expect(second.transaction.outputs).toMatchObject([
      { address: ELSEWHERE, amountSat: 500_000 - second.feeSat },
    ]);
    expect([second.feeSat, second.changeSat]).toEqual([tried.feeSat, 0]);
    expect(second.feeSat).toBeGreaterThan(4 * sent.feeSat);
    expect((await operator().bump(bump, again)).transaction.txid).toBe(second.transaction.txid);
    const third = await operator().bump(
      { ...bump, txid: second.transaction.txid, fee: { satPerVb: 20 } },
      key(),
    );
    expect(third.transaction.outputs).toMatchObject([{ amountSat: 500_000 - third.feeSat }]);
    expect(waiting()).toEqual([third.transaction.txid]);
    expect((await operator().balances(owned)).totalSat).toBe(900_000);
  });

  it("is told from a payment of the same shape, which is never made smaller", async () => {
    const payments = [{ address: ELSEWHERE, amountSat: 499_500 }];
    const spend = { ...owned, mixdepth: 0, payments, inputs, fee: { satPerVb: 2 } };
    const sent = await operator().send(spend, key());
    expect(sent.transaction.outputs).toHaveLength(1);
    const second = await operator().bump(
      { ...owned, txid: sent.transaction.txid, fee: { satPerVb: 9 } },
      key(),
    );
    expect(second.transaction.inputs).toHaveLength(3);
    expect(second.transaction.outputs.filter(({ isOurs }) => !isOurs)).toMatchObject(payments);
  });
});

describe("a payment that was signed elsewhere", () => {
  let watcher: Owned;
  beforeEach(async () => {
    await pay(first(WALLET), 300_000);
    owned = await under.recovered("hot", WALLET.words, { hasBonds: false });
    const { accounts } = await operator().publicKeys(owned);
    const descriptors = accounts.map(({ descriptor }) => descriptor);
    const { session } = await operator().watch({ wallet: "watcher", password: PASSWORD, keys: descriptors });
    watcher = { wallet: "watcher", session };
    await under.level(watcher);
  });

  /** The same coins, but somebody else is paid. */
  function paidElsewhere(text: string): string {
    const { transaction } = Psbt.parseBase64(text);
    const paid = bytesToHex(scriptOfAddress(ELSEWHERE, regtest));
    const outputs = transaction.outputs.map((output) =>
      bytesToHex(output.scriptPubKey) === paid ? { ...output, scriptPubKey: first(OLD) } : output,
    );
    const parents = under.money.node.blocks.flatMap(({ transactions }) => transactions);
    const facts = transaction.inputs.map(({ previousTxidBytes, previousIndex }) => {
      const parent = parents.find((one) => txidOf(one) === txidFromBytes(previousTxidBytes)) as Transaction;
      const spent = parent.outputs[previousIndex] as Transaction["outputs"][number];
      return { spent, previousTransaction: serializeTransaction(parent) };
    });
    const blank = outputs.map(() => ({}));
    return Psbt.create({ ...transaction, outputs }, facts, blank).toBase64();
  }

  async function signedAndSent(psbt: string): Promise<string> {
    const signed = await operator().psbtSign({ ...owned, psbt }, key());
    const { txid } = await operator().psbtFinish({ ...watcher, psbt: signed.psbt, isSent: true }, key());
    return txid;
  }

  it.each([
    ["a payment", [{ address: ELSEWHERE, amountSat: 100_000 }], 100_000],
    ["a sweep", ALL, undefined],
  ] as const)("is replaced by another PSBT: %s", async (_, payments, paidSat) => {
    const spend = { ...watcher, mixdepth: 0, payments: [...payments], fee: { satPerVb: 2 } };
    const made = await operator().psbtCreate(spend, key());
    const txid = await signedAndSent(made.psbt);
    expect(waiting()).toEqual([txid]);

    const bump = { ...watcher, txid, fee: { satPerVb: 8 } };
    await expect(operator().bump(bump, key())).rejects.toMatchObject({ code: "WALLETD_WATCH_ONLY" });
    await expect(operator().psbtBump({ ...bump, fee: { satPerVb: 2 } }, key())).rejects.toMatchObject({
      code: "WALLETD_FEE",
    });
    const better = await operator().psbtBump(bump, key());
    expect(better.feeSat).toBeGreaterThan(made.feeSat);
    const stolen = { ...owned, psbt: paidElsewhere(better.psbt) };
    await expect(operator().psbtSign(stolen, key())).rejects.toMatchObject(refusal("reserved"));
    expect(await signedAndSent(better.psbt)).toBe(better.txid);
    expect(waiting()).toEqual([better.txid]);
    const [sent] = [...under.money.node.mempool.values()].map(({ transaction }) => transaction);
    expect(amounts(sent as Transaction)).toContain(paidSat ?? 300_000 - better.feeSat);
  });
});

describe("coins of other kinds", () => {
  const signedBy = (rawTx: string, script: Uint8Array, amountSat: number) =>
    isInputSigned(parseTransaction(hexToBytes(rawTx)), 0, {
      scriptPubKey: script,
      amountSat: BigInt(amountSat),
    });

  it("of BIP49 are sent, bumped, and signed as PSBTs", async () => {
    const script = first(OLD);
    await pay(script, 400_000);
    owned = await under.recovered("old", OLD.words, { type: "bip49", hasBonds: false });
    const spend = { ...owned, mixdepth: 0, fee: { satPerVb: 2 } };
    const payments = [{ address: ELSEWHERE, amountSat: 100_000 }];
    const made = await operator().psbtCreate({ ...spend, payments }, key());
    const { psbt, isComplete } = await operator().psbtSign({ ...owned, psbt: made.psbt }, key());
    expect(isComplete).toBe(true);
    const { rawTx, txid } = await operator().psbtFinish({ ...owned, psbt, isSent: true }, key());
    expect(signedBy(rawTx, script, 400_000)).toBe(true);
    const second = await operator().bump({ ...owned, txid, fee: { satPerVb: 7 } }, key());
    expect(signedBy(second.transaction.rawTx, script, 400_000)).toBe(true);
    expect(waiting()).toEqual([second.transaction.txid]);
  });

  it("of a bond are spent when it has ended, by themselves, with the lock time that the chain wants; not before", async () => {
    owned = await under.recovered("bonded", WALLET.words, { hasBonds: true });
    const { address } = await operator().bondAddress({ ...owned, lockDate: "2020-01" });
    const script = scriptOfAddress(address, regtest);
    const txid = await pay(script, 600_000);
    await under.level(owned);
    const bond = { txid, index: 0 };
    const spend = { ...owned, mixdepth: 0, payments: ALL, fee: { satPerVb: 2 } };
    const thaw = { ...owned, outpoints: [bond], isFrozen: false };
    await operator().freeze(thaw);
    await expect(operator().send({ ...spend, inputs: [bond] }, key())).rejects.toMatchObject(
      refusal("timelocked"),
    );
    await expect(operator().send(spend, key())).rejects.toMatchObject({ code: "WALLETD_FUNDS" });

    under.money.timeS = BOND_END_S + 2;
    await under.money.mine(1);
    await under.level(owned);
    const made = await operator().psbtCreate(spend, key());
    const { psbt } = await operator().psbtSign({ ...owned, psbt: made.psbt }, key());
    const finished = await operator().psbtFinish({ ...owned, psbt }, key());
    expect(signedBy(finished.rawTx, script, 600_000)).toBe(true);
    await operator().psbtCancel({ ...owned, txid: made.txid });

    const sent = await operator().send(spend, key());
    const transaction = parseTransaction(hexToBytes(sent.transaction.rawTx));
    expect(transaction.locktime).toBeGreaterThanOrEqual(BOND_END_S);
    expect(transaction.inputs[0]?.sequence).toBeLessThan(0xffff_ffff);
    expect(amounts(transaction)).toEqual([600_000 - sent.feeSat]);
    expect(signedBy(sent.transaction.rawTx, script, 600_000)).toBe(true);
    const bumped = await operator().bump(
      { ...owned, txid: sent.transaction.txid, fee: { satPerVb: 6 } },
      key(),
    );
    expect(signedBy(bumped.transaction.rawTx, script, 600_000)).toBe(true);
    expect(waiting()).toEqual([bumped.transaction.txid]);
  });
});
