import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { txidOf } from "../../../bitcoin/transaction.ts";
import { type Failure, TroupeError } from "../../../runtime/errors.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { stillWorld } from "../../../tests/harness/walletd/money-world.ts";
import {
  HastyClock,
  knownWallet,
  type Owned,
  PASSWORD,
  WalletdUnderTest,
} from "../../../tests/harness/walletd/walletd-under-test.ts";

const WALLET = knownWallet(31);
const ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const DAY_MS = 86_400_000;

let clock: HastyClock;
let under: WalletdUnderTest;
let owned: Owned;
beforeEach(async () => {
  clock = new HastyClock();
  under = await WalletdUnderTest.start(stillWorld(), { clock, config: { mixdepths: 2, gap: 4 } });
  await under.fund(WALLET, [0, 0, 500_000]);
  owned = await under.recovered("payer", WALLET.words, { hasBonds: false });
});
afterEach(() => under.stop());

function send(key: string, amountSat = 100_000) {
  const payments = [{ address: ELSEWHERE, amountSat }];
  return under.as("operator").send({ ...owned, mixdepth: 0, payments, fee: { satPerVb: 2 } }, { key });
}

async function reopen(): Promise<void> {
  owned = await under.reopened("payer");
}

it("a payment at the feerate that a dry run has told costs what it has told", async () => {
  // The fee of a size at this rate is no whole satoshi, and is rounded up.
  const spend = {
    ...owned,
    mixdepth: 0,
    payments: [{ address: ELSEWHERE, amountSat: 100_000 }],
    fee: { satPerVb: 1.081 },
  };
  const tried = await under.as("operator").send({ ...spend, isDryRun: true }, { key: "dry" });
  const fee = { satPerVb: tried.satPerVb };

  const sent = await under.as("operator").send({ ...spend, fee }, { key: "wet" });

  expect(sent.feeSat).toBe(tried.feeSat);
});

const sentTxids = () => new Set(under.money.sent.map((transaction) => txidOf(transaction)));

describe("one key", () => {
  it("pays once, whether the answer is lost before the node or after it, and after any restart", async () => {
    for (const loses of ["before", "after"] as const) {
      under.money.loses = loses;
      await expect(send(`lost-${loses}`)).rejects.toMatchObject({ code: "WALLETD_NOT_KNOWN_SENT" });
      await reopen();
      const first = await send(`lost-${loses}`);
      await reopen();
      expect((await send(`lost-${loses}`)).transaction.txid).toBe(first.transaction.txid);
    }
    expect(sentTxids().size).toBe(2);
  });

  it("tells the first payment again to whoever has unlocked the wallet anew, and to nobody else", async () => {
    const first = await send("again");
    const earlier = owned;
    const { session } = await under.as("operator").unlock({ wallet: "payer", password: PASSWORD });
    owned = { wallet: "payer.jmdat", session };
    expect(await send("again")).toEqual(first);
    await expect(send("again", 50_000)).rejects.toMatchObject({ code: "BUS_CONFLICT" });

    await under.as("operator").lock(owned);
    for (const stale of [earlier, owned, { wallet: "payer", session: "00".repeat(32) }]) {
      owned = stale;
      await expect(send("again")).rejects.toMatchObject({ code: "WALLETD_NO_SESSION" });
    }
    const reopened = await under.as("operator").unlock({ wallet: "payer", password: PASSWORD });
    owned = { wallet: "payer", session: reopened.session };
    await under.level(owned);
    expect(await send("again")).toEqual(first);
    expect(sentTxids().size).toBe(1);
  });

  it("is shared by two sessions while the payment is on its way", async () => {
    const { session } = await under.as("operator").unlock({ wallet: "payer", password: PASSWORD });
    const others = { wallet: "payer", session };
    let more: Promise<unknown> = Promise.resolve();
    under.money.onBroadcast = () => {
      under.money.onBroadcast = () => undefined;
      owned = others;
      more = send("both");
    };
    const first = await send("both");
    expect(await more).toEqual(first);
    expect(sentTxids().size).toBe(1);
  });

  it("gives the same address to another session, but no grant of one that has ended", async () => {
    const asked = () =>
      Promise.all([
        under.as("operator").newAddress({ ...owned, mixdepth: 0 }, { key: "address" }),
        under.as("operator").grant({ ...owned, caller: "taker", limits: {}, ttlS: 600 }, { key: "grant" }),
      ]);
    const [address, grant] = await asked();
    await under.as("operator").lock(owned);
    const { session } = await under.as("operator").unlock({ wallet: "payer", password: PASSWORD });
    owned = { wallet: "payer", session };
    const newAddress = await under.as("operator").newAddress({ ...owned, mixdepth: 0 }, { key: "address" });
    expect(newAddress).toEqual(address);
    await expect(
      under.as("operator").grant({ ...owned, caller: "taker", limits: {}, ttlS: 600 }, { key: "grant" }),
    ).rejects.toMatchObject({ code: "BUS_CONFLICT" });
    expect(grant.id).not.toBe("");
  });

  it("is no key for another payment, ever", async () => {
    await send("k");
    await reopen();
    await expect(send("k", 50_000)).rejects.toMatchObject({ code: "BUS_CONFLICT" });
    expect(sentTxids().size).toBe(1);
  });

  it("signs nothing again when a hundred blocks lie on what it sent and its record is let go", async () => {
    await send("old");
    await under.money.mine(101);
    clock.pass(3 * DAY_MS);
    await under.money.mine(1);
    await under.level(owned);
    await reopen();

    await expect(send("old")).rejects.toMatchObject({ code: "BUS_CONFLICT" });
    await expect(send("old", 1_000)).rejects.toMatchObject({ code: "BUS_CONFLICT" });
    expect(sentTxids().size).toBe(1);
    await send("new");
    expect(sentTxids().size).toBe(2);
  });
});

