/** A maker over a real wallet daemon: a whole coinjoin, and what it says in which order. */
import { afterEach, expect, it } from "vitest";
import { txidOf } from "../../bitcoin/transaction.ts";
import { makerContract, type ServedCoinjoin } from "../../bus/contracts/maker.ts";
import type { Market } from "../../joinmarket/channel/market.ts";
import type { Offer } from "../../joinmarket/offer/offer.ts";
import { formatRevelation, parseRevelation } from "../../joinmarket/podle/revelation.ts";
import { DELIVERED } from "../../tests/harness/joinmarket/market-hub.ts";
import { MakerWorld } from "../../tests/harness/maker/maker-world.ts";

/** As many as coins must be old to be offered. */
const BLOCKS = 6;

let world: MakerWorld;
afterEach(() => world.stop());

it("serves a taker from the order book to the chain, and tells what it earned by what it was paid", async () => {
  world = await MakerWorld.start({ terms: { absoluteFeeSat: 5_000 } });
  const told: ServedCoinjoin[] = [];
  await world.walletd
    .busOf("ledger")
    .onEvent(makerContract, "coinjoin.seen", (join) => void told.push(join), { onGap: () => undefined });
  const taker = await world.taker();
  const { maker, offer } = await world.upToPromise(taker, 120_000_000);
  const coins = await world.promisedCoins(taker);
  // As a taker pays that goes by a dearer offer which ours has taken the place of.
  const earnedSat = Number(offer.feeText) + 76;
  const transaction = taker.build({ ...offer, fee: { type: "absolute", feeSat: earnedSat } }, coins);
  await taker.tx(maker, transaction);
  await world.until("the signatures", () => taker.signatures.length === coins.length);
  const signed = taker.finish(transaction, coins);

  expect(signed).toBeDefined();
  if (signed === undefined) return;
  expect(world.money.node.submit(signed)).toBe(true);
  await world.money.follow();
  await world.until("the maker to see it", async () => (await world.status()).seen === 1);
  const status = await world.status();
  expect(status).toMatchObject({ asked: 1, signed: 1, seen: 1, earnedSat });
  await world.pass(400_000);
  const txid = txidOf(signed);
  expect(told).toEqual([{ wallet: "earner", amountSat: 120_000_000, earnedSat, txid }]);
  expect(await world.control.failed({})).toEqual({ joins: [] });
  const { entries } = await world.walletd.as("operator").history(world.owned);
  expect(entries[0]).toMatchObject({ role: "maker", isCoinjoin: true, changeSat: earnedSat });
  expect(entries[0]?.note).toMatchObject({ feeReceivedSat: earnedSat });
});

it("withdraws its offers when the coinjoin that all of its coins are in is seen, and offers what came of it after a block", async () => {
  world = await MakerWorld.start({ coins: [[200_000_000], [], []] });
  const { nick } = await world.status();
  const said = () =>
    world.hub.sent.flatMap(({ from, isPrivate, text }) => (from === nick && !isPrivate ? [text] : []));
  const before = said().at(-1);
  const taker = await world.taker();
  const { maker, offer } = await world.upToPromise(taker, 120_000_000);
  const coins = await world.promisedCoins(taker);
  expect(said().at(-1)).toBe(before);
  const transaction = taker.build(offer, coins);
  await taker.tx(maker, transaction);
  await world.until("the signatures", () => taker.signatures.length === coins.length);
  const signed = taker.finish(transaction, coins);
  expect(signed !== undefined && world.money.node.submit(signed)).toBe(true);
  await world.money.follow();
  await world.until("its end", async () => (await world.status()).state === "waiting");
  await world.pass(10_000);
  expect(said().at(-1)).toBe("cancel 0");
  expect((await world.status()).offers).toEqual([]);

  world.mine(BLOCKS);
  await world.money.follow();
  await world.until("the new offers", async () => (await world.status()).state === "offering");
  await world.pass(10_000);
  expect(said().at(-1)).toMatch(/^sw0absoffer 0 /);
  const { offers } = await world.status();
  // The mixed coin is the larger one now; the change has stayed where it was.
  expect(offers[0]?.maxSat).toBeGreaterThan(100_000_000);
  expect(offers[0]?.maxSat).toBeLessThanOrEqual(120_000_000 - 27_301);
});

