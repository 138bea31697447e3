import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hexToBytes, parseTxid, txidFromBytes, txidToBytes } from "../../../bitcoin/bytes.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { scriptOfAddress } from "../../../bitcoin/script/address.ts";
import { withSignedInputs } from "../../../bitcoin/signing/inputs.ts";
import { type Transaction, txidOf } from "../../../bitcoin/transaction.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import {
  MAKER_TERMS,
  madeFor,
  rawOf,
  type Signatures,
  takenFrom,
} from "../../../tests/harness/walletd/coinjoin-sides.ts";
import { stillWorld } from "../../../tests/harness/walletd/money-world.ts";
import {
  HastyClock,
  knownWallet,
  type Owned,
  WalletdUnderTest,
} from "../../../tests/harness/walletd/walletd-under-test.ts";

const WALLET = knownWallet(47);
const ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const HOUR_MS = 3_600_000;

let clock: HastyClock;
let under: WalletdUnderTest;
let owned: Owned;
beforeEach(async () => {
  clock = new HastyClock();
  under = await WalletdUnderTest.start(stillWorld(), { clock, config: { mixdepths: 3, gap: 4 } });
  await under.fund(WALLET, [0, 0, 500_000], [1, 0, 500_000]);
  owned = await under.recovered("payer", WALLET.words, { hasBonds: false });
});
afterEach(() => under.stop());

async function send(key: string, { amountSat = 100_000, satPerVb = 2, mixdepth = 0 } = {}): Promise<string> {
  const payments = [{ address: ELSEWHERE, amountSat }];
  const wish = { ...owned, mixdepth, payments, fee: { satPerVb } };
  const { transaction } = await under.as("operator").send(wish, { key });
  return transaction.txid;
}

/** As after a SIGKILL: whatever was unconfirmed is gone. */
function nodeForgets(): void {
  under.money.node.mempool.clear();
  under.money.followMempool();
}

const history = () => under.as("operator").history(owned);
const nodeHas = (txid: string) => under.money.node.mempool.has(txid as never);
const timesSent = (txid: string) => under.money.sent.filter((sent) => txidOf(sent) === txid).length;
const untilSent = (txid: string, times: number) =>
  waitFor("the transaction to be sent", () => timesSent(txid) >= times);

/** Somebody else sends it. */
function appears(transaction: Transaction): void {
  expect(under.money.node.submit(transaction)).toBe(true);
  under.money.followMempool();
}

function withSignatures(transaction: Transaction, { signatures }: Signatures): Transaction {
  const ours = signatures.map(({ index, witness, scriptSig }) => ({
    ...{ index, scriptSig: hexToBytes(scriptSig) },
    witness: witness.map((item) => hexToBytes(item)),
  }));
  return withSignedInputs(transaction, ours);
}

/** What a taker has from its makers: all inputs but ours signed, and coins that this node knows. */
async function othersSigned(transaction: Transaction, ownCoins: readonly { readonly txid: string }[]) {
  const own = new Set(ownCoins.map(({ txid }) => txid));
  const isOwn = ({ previousTxidBytes }: Transaction["inputs"][number]) =>
    own.has(txidFromBytes(previousTxidBytes));
  const script = scriptOfAddress(ELSEWHERE, regtest);
  const outputs = transaction.inputs.map(() => ({ script, amountSat: 300_000 }));
  const theirs = txidToBytes(parseTxid(await under.money.pay(...outputs)));
  const inputs = transaction.inputs.map((input, previousIndex) =>
    isOwn(input)
      ? input
      : { ...input, previousTxidBytes: theirs, previousIndex, witness: [Uint8Array.of(1)] },
  );
  await under.level(owned);
  return { ...transaction, inputs };
}

async function reopen(): Promise<void> {
  owned = await under.reopened("payer");
}