describe("a payment that the mempool does not tell of", () => {
  it("keeps its coins, so that no other payment takes its place", async () => {
    under.money.isSilent = true;
    await send("first");
    const waiting = await under.as("operator").balances(owned);

    expect(waiting.mixdepths[0]).toMatchObject({ availableSat: 0, reservedSat: 500_000 });
    await expect(send("second")).rejects.toMatchObject({ code: "WALLETD_FUNDS" });
    // Once it is heard of, its change can be spent.
    under.money.isSilent = false;
    under.money.followMempool();
    await waitFor("the change", async () => (await under.as("operator").balances(owned)).availableSat > 0);
    await send("second");
    expect(sentTxids().size).toBe(2);
    for (const txid of sentTxids()) expect(under.money.node.mempool.has(txid)).toBe(true);
  });

  it("gives its coins back when the node refuses it", async () => {
    const { coins } = await under.as("operator").coins(owned);
    under.money.onBroadcast = () => {
      // Somebody else with the same words is faster.
      under.money.onBroadcast = () => undefined;
      under.money.spendElsewhere(coins[0]?.txid ?? "", coins[0]?.index ?? 0);
    };
    await expect(send("late")).rejects.toMatchObject({ code: "WALLETD_NOT_TAKEN" });
    under.money.node.evict();
    under.money.followMempool();
    await send("again");
    expect((await under.as("operator").balances(owned)).mixdepths[0]?.reservedSat).toBe(0);
  });
});

describe("a payment that is signed, and of which nobody knows whether the network has it", () => {
  /** What the next broadcast ends with. */
  const fails = (failure: Failure & Record<string, unknown>) => {
    under.money.onBroadcast = () => {
      under.money.onBroadcast = () => undefined;
      throw new TroupeError(failure, "as the mempool says it");
    };
  };
  const REFUSED = {
    ...{ code: "MEMPOOL_REFUSED", kind: "fee-too-low", reason: "mempool min fee not met" },
    rpcCode: -26,
  };
  const away = (outcome: string) => ({ code: "MEMPOOL_NODE_AWAY", reason: "it is away", outcome });
  const evict = async () => {
    under.money.node.evict();
    under.money.followMempool();
    await under.level(owned);
  };

  it.each(["in the same life", "in the next"])(
    "keeps its coins, and is not paid anew, when the node refuses it later, %s",
    async (when) => {
      under.money.loses = "after";
      await expect(send("lost")).rejects.toMatchObject({ code: "WALLETD_NOT_KNOWN_SENT" });
      await evict();
      if (when === "in the next") await reopen();
      fails(REFUSED);

      await expect(send("lost")).rejects.toMatchObject({
        code: "WALLETD_NOT_KNOWN_SENT",
        data: { reason: expect.stringContaining("mempool min fee not met") },
      });
      await expect(send("other")).rejects.toMatchObject({ code: "WALLETD_FUNDS" });
      await send("lost");
      expect(sentTxids().size).toBe(1);
    },
  );

  it("has been sent when our own view has it, whatever the node says", async () => {
    under.money.loses = "after";
    await expect(send("lost")).rejects.toMatchObject({ code: "WALLETD_NOT_KNOWN_SENT" });
    await under.money.mine(1);
    await under.level(owned);
    // What it has paid was spent since: to the node its inputs are missing.
    fails({ ...REFUSED, kind: "missing-inputs", reason: "bad-txns-inputs-missingorspent" });

    await expect(send("lost")).resolves.toMatchObject({ isSent: true });
    expect(sentTxids().size).toBe(1);
  });

  it("gives its coins back when it is refused after a node that never looked at it", async () => {
    fails(away("not_executed"));
    await expect(send("early")).rejects.toMatchObject({ code: "WALLETD_NOT_KNOWN_SENT" });
    fails(REFUSED);
    await expect(send("early")).rejects.toMatchObject({ code: "WALLETD_NOT_TAKEN" });
    expect((await under.as("operator").balances(owned)).mixdepths[0]).toMatchObject({
      availableSat: 500_000,
    });

    fails(away("unknown"));
    await expect(send("late")).rejects.toMatchObject({ code: "WALLETD_NOT_KNOWN_SENT" });
    fails(REFUSED);
    await expect(send("late")).rejects.toMatchObject({ code: "WALLETD_NOT_KNOWN_SENT" });
  });
});

describe("what was mined", () => {
  it("cannot be spent before a hundred blocks lie on it, and is never told to be, not even at first", async () => {
    const { scriptPubKey } = WALLET.keys.key({ mixdepth: 1, chain: 0, index: 0 });
    const [elsewhere] = under.money.scripts.splice(0, 1, scriptPubKey);
    await under.money.mine(1);
    if (elsewhere !== undefined) under.money.scripts.splice(0, 1, elsewhere);
    await reopen();
    const balance = async () => (await under.as("operator").balances(owned)).mixdepths[1];

    expect(await balance()).toMatchObject({ totalSat: 1_000_000, availableSat: 0 });
    await under.money.mine(99);
    await under.level(owned);
    expect(await balance()).toMatchObject({ totalSat: 1_000_000, availableSat: 1_000_000 });
  });
});
