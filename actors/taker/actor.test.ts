import { afterEach, describe, expect, it } from "vitest";
import { bytesToHex, parseTxid, txidFromBytes } from "../../bitcoin/bytes.ts";
import { publicKeyOf } from "../../bitcoin/keys/curve.ts";
import { timelockOutputScript } from "../../bitcoin/script/timelock.ts";
import { isInputSigned } from "../../bitcoin/signing/inputs.ts";
import { sizeVbOf, type Transaction, txidOf } from "../../bitcoin/transaction.ts";
import { certifyBond, proveBond } from "../../joinmarket/bond/proof.ts";
import { JoinTable, type TableOptions } from "../../tests/harness/joinmarket/join-table.ts";
import { DELIVERED, LOST } from "../../tests/harness/joinmarket/market-hub.ts";
import { waitFor } from "../../tests/harness/wait-for.ts";

const ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

let table: JoinTable | undefined;
afterEach(async () => {
  await table?.clear();
  table = undefined;
});

async function set(options?: TableOptions): Promise<JoinTable> {
  table = await JoinTable.set(options);
  return table;
}

/** What each input spends, by the chain's own word. */
function spentBy({ money }: JoinTable, transaction: Transaction) {
  const known = new Map(
    money.node.blocks.flatMap(({ transactions }) => transactions.map((one) => [txidOf(one), one] as const)),
  );
  return transaction.inputs.map((input) => {
    const output = known.get(txidFromBytes(input.previousTxidBytes))?.outputs[input.previousIndex];
    if (output === undefined) throw new Error("it spends what is not there");
    return output;
  });
}

const sum = (outputs: readonly { readonly amountSat: bigint }[]) =>
  outputs.reduce((total, { amountSat }) => total + Number(amountSat), 0);

it("a coinjoin with three makers is on the network, signed by all, and costs what was agreed", async () => {
  const at = await set();
  const before = at.walletSat;
  const run = await at.join();

  expect(run).toMatchObject({
    phase: "done",
    failure: null,
    makersGood: 3,
    makersSigned: 3,
    makerFeesSat: 600,
  });
  expect(at.said).toBe("no coinjoin under way");
  const [transaction] = at.money.sent;
  if (transaction === undefined) throw new Error("nothing was sent");
  expect(txidOf(transaction)).toBe(run.txid);
  const spent = spentBy(at, transaction);
  expect(
    transaction.inputs.map((_, i) => isInputSigned(transaction, i, spent[i] as (typeof spent)[number])),
  ).toEqual(transaction.inputs.map(() => true));
  expect(transaction.outputs.filter(({ amountSat }) => amountSat === 300_000n)).toHaveLength(4);
  const minersSat = sum(spent) - sum(transaction.outputs);
  expect(minersSat).toBe(run.miningFeeSat);
  expect(minersSat / sizeVbOf(transaction)).toBeGreaterThanOrEqual(2);
  await at.money.follow();
  expect(before - at.walletSat).toBe(600 + minersSat);
  await waitFor("the coins to be spent", async () => (await at.reservedSat()) === 0);
});

it("a sweep leaves nothing in the mixdepth, and no change", async () => {
  const at = await set({ walletSat: [300_000, 200_000] });
  const run = await at.join({ amountSat: null });

  expect(run).toMatchObject({ phase: "done", isSweep: true, makersGood: 3 });
  const [transaction] = at.money.sent;
  expect(transaction?.outputs).toHaveLength(4 + 3);
  expect(run.amountSat).toBe(500_000 - 600 - (run.miningFeeSat ?? 0));
  await at.money.follow();
  expect(at.walletSat).toBe(run.amountSat);
});

it("a plan says what it will cost under the nick with which the coinjoin is then made", async () => {
  const at = await set({ config: { chooser: "cheapest" } });
  const asked = { makers: 2, makersMin: 2, satPerVb: 2 };
  const plan = await at.taker.plan({ ...asked, amountSat: 300_000, availableSat: 900_000, coins: 3 });
  expect(plan).toMatchObject({ amountSat: 300_000, candidates: 3, makerFeesSat: 300, makersMin: 2 });
  const { makerFeesSatMax, miningFeeSatMax } = plan;

  const grant = await at.grant(makerFeesSatMax, miningFeeSatMax);
  const run = await at.join({ ...asked, grant, makerFeesSatMax, miningFeeSatMax, plan: plan.plan });
  expect(run).toMatchObject({ phase: "done", makersGood: 2, makerFeesSat: 300 });
  // Each maker has brought one coin, as most do. Signatures are a byte longer or shorter.
  expect(Math.abs((run.miningFeeSat ?? 0) - plan.miningFeeSat)).toBeLessThan(20);
  expect(plan.miningFeeSat).toBeLessThan(miningFeeSatMax / 2);
  const askers = at.hub.sent
    .filter(({ text }) => text === "orderbook" || text.startsWith("fill "))
    .map(({ from }) => from);
  expect(new Set(askers).size).toBe(1);
});