describe("a payment that the node has lost", () => {
  it("is sent again, and keeps its coins until then", async () => {
    const txid = await send("lost");
    under.money.loses = "before";
    nodeForgets();
    await waitFor("the owner to be told", async () => (await history()).unsent.length === 1);

    expect((await history()).unsent[0]).toMatchObject({ txid, state: "lost", isCoinjoin: false });
    expect((await under.as("operator").balances(owned)).mixdepths[0]).toMatchObject({ availableSat: 0 });
    await waitFor("the node to have it again", () => nodeHas(txid));
    await waitFor("the history to have it again", async () => (await history()).unsent.length === 0);
    await under.money.mine(1);
    await under.level(owned);
    expect((await history()).entries[0]).toMatchObject({ txid, confirmations: 1 });
  });

  it("is sent again by a wallet daemon that was started anew, once the wallet is unlocked", async () => {
    const txid = await send("restarted");
    await under.stopActor();
    nodeForgets();
    await under.startActor();
    expect(timesSent(txid)).toBe(1);
    await reopen();

    await waitFor("the node to have it again", () => nodeHas(txid));
  });

  it("is sent again while its wallet is locked", async () => {
    const txid = await send("locked");
    await waitFor("the daemon to know of it", async () => (await history()).entries[0]?.txid === txid);
    // Until it has looked once.
    nodeForgets();
    await waitFor("the node to have it again", () => nodeHas(txid));
    await under.as("operator").lock(owned);
    under.money.node.mempool.clear();
    under.money.followMempool();

    await waitFor("the node to have it once more", () => nodeHas(txid));
  });

  it("is sent again before one that spends its change", async () => {
    const first = await send("parent");
    await waitFor(
      "its change",
      async () => (await under.as("operator").balances(owned)).availableSat > 600_000,
    );
    const second = await send("child", { amountSat: 50_000 });
    nodeForgets();

    await waitFor("the node to have both again", () => nodeHas(first) && nodeHas(second));
    expect(timesSent(second)).toBe(2);
  });

  it("is left alone once it was replaced: only the replacement is sent again", async () => {
    const first = await send("cheap", { satPerVb: 1 });
    under.money.onBroadcast = () => {
      // A node that replaces.
      under.money.node.mempool.delete(first as never);
      under.money.onBroadcast = () => undefined;
    };
    const wish = { ...owned, txid: first, fee: { satPerVb: 5 } };
    const { transaction } = await under.as("operator").bump(wish, { key: "bump" });
    nodeForgets();
    await waitFor("the node to have it again", () => nodeHas(transaction.txid));
    await under.money.mine(1);
    await under.level(owned);

    expect((await history()).unsent).toEqual([]);
    expect(timesSent(first)).toBe(1);
  });

  it("is given up when a block has another one that spends its coin, and its owner reads why", async () => {
    const { coins } = await under.as("operator").coins({ ...owned, mixdepth: 0 });
    const txid = await send("doomed");
    under.money.node.mempool.clear();
    under.money.spendElsewhere(coins[0]?.txid ?? "", coins[0]?.index ?? 0);
    const [rival = ""] = under.money.node.mempool.keys();
    await under.money.mine(1);
    await waitFor("the owner to be told", async () => (await history()).unsent[0]?.state === "conflict");

    expect((await history()).unsent[0]).toMatchObject({ txid, conflictTxid: rival });
    const [mixdepth] = (await under.as("operator").balances(owned)).mixdepths;
    expect(mixdepth).toMatchObject({ totalSat: 0, reservedSat: 0 });
    const other = await send("other", { mixdepth: 1 });
    nodeForgets();
    await waitFor("what is not lost for good to be sent again", () => nodeHas(other));
    expect(timesSent(txid)).toBe(1);
    await reopen();
    expect((await history()).unsent[0]).toMatchObject({ txid, state: "conflict" });
  });

  it("is given up after two weeks, and its coins are free", async () => {
    under.money.isSilent = true;
    under.money.loses = "before";
    await expect(send("old")).rejects.toMatchObject({ code: "WALLETD_NOT_KNOWN_SENT" });
    clock.pass(15 * 24 * HOUR_MS);
    await under.money.mine(1);
    await under.level(owned);

    expect((await history()).unsent).toMatchObject([{ state: "expired" }]);
    expect((await under.as("operator").balances(owned)).mixdepths[0]?.reservedSat).toBe(0);
  });
});

describe("a payment of which nobody knows whether it was sent", () => {
  it("is sent, and not a second one", async () => {
    under.money.loses = "before";
    await expect(send("unknown")).rejects.toMatchObject({ code: "WALLETD_NOT_KNOWN_SENT" });
    under.money.followMempool();
    await waitFor("the payment to be sent", () => under.money.node.mempool.size === 1);
    const [txid] = under.money.node.mempool.keys();

    expect(await send("unknown")).toBe(txid);
    expect(under.money.node.mempool.size).toBe(1);
  });
});