it("takes a coin that a taker shows with its script and height, and names no such feature itself", async () => {
  world = await MakerWorld.start();
  const taker = await world.taker();
  const { nick: maker } = await world.status();
  taker.orderbook();
  await world.until("an offer", () => taker.offers.length > 0);
  await taker.fill(maker, taker.offers[0] as Offer, 100_000_000);
  await world.until("the maker's key", () => taker.makerKeys.length > 0);
  const { scriptPubKey } = taker.coin;
  await taker.auth(maker, formatRevelation(parseRevelation(taker.revelation), { scriptPubKey, height: 1 }));
  await world.until("the maker's inputs", () => taker.inputs.length > 0);

  expect(taker.inputs[0]?.coins.every(({ hints }) => hints === undefined)).toBe(true);
  const key = world.hub.sent.find(({ text }) => text.startsWith("pubkey "))?.text;
  expect(key).toMatch(/^pubkey [0-9a-f]{64}$/);
});

it("keeps nobody out for takers who have its signatures, and is done with them when their coinjoin is seen", async () => {
  world = await MakerWorld.start({ config: { sessions_max: 1 } });
  for (const number of [1, 2]) {
    const taker = await world.taker();
    const { maker, offer } = await world.upToPromise(taker, 20_000_000);
    const coins = await world.promisedCoins(taker);
    const transaction = taker.build(offer, coins);
    await taker.tx(maker, transaction);
    await world.until("the signatures", () => taker.signatures.length === coins.length);
    expect((await world.status()).joins.map(({ step }) => step)).toEqual(["signed"]);
    if (number === 1) continue;

    const signed = taker.finish(transaction, coins);
    expect(signed !== undefined && world.money.node.submit(signed)).toBe(true);
    await world.money.follow();
    await world.until("the maker to be done with it", async () => (await world.status()).joins.length === 0);
  }
  expect(await world.status()).toMatchObject({ asked: 2, signed: 2, seen: 1 });
});

it("keeps nobody out for strangers who only ask and never go on, but gives them time to", async () => {
  world = await MakerWorld.start({ config: { sessions_max: 2 } });
  const amountSat = 60_000_000;
  const [promised, silent] = [await world.taker(), await world.taker()];
  const [hasty, honest] = [await world.taker(), await world.taker()];
  const { maker, offer } = await world.upToPromise(promised, amountSat);
  await silent.fill(maker, offer, amountSat);
  await world.until("the silent one's key", () => silent.makerKeys.length > 0);
  await hasty.fill(maker, offer, amountSat);
  await world.pass(500);
  expect(hasty.makerKeys).toHaveLength(0);

  await world.pass(10_000);
  await world.upToPromise(honest, amountSat);
  const { joins } = await world.status();
  expect(joins.map(({ step }) => step)).toEqual(["promised", "promised"]);
  await world.until("the silent one to be given up", () =>
    world.reasons.includes("others want to be served"),
  );
});

it("has another maker told of a commitment that was opened to it: once, and never in public itself", async () => {
  world = await MakerWorld.start();
  const taker = await world.taker();
  const other = world.hub.market();
  await other.start({});
  // Makers are known by what they offer.
  other.announce("sw0absoffer 0 30000 100000 0 100");
  await world.pass(20);
  world.hub.fate = ({ to }) => (to === taker.market.nick ? DELIVERED : [{}, { delayMs: 3 }]);
  const { maker } = await world.upToPromise(taker, 120_000_000);
  await taker.auth(maker);
  await world.pass(1_000);

  const commitment = world.hub.sent.find(({ text }) => text.startsWith("fill "))?.text.split(" P")[1];
  const told = world.hub.sent.filter(({ text }) => text.startsWith("hp2 "));
  expect(told.map(({ from, to, isPrivate, text }) => ({ from, to, isPrivate, text }))).toEqual([
    { from: maker, to: other.nick, isPrivate: true, text: `hp2 ${commitment}` },
  ]);
  expect((await world.control.status({})).usedCommitments).toBe(1);
});