it("a plan for a place that is no address of this network is refused before anybody on the market is asked", async () => {
  const at = await set();
  const wish = { amountSat: 100_000, availableSat: 200_000, coins: 1, makers: 2, satPerVb: 2 };
  const mistyped = `${ELSEWHERE.slice(0, -1)}x`;
  await expect(at.taker.plan({ ...wish, destination: mistyped })).rejects.toMatchObject({
    code: "TAKER_ADDRESS",
    data: { address: mistyped },
  });
  expect(at.hub.sent).toEqual([]);
  expect((await at.taker.plan({ ...wish, destination: ELSEWHERE })).makers).toHaveLength(2);
});

it("a coinjoin that its asker has named is begun once, however often it is asked for, also after its end", async () => {
  const at = await set();
  const id = "0123456789abcdef";
  const grant = await at.grant();
  expect(await at.begin({ id, grant })).toBe(id);
  expect(await at.begin({ id, grant })).toBe(id);
  const run = await at.outcome(id);
  expect(run.phase).toBe("done");
  expect(await at.begin({ id, grant })).toBe(id);
  expect((await at.taker.runs({})).runs.map((one) => one.id)).toEqual([id]);
  expect(at.money.sent.map(txidOf)).toEqual([run.txid]);
});

it("plans whose offers nobody wants kept leave room for others", async () => {
  const at = await set();
  const wish = { amountSat: 100_000, availableSat: 200_000, coins: 1, makers: 2, satPerVb: 2 };
  for (let i = 0; i < 9; i++) {
    expect((await at.taker.plan({ ...wish, isKept: false })).makers).toHaveLength(2);
  }
});

it("coinjoins without a common plan are asked for under different nicks", async () => {
  const at = await set({ walletSat: [400_000, 400_000] });
  await at.join({ amountSat: 150_000 });
  await at.taker.orderbook({});
  await at.taker.plan({ amountSat: 100_000, availableSat: 200_000, coins: 1, makers: 2, satPerVb: 2 });
  const askers = at.hub.sent.filter(({ text }) => text === "orderbook").map(({ from }) => from);
  expect(new Set(askers).size).toBe(3);
});

it("the order book shows what makers have proved to lock away, and no bond of which the chain knows nothing", async () => {
  const key = (seed: number) => new Uint8Array(32).fill(seed);
  const claim = { vout: 0, locktime: 1_893_456_000, publicKey: publicKeyOf(key(7)) };
  const proves = (txid: string) => (nicks: { maker: string; taker: string }) => {
    const certificate = certifyBond(key(7), publicKeyOf(key(8)), 50);
    return proveBond({ ...claim, txid: parseTxid(txid) }, certificate, key(8), nicks);
  };
  let txid = "";
  const lies = [{ bondProof: proves("ab".repeat(32)) }, { bondProof: (nicks: never) => proves(txid)(nicks) }];
  const scriptPubKey = timelockOutputScript(claim);
  const script = bytesToHex(scriptPubKey);
  const at = await set({ lies, others: [{ scriptPubKey, amountSat: 700_000n }] });
  const funding = at.money.node.blocks
    .flatMap(({ transactions }) => transactions)
    .find(({ outputs }) => outputs.some((output) => bytesToHex(output.scriptPubKey) === script));
  if (funding === undefined) throw new Error("nobody has paid the bond");
  claim.vout = funding.outputs.length - 1;
  txid = txidOf(funding);
  const { offers, bonds } = await at.taker.orderbook({});
  const nick = at.makers[1]?.nick;
  expect(bonds).toEqual([
    expect.objectContaining({
      ...{ nick, txid, index: claim.vout, amountSat: 700_000, locktimeS: 1_893_456_000, script },
      ...{ publicKey: bytesToHex(claim.publicKey), confirmations: 8, certificateExpiry: 50 },
    }),
  ]);
  expect(bonds[0]?.value).toBeGreaterThan(0);
  expect(offers.map((offer) => [offer.nick === nick, offer.bondValue > 0])).toEqual([
    ...[
      [false, false],
      [true, true],
      [false, false],
    ],
  ]);
});