describe("a coinjoin", () => {
  const MOST = { makerFeesSatMax: 2_000, miningFeeSatMax: 5_000 };

  async function grantOfTaker(): Promise<string> {
    const asked = { ...owned, caller: "taker" as const, limits: MOST, ttlS: 86_400 };
    return (await under.as("operator").grant(asked)).grant;
  }

  async function taken(
    resend: "soon" | "late" = "soon",
    given?: string,
    destination: string | null = null,
  ): Promise<{ grant: string; whole: Transaction }> {
    const grant = given ?? (await grantOfTaker());
    const taker = under.as("taker");
    const wish = { mixdepth: 0, amountSat: 200_000, destination, ...MOST };
    const side = await taker.reserveAsTaker({ grant, ...wish });
    const transaction = await othersSigned(madeFor(side, 200_000), side.coins);
    const asked = { grant, reservation: side.reservation, participants: 3, resend };
    const signed = await taker.signAsTaker({ ...asked, rawTx: rawOf(transaction) });
    return { grant, whole: withSignatures(transaction, signed) };
  }

  it("is its taker's to send, and kept on the network from then on", async () => {
    const { whole } = await taken();
    const txid = txidOf(whole);
    const marker = await send("marker", { mixdepth: 1 });
    nodeForgets();
    await untilSent(marker, 2);
    expect(timesSent(txid)).toBe(0);

    appears(whole);
    await waitFor("the wallet to see it", async () => (await history()).entries[0]?.txid === txid);
    nodeForgets();
    await untilSent(txid, 1);
    await waitFor("the node to have it again", () => nodeHas(txid));
  });

  it("is kept on the network too when its taker has sent it and nobody else saw it", async () => {
    const { grant, whole } = await taken();
    await under.as("taker").addHistoryNote({ grant, txid: txidOf(whole), note: NOTE });
    await under.money.mine(1);

    await untilSent(txidOf(whole), 1);
  });

  it("that others are to send is sent by our node only half a day after it was lost", async () => {
    const { whole } = await taken("late");
    appears(whole);
    await waitFor("the wallet to see it", async () => (await history()).entries.length === 3);
    nodeForgets();
    await waitFor("the owner to be told", async () => (await history()).unsent.length === 1);
    clock.pass(11 * HOUR_MS);
    const marker = await send("marker", { mixdepth: 1 });
    nodeForgets();
    await untilSent(marker, 2);
    expect(timesSent(txidOf(whole))).toBe(0);

    clock.pass(37 * HOUR_MS);
    nodeForgets();
    await under.money.mine(1);
    await untilSent(txidOf(whole), 1);
  });

  it("of the bank that nobody has sent is sent at once when it is recalled, whoever was to send it", async () => {
    const limits = { mixdepths: [0], amountSatMax: 300_000, daySatMax: 300_000, ...MOST };
    const asked = { ...owned, caller: "ledger" as const, limits, ttlS: 86_400 };
    const { grant } = await under.as("operator").grant(asked);
    const loan = { grant, order: "01".repeat(8), address: ELSEWHERE, amountSat: 200_000, ...MOST };
    const lent = await under.as("ledger").bankLend(loan);
    const { whole } = await taken("late", lent.grant, ELSEWHERE);
    expect(await under.as("ledger").bankRecall(loan)).toMatchObject({
      signed: { payout: { txid: txidOf(whole) } },
    });
    await under.money.mine(1);
    await untilSent(txidOf(whole), 1);
  });

  it("of a maker is kept on the network from when it was seen, whoever else has it", async () => {
    const { grant } = await under
      .as("operator")
      .grant({ ...owned, caller: "maker", limits: {}, ttlS: 86_400 });
    const maker = under.as("maker");
    const side = await maker.reserveAsMaker({ grant, mixdepth: 0, ...MAKER_TERMS });
    const transaction = await othersSigned(takenFrom(side), side.coins);
    const asked = { grant, reservation: side.reservation, rawTx: rawOf(transaction) };
    const whole = withSignatures(transaction, await maker.signAsMaker(asked));
    appears(whole);
    const txid = txidOf(whole);
    const isSeen = async () => (await history()).entries.some((entry) => entry.txid === txid);
    // Until it has been kept.
    for (;;) {
      await waitFor("the wallet to see it", isSeen);
      nodeForgets();
      await waitFor("the wallet to miss it", async () => !(await isSeen()) || timesSent(txid) > 0);
      if ((await history()).unsent.length > 0 || timesSent(txid) > 0) break;
      appears(whole);
    }
    await untilSent(txid, 1);
  });
});

const NOTE = {
  role: "taker" as const,
  isSuccess: true,
  failure: null,
  amountSat: 200_000,
  ...{ inputs: 1, inputSat: 500_000, peers: ["a", "b"], feeReceivedSat: 0, txfeeContributionSat: 0 },
  ...{ makerFeesSat: 800, miningFeeSat: 1_500, startedAtS: 1, completedAtS: 2, broadcastBy: "self" },
};