it("is stopped when whatever was ending already has ended: nothing is said after its last word", async () => {
  let leave = () => {};
  const left = new Promise<void>((resolve) => {
    leave = resolve;
  });
  const market: Market = {
    nick: "J5slowtoleave00O",
    start: async () => {},
    announce: () => {},
    tell: async () => {},
    status: () => [],
    close: () => left,
  };
  world = await MakerWorld.start({ market: () => market });
  await world.walletd.as("operator").revoke({ ...world.owned, id: world.grantId });
  await world.until("the end", async () => (await world.status()).state === "ended");

  let isStopped = false;
  const stopped = world.stopMaker().then(() => {
    isStopped = true;
  });
  await world.pass(1_000);
  expect(isStopped).toBe(false);
  leave();
  await stopped;
});

it("earns once with a wallet that is started twice at the same moment, and not at all when it is stopped", async () => {
  world = await MakerWorld.start();
  const { grant, id } = await world.walletd
    .as("operator")
    .grant({ ...world.owned, caller: "maker", limits: {}, ttlS: 86_400 });
  const order = { wallet: "earner", grant, grantId: id, terms: {} };
  // As when the first answer was late, or two of its owner's programs ask.
  await Promise.all([world.control.start(order), world.control.start(order)]);
  await world.until("the offers", async () => (await world.status()).state === "offering");
  await world.control.start(order);
  await world.until("the offers", async () => (await world.status()).state === "offering");
  const taker = await world.taker();
  taker.orderbook();
  await world.pass(1_000);
  expect(taker.offers).toHaveLength(1);

  await world.control.stop({ wallet: "earner" });
  await world.pass(1_000);
  const late = await world.taker();
  late.orderbook();
  await world.pass(1_000);
  expect(late.offers).toEqual([]);
});

it("signs with a wallet of nested addresses too, and its history knows the coinjoin", async () => {
  world = await MakerWorld.start({ type: "bip49" });
  const taker = await world.taker();
  const { maker, offer } = await world.upToPromise(taker, 120_000_000);
  const coins = await world.promisedCoins(taker);
  const transaction = taker.build(offer, coins);
  await taker.tx(maker, transaction);
  await world.until("the signatures", () => taker.signatures.length === coins.length);
  const signed = taker.finish(transaction, coins);
  expect(signed !== undefined && world.money.node.submit(signed)).toBe(true);
  await world.money.follow();
  await world.until("the maker to see it", async () => (await world.status()).seen === 1);
  await world.pass(10_000);
  const { entries } = await world.walletd.as("operator").history(world.owned);
  expect(entries[0]).toMatchObject({ role: "maker", note: { completedAtS: expect.any(Number) } });
  expect((await world.walletd.as("operator").yieldReport(world.owned)).lines).toHaveLength(2);
});

it("sets its offers to what is left when it has signed, whether its taker sends it or not", async () => {
  world = await MakerWorld.start({ coins: [[200_000_000], [100_000_000], []] });
  const taker = await world.taker();
  const { maker, offer } = await world.upToPromise(taker, 120_000_000);
  const coins = await world.promisedCoins(taker);
  await taker.tx(maker, taker.build(offer, coins));
  await world.until("the signatures", () => taker.signatures.length === coins.length);
  await world.until("other offers", async () => {
    const [first] = (await world.status()).offers;
    return first !== undefined && first.maxSat < 100_000_000;
  });
  expect((await world.status()).joins).toMatchObject([{ step: "signed" }]);
});