it("of the wallet's coins those are mixed that the owner names", async () => {
  const at = await set({ walletSat: [500_000, 400_000] });
  const { coins } = await at.under.as("operator").coins({ ...at.owned, mixdepth: 0 });
  const [named] = coins.filter(({ amountSat }) => amountSat === 400_000);
  if (named === undefined) throw new Error("the coin is not there");
  const coin = { txid: named.txid, index: named.index };
  const run = await at.join({ amountSat: 200_000, coins: [coin] });
  expect(run.phase).toBe("done");
  const spent = at.money.sent[0]?.inputs.map(
    (input) => `${txidFromBytes(input.previousTxidBytes)}:${input.previousIndex}`,
  );
  const own = coins.filter(({ txid, index }) => spent?.includes(`${txid}:${index}`));
  expect(own.map(({ amountSat }) => amountSat)).toEqual([400_000]);
});

it("the mixed coins go where the owner has said, and nowhere that was not granted", async () => {
  const at = await set();
  const elsewhere = ELSEWHERE;
  const refused = await at.join({ destination: elsewhere });
  expect(refused).toMatchObject({ phase: "failed", failure: { code: "WALLETD_BEYOND_GRANT" } });

  const grant = await at.grant(5_000, 20_000, [elsewhere]);
  const before = at.walletSat;
  const run = await at.join({ grant, destination: elsewhere });
  expect(run.phase).toBe("done");
  await at.money.follow();
  expect(before - at.walletSat).toBe(300_000 + (run.makerFeesSat ?? 0) + (run.miningFeeSat ?? 0));
});

describe("the finished transaction", () => {
  it("is sent by makers only when we shall not be the first to have it", async () => {
    const at = await set();
    const run = await at.join({ broadcast: "not-self" });
    expect(run.phase).toBe("done");
    expect(at.makers.map(({ nick }) => nick)).toContain(run.broadcastBy);
    expect(at.money.sent).toEqual([]);
  });

  it("is not sent by ourselves against the owner's will, and its coins stay set aside while it may still appear", async () => {
    const silent = { isPushing: false };
    const at = await set({ lies: [silent, silent, silent], config: { push_timeout_seconds: 5 } });
    const run = await at.join({ broadcast: "not-self" });
    expect(run).toMatchObject({ phase: "failed", failure: { code: "TAKER_NOT_SENT" } });
    expect(at.money.sent).toEqual([]);
    expect(await at.reservedSat()).toBe(900_000);
    expect(at.hub.sent.filter(({ text }) => text.startsWith("push "))).toHaveLength(3);
  });

  it("is sent by our node when the maker that was picked for it does nothing", async () => {
    const silent = { isPushing: false };
    const at = await set({ lies: [silent, silent, silent], config: { push_timeout_seconds: 5 } });
    const run = await at.join({ broadcast: "random-maker" });
    expect(run).toMatchObject({ phase: "done", broadcastBy: "self" });
    expect(at.money.sent).toHaveLength(1);
  });

  it("is sent all the same when the node's answer gets lost", async () => {
    const at = await set();
    at.money.loses = "before";
    const run = await at.join();
    expect(run).toMatchObject({ phase: "done", broadcastBy: "self" });
  });

  it("is given up when a maker has spent its coin meanwhile; what is signed stays set aside for a while", async () => {
    const at = await set();
    at.money.onBroadcast = () => {
      at.money.onBroadcast = () => undefined;
      const [coin] = at.makerCoins[0] ?? [];
      if (coin !== undefined) at.spend(coin);
    };
    const before = at.walletSat;
    const run = await at.join();
    expect(run).toMatchObject({ phase: "failed", failure: { code: "TAKER_REFUSED" } });
    expect(at.walletSat).toBe(before);
    expect(await at.reservedSat()).toBe(900_000);
  });
});

describe("a taker that is stopped", () => {
  for (const word of ["orderbook", "fill", "auth", "tx", "push"]) {
    it(`at its first "${word}" makes the coinjoin when it starts again, and pays once`, async () => {
      const at = await set();
      let isReached = false;
      at.hub.fate = ({ text }) => {
        if (isReached || text.split(" ")[0] !== word) return DELIVERED;
        isReached = true;
        return LOST;
      };
      const before = at.walletSat;
      const id = await at.begin({ broadcast: "not-self" });
      await waitFor(`the first ${word}`, () => isReached);
      await at.stopTaker();
      await at.startTaker();
      const run = await at.outcome(id);

      expect(run).toMatchObject({ phase: "done", makersGood: 3 });
      await at.money.follow();
      expect(before - at.walletSat).toBe((run.makerFeesSat ?? 0) + (run.miningFeeSat ?? 0));
      await waitFor("the coins to be free", async () => (await at.reservedSat()) === 0);
    });
  }

  it("gives the coinjoin up when the wallet was locked meanwhile", async () => {
    const at = await set();
    at.hub.fate = ({ text }) => (text.startsWith("fill ") ? LOST : DELIVERED);
    const id = await at.begin();
    await waitFor("the question", () => at.hub.sent.some(({ text }) => text.startsWith("fill ")));
    await at.stopTaker();
    await at.under.as("operator").lock(at.owned);
    await at.startTaker();
    expect(await at.outcome(id)).toMatchObject({ phase: "failed", failure: { code: "WALLETD_NO_GRANT" } });
  });
});

it("a coinjoin that its owner ends before it is signed gives its coins back", async () => {
  const at = await set();
  at.hub.fate = ({ text }) => (text.startsWith("fill ") ? LOST : DELIVERED);
  const id = await at.begin();
  await waitFor("the question", () => at.hub.sent.some(({ text }) => text.startsWith("fill ")));
  expect(await at.reservedSat()).toBe(900_000);
  expect(await at.taker.cancel({ id })).toEqual({ isCancelled: true });
  expect(await at.outcome(id)).toMatchObject({ phase: "cancelled", failure: { code: "TAKER_CANCELLED" } });
  await waitFor("the coins to be free", async () => (await at.reservedSat()) === 0);
  expect(await at.taker.cancel({ id })).toEqual({ isCancelled: false });
});

it("a coinjoin that its owner has ended does not go on after a kill", async () => {
  const at = await set();
  at.hub.fate = ({ text }) => (text.startsWith("fill ") ? LOST : DELIVERED);
  const id = await at.begin();
  await waitFor("the question", () => at.hub.sent.some(({ text }) => text.startsWith("fill ")));
  await at.killTakerAfter(async () => {
    expect(await at.taker.cancel({ id })).toEqual({ isCancelled: true });
  });
  const asked = at.hub.sent.length;
  at.hub.fate = () => DELIVERED;
  await at.startTaker();
  expect(await at.outcome(id)).toMatchObject({ phase: "cancelled", failure: { code: "TAKER_CANCELLED" } });
  expect(at.hub.sent.slice(asked).filter(({ text }) => text.startsWith("fill "))).toEqual([]);
  await waitFor("the coins to be free", async () => (await at.reservedSat()) === 0);
});

it("a wallet is mixed as often as its owner likes: each coinjoin gives its grant up", async () => {
  const at = await set({ walletSat: [100_000] });
  // More than a wallet holds at once.
  for (let number = 0; number < 17; number++) {
    const run = await at.join();
    expect(run).toMatchObject({ phase: "failed", failure: { code: "WALLETD_FUNDS" } });
  }
});

it("all makers are asked before any of them has answered, with one commitment", async () => {
  const at = await set();
  await at.join();
  const words = at.hub.sent.filter(({ isPrivate }) => isPrivate).map(({ text }) => text.split(" "));
  const fills = words.filter(([word]) => word === "fill");
  expect(words.findLastIndex(([word]) => word === "fill")).toBeLessThan(
    words.findIndex(([word]) => word === "pubkey"),
  );
  expect(new Set(fills.map(([, , , , commitment]) => commitment)).size).toBe(1);
  expect(new Set(fills.map(([, , , key]) => key)).size).toBe(1);
  expect(at.makers.map(({ opened }) => opened.length)).toEqual([1, 1, 1]);
});

it("the wallet's history tells with whom, for what, and that it was a coinjoin", async () => {
  const at = await set();
  const run = await at.join();
  await at.money.follow();
  const entryOf = async () => {
    const { entries } = await at.under.as("operator").history({ ...at.owned, limit: 10 });
    return entries.find(({ txid }) => txid === run.txid);
  };
  await waitFor("the history", async () => (await entryOf())?.note?.isSuccess === true);
  expect(await entryOf()).toMatchObject({
    isCoinjoin: true,
    participants: 4,
    note: {
      role: "taker",
      makerFeesSat: 600,
      peers: expect.arrayContaining(at.makers.map(({ nick }) => nick)),
    },
  });
});
