/** What a taker may do wrong at each step: nothing is signed wrongly, no coin stays set aside, and the log says why. */
import { afterEach, expect, it } from "vitest";
import { hexToBytes } from "../../bitcoin/bytes.ts";
import { regtest } from "../../bitcoin/network.ts";
import { scriptOfAddress } from "../../bitcoin/script/address.ts";
import { serializeTransaction, type Transaction } from "../../bitcoin/transaction.ts";
import type { CoinjoinCoin } from "../../joinmarket/coinjoin/own-side.ts";
import { writeBytes } from "../../joinmarket/messages/bytes.ts";
import { writeCommand } from "../../joinmarket/messages/command.ts";
import type { Offer } from "../../joinmarket/offer/offer.ts";
import { makeCommitment } from "../../joinmarket/podle/commitment.ts";
import { formatRevelation, parseRevelation } from "../../joinmarket/podle/revelation.ts";
import { DELIVERED, type HubMessage, LOST } from "../../tests/harness/joinmarket/market-hub.ts";
import { scriptNumber } from "../../tests/harness/joinmarket/parties.ts";
import { MakerWorld, outpointsIn } from "../../tests/harness/maker/maker-world.ts";
import type { TestTaker } from "../../tests/harness/maker/test-taker.ts";

const AMOUNT_SAT = 60_000_000;
/** Longer than any taker is waited for, and than any coin is set aside without a signature. */
const LONG_MS = 400_000;
/** Signed coins are set aside for an hour at most if they are never spent. */
const SIGNED_MS = 3_700_000;

let world: MakerWorld;
afterEach(() => world.stop());

const of = (taker: TestTaker, name: string) => (message: HubMessage) =>
  message.from === taker.market.nick && message.isPrivate && message.text.startsWith(`${name} `);

async function balanceSat(): Promise<number> {
  return (await world.walletd.as("operator").balances(world.owned)).totalSat;
}

async function failed() {
  return (await world.control.failed({})).joins;
}

async function nothingStaysReserved(): Promise<void> {
  await world.pass(LONG_MS);
  await world.until("the coins to be free", async () => (await world.reserved()) === 0);
  await world.until("the takers to be gone", async () => (await world.status()).joins.length === 0);
}

async function honestEnd(taker: TestTaker, maker: string, transaction: Transaction, coins: CoinjoinCoin[]) {
  await taker.tx(maker, transaction);
  await world.until("the signatures", () => taker.signatures.length >= coins.length);
  expect(taker.finish(transaction, coins)).toBeDefined();
}

it("gives up a taker that falls silent after its fill, and one that falls silent after our promise", async () => {
  world = await MakerWorld.start();
  const first = await world.taker();
  const second = await world.taker();
  const { maker, offer } = await world.upToPromise(second, AMOUNT_SAT);
  await first.fill(maker, offer, AMOUNT_SAT);
  await world.until("the key", () => first.makerKeys.length > 0);
  expect(await world.reserved()).toBe(1);

  await nothingStaysReserved();
  const givenUp = world.log.lines.filter(({ message }) => message === "a taker is given up");
  expect(givenUp.map(({ context }) => context["step"])).toEqual(["promised", "fill"]);
  expect(world.reasons).toContain("the taker has been silent for too long");
  const [coin] = second.inputs[0]?.coins ?? [];
  const told = { wallet: "earner", amountSat: AMOUNT_SAT, why: "the taker has been silent for too long" };
  expect(await failed()).toMatchObject([
    { ...told, step: "promised", coins: [{ txid: coin?.txid, index: coin?.vout }], refused: null },
    { ...told, step: "fill", coins: [] },
  ]);
  expect(JSON.stringify(await failed())).not.toContain(second.market.nick);
});

it("signs for a taker that takes five minutes for each step", async () => {
  world = await MakerWorld.start();
  const taker = await world.taker();
  const { nick: maker } = await world.status();
  taker.orderbook();
  await world.until("the offers", () => taker.offers.length > 0);
  const [offer] = taker.offers as [Offer];
  world.hub.fate = ({ from }) => (from === taker.market.nick ? [{ delayMs: 300_000 }] : DELIVERED);
  await taker.fill(maker, offer, AMOUNT_SAT);
  await world.pass(299_900);
  await world.until("the key", () => taker.makerKeys.length > 0);
  await taker.auth(maker);
  await world.pass(299_900);
  await world.until("the inputs", () => taker.inputs.length > 0);
  const coins = await world.promisedCoins(taker);
  const transaction = taker.build(offer, coins);
  await taker.tx(maker, transaction);
  await world.pass(299_900);
  await world.until("the signatures", () => taker.signatures.length === coins.length);
  expect(taker.finish(transaction, coins)).toBeDefined();
});

it("says everything once when all that it hears comes twice", async () => {
  world = await MakerWorld.start();
  const taker = await world.taker();
  world.hub.fate = ({ to }) => (to === taker.market.nick ? DELIVERED : [{}, { delayMs: 3 }]);
  const { maker, offer } = await world.upToPromise(taker, AMOUNT_SAT);
  const coins = await world.promisedCoins(taker);
  const transaction = taker.build(offer, coins);
  await honestEnd(taker, maker, transaction, coins);
  await world.pass(1_000);

  expect(taker.makerKeys).toHaveLength(1);
  expect(taker.inputs).toHaveLength(1);
  expect(taker.signatures).toHaveLength(coins.length);
  expect(taker.errors).toEqual([]);
  expect(await world.status()).toMatchObject({ asked: 1, signed: 1 });
});

it("answers again what got lost on the way, with the same coins and addresses", async () => {
  world = await MakerWorld.start();
  const taker = await world.taker();
  let lost = 0;
  world.hub.fate = ({ to, text }) =>
    to === taker.market.nick && text.startsWith("ioauth") && lost++ === 0 ? LOST : DELIVERED;
  const { nick: maker } = await world.status();
  await taker.fill(maker, { offerId: "0" }, AMOUNT_SAT);
  await world.until("the key", () => taker.makerKeys.length > 0);
  await taker.auth(maker);
  await world.until("the lost answer", () => lost > 0);
  await taker.auth(maker);
  await world.until("the answer", () => taker.inputs.length > 0);
  await taker.auth(maker);
  await world.until("the same answer", () => taker.inputs.length > 1);
  expect(taker.inputs[1]).toEqual(taker.inputs[0]);
  expect(await world.reserved()).toBe(taker.inputs[0]?.coins.length);
});

it("does nothing for steps that come in the wrong order, and goes on with the right one", async () => {
  world = await MakerWorld.start();
  const taker = await world.taker();
  const { nick: maker } = await world.status();
  await taker.market.tell(maker, "auth AAAA");
  await taker.market.tell(maker, "tx AAAA");
  await taker.fill(maker, { offerId: "0" }, AMOUNT_SAT);
  await world.until("the key", () => taker.makerKeys.length > 0);
  await taker.market.tell(maker, writeCommand("tx", taker.sealed(writeBytes(new Uint8Array(60)))));
  await taker.auth(maker);
  await world.until("the inputs", () => taker.inputs.length > 0);
  expect(world.reasons).toContain("nothing was promised yet");
  expect(taker.signatures).toEqual([]);
});

it("passes over what it cannot open or read, without an answer and without an end", async () => {
  world = await MakerWorld.start();
  const taker = await world.taker();
  const { nick: maker } = await world.status();
  await taker.fill(maker, { offerId: "0" }, AMOUNT_SAT);
  await world.until("the key", () => taker.makerKeys.length > 0);
  const junk = [
    "auth !",
    "auth AAAA",
    `auth ${"A".repeat(800)}`,
    "auth",
    "fill 0",
    "fill x y z P",
    "tx",
    "sig A",
  ];
  for (const text of junk) await taker.market.tell(maker, text.includes(" ") ? text : `${text} -`);
  for (const lie of [
    "",
    "a|b|c|d|e",
    taker.revelation.split("|").slice(1).join("|"),
    `${taker.revelation}|00`,
  ]) {
    await taker.auth(maker, lie);
  }
  await world.pass(100);
  await taker.auth(maker);
  await world.until("the inputs", () => taker.inputs.length > 0);
  expect(taker.errors).toEqual([]);
  expect(world.log.lines.some(({ message }) => message === "a taker's message cannot be opened")).toBe(true);
});

it("promises nothing for a commitment that is not opened as it should be", async () => {
  world = await MakerWorld.start();
  const taker = await world.taker();
  const poor = await world.taker(11_000_000);
  const { nick: maker } = await world.status();
  const lieWith = async (of: TestTaker, revelation: string) => {
    await of.fill(maker, { offerId: "0" }, AMOUNT_SAT);
    await world.until("the key", () => of.makerKeys.length > 0);
    await of.auth(maker, revelation === "" ? of.revelation : revelation);
    const before = world.reasons.length;
    await world.until("the refusal", () => world.reasons.length > before);
    return world.reasons.at(-1);
  };

  // Another's opening; a response that is one off; a point that has nothing to do with it.
  const other = formatRevelation(makeCommitment(poor.coin, 0).opening);
  expect(await lieWith(taker, other)).toBe("the commitment is not opened");
  const { opening } = makeCommitment(taker.coin, 1);
  const s = Uint8Array.from(opening.s);
  s[31] = (s[31] ?? 0) ^ 1;
  expect(await lieWith(taker, formatRevelation({ ...opening, s }))).toBe("the commitment is not opened");
  // It is worth less than a fifth of the amount.
  expect(await lieWith(poor, "")).toBe("the coin that is shown is too-small");
  expect(await world.reserved()).toBe(0);
  expect([...taker.inputs, ...poor.inputs]).toEqual([]);
  await nothingStaysReserved();
  const told = (await failed()).map(({ step, refused }) => `${step}, ${refused}`);
  expect(told).toContain("fill, auth: the coin that is shown is too-small");
});

it("takes no coin that is unknown, spent, or younger than five blocks", async () => {
  world = await MakerWorld.start();
  const taker = await world.taker();
  const { nick: maker } = await world.status();
  const shown = async (revelation?: string) => {
    await taker.fill(maker, { offerId: "0" }, AMOUNT_SAT);
    await world.until("the key", () => taker.makerKeys.length > 0);
    await taker.auth(maker, revelation ?? taker.revelation);
    const before = world.reasons.length;
    await world.until("the refusal", () => world.reasons.length > before);
    return world.reasons.at(-1);
  };
  await taker.fill(maker, { offerId: "0" }, AMOUNT_SAT);
  await world.until("the key", () => taker.makerKeys.length > 0);
  const { P, P2, s, e, txid } = parseRevelation(taker.revelation);
  await taker.auth(maker, formatRevelation({ P, P2, s, e, txid, vout: 7 }));
  await world.until("a refusal", () => world.reasons.at(-1) === "the coin that is shown is unknown");

  const young = world.fund(taker.coin.scriptPubKey, 300_000_000);
  world.mine(3);
  await world.money.follow();
  await taker.fill(maker, { offerId: "0" }, AMOUNT_SAT);
  await world.until("the key", () => taker.makerKeys.length > 0);
  const again = parseRevelation(taker.revelation);
  await taker.auth(
    maker,
    formatRevelation({ ...again, ...{ txid: young.txid as never, vout: young.index } }),
  );
  await world.until("another", () => world.reasons.at(-1) === "the coin that is shown is too-young");

  const spending = {
    version: 2,
    inputs: [
      {
        previousTxidBytes: hexToBytes(taker.coin.txid).reverse(),
        previousIndex: taker.coin.vout,
        scriptSig: new Uint8Array(0),
        sequence: 0,
        witness: [],
      },
    ],
    outputs: [{ amountSat: 1_000n, scriptPubKey: scriptNumber(9_009) }],
    locktime: 0,
  };
  expect(world.money.node.submit(spending)).toBe(true);
  world.money.followMempool();
  expect(await shown()).toBe("the coin that is shown is unknown");
});

it("signs no transaction that gives it less than was promised, and signs the honest one after all", async () => {
  world = await MakerWorld.start({ terms: { absoluteFeeSat: 5_000 } });
  const taker = await world.taker();
  const { maker, offer } = await world.upToPromise(taker, AMOUNT_SAT);
  const coins = await world.promisedCoins(taker);
  const honest = taker.build(offer, coins);
  const own = new Set(coins.map(({ txid, vout }) => `${txid}:${vout}`));
  const [inputs] = taker.inputs;
  const scripts = [inputs?.coinjoinAddress, inputs?.changeAddress].map((address) =>
    Buffer.from(scriptOfAddress(address ?? "", regtest)).toString("hex"),
  );
  const changed = (script: string | undefined, by: bigint): Transaction => ({
    ...honest,
    outputs: honest.outputs.map((output) =>
      Buffer.from(output.scriptPubKey).toString("hex") === script
        ? { ...output, amountSat: output.amountSat + by }
        : output,
    ),
  });
  const lies: readonly (readonly [Transaction, string])[] = [
    [
      { ...honest, inputs: honest.inputs.filter((_, at) => !own.has(outpointsIn(honest)[at] ?? "")) },
      "own-coin-missing",
    ],
    [changed(scripts[0], -1n), "coinjoin-output-too-small"],
    [changed(scripts[1], -1n), "change-output-too-small"],
    [
      {
        ...honest,
        outputs: honest.outputs.filter(
          ({ scriptPubKey }) => Buffer.from(scriptPubKey).toString("hex") !== scripts[1],
        ),
      },
      "change-output-not-once",
    ],
    [{ ...honest, outputs: [...honest.outputs, ...honest.outputs.slice(0, 4)] }, "coinjoin-output-not-once"],
    [{ ...honest, outputs: [] }, "malformed"],
  ];
  for (const [lie, why] of lies) {
    await taker.tx(maker, lie);
    await world.until(why, () => world.reasons.at(-1) === why);
  }
  expect(taker.signatures).toEqual([]);

  await honestEnd(taker, maker, honest, coins);
  // Another one, which would pay it more, is another one all the same.
  await taker.tx(maker, changed(scripts[1], 1n));
  await world.until("the refusal", () => world.reasons.at(-1) === "already-signed");
  expect(taker.signatures).toHaveLength(coins.length);
});

it("tells its signatures also for a transaction whose id is not known before all have signed", async () => {
  world = await MakerWorld.start();
  const taker = await world.taker();
  const { maker, offer } = await world.upToPromise(taker, AMOUNT_SAT);
  const coins = await world.promisedCoins(taker);
  const transaction = taker.build(offer, coins);
  const own = new Set(coins.map(({ txid, vout }) => `${txid}:${vout}`));
  // As a taker with nested coins may already have put in.
  const redeem = hexToBytes(`160014${"ab".repeat(20)}`);
  const outpoints = outpointsIn(transaction);
  const inputs = transaction.inputs.map((input, at) =>
    own.has(outpoints[at] ?? "") ? input : { ...input, scriptSig: redeem },
  );
  await honestEnd(taker, maker, { ...transaction, inputs }, coins);
});

it("signs once more what it signed, and gives the coins back when they are never spent", async () => {
  world = await MakerWorld.start();
  const before = await balanceSat();
  const taker = await world.taker();
  const { maker, offer } = await world.upToPromise(taker, AMOUNT_SAT);
  const coins = await world.promisedCoins(taker);
  const transaction = taker.build(offer, coins);
  await honestEnd(taker, maker, transaction, coins);
  await taker.tx(maker, transaction);
  await world.until("them again", () => taker.signatures.length === 2 * coins.length);

  await world.pass(LONG_MS);
  // The taker has our signatures: as long as it may use them nobody else gets these coins.
  expect(await world.reserved()).toBe(coins.length);
  await world.pass(SIGNED_MS);
  await world.until("the coins to be free", async () => (await world.reserved()) === 0);
  expect(await balanceSat()).toBe(before);
});

it("begins nothing when the whole conversation is said again", async () => {
  world = await MakerWorld.start();
  const taker = await world.taker();
  const { maker, offer } = await world.upToPromise(taker, AMOUNT_SAT);
  const coins = await world.promisedCoins(taker);
  await honestEnd(taker, maker, taker.build(offer, coins), coins);
  const said = world.hub.sent.filter(({ to, isPrivate }) => to === maker && isPrivate);
  await world.pass(LONG_MS);
  const stranger = await world.taker();
  const heard = { errors: taker.errors.length, inputs: taker.inputs.length };

  for (const { from, text } of said) world.hub.send(from, maker, text, true);
  for (const { text } of said) world.hub.send(stranger.market.nick, maker, text, true);
  await world.pass(1_000);
  expect(await world.reserved()).toBe(coins.length);
  expect(await world.status()).toMatchObject({ signed: 1 });
  expect(taker.inputs).toHaveLength(heard.inputs);
  expect(stranger.inputs).toEqual([]);
  expect(stranger.errors.every((text) => text.startsWith("Commitment is blacklisted"))).toBe(true);
});

it("never promises a coin to two takers, nor an address twice", async () => {
  world = await MakerWorld.start({ coins: [[100_000_000], [100_000_000], [100_000_000]] });
  const takers = [await world.taker(), await world.taker(), await world.taker(), await world.taker()];
  const { nick: maker } = await world.status();
  for (const taker of takers) await taker.fill(maker, { offerId: "0" }, AMOUNT_SAT);
  await world.until("the keys", () => takers.every(({ makerKeys }) => makerKeys.length > 0));
  for (const taker of takers) await taker.auth(maker);
  await world.until("three promises and a refusal", () => world.reasons.includes("no mixdepth has enough"));
  await world.until("the promises", () => takers.flatMap(({ inputs }) => inputs).length === 3);

  const promises = takers.flatMap(({ inputs }) => inputs);
  const coins = promises.flatMap((one) => one.coins.map(({ txid, vout }) => `${txid}:${vout}`));
  const addresses = promises.flatMap(({ coinjoinAddress, changeAddress }) => [
    coinjoinAddress,
    changeAddress,
  ]);
  expect(new Set(coins).size).toBe(3);
  expect(new Set(addresses).size).toBe(6);
  await nothingStaysReserved();

  const [taker] = takers as [TestTaker];
  await taker.fill(maker, { offerId: "0" }, AMOUNT_SAT);
  await world.until("the key", () => taker.makerKeys.length > 0);
  await taker.auth(maker);
  await world.until("the promise", () => taker.inputs.length > 0);
  expect(addresses).not.toContain(taker.inputs[0]?.coinjoinAddress);
  expect(addresses).not.toContain(taker.inputs[0]?.changeAddress);
});

it("frees on a restart what it had promised and keeps what it had signed", async () => {
  world = await MakerWorld.start({ coins: [[100_000_000], [100_000_000], []] });
  const signing = await world.taker();
  const waiting = await world.taker();
  const { maker, offer } = await world.upToPromise(signing, AMOUNT_SAT);
  const coins = await world.promisedCoins(signing);
  await honestEnd(signing, maker, signing.build(offer, coins), coins);
  await waiting.fill(maker, offer, AMOUNT_SAT);
  await world.until("the key", () => waiting.makerKeys.length > 0);
  const commitment = world.hub.sent.findLast(of(waiting, "fill"))?.text.split(" P")[1];
  await waiting.auth(maker);
  await world.until("the promise", () => waiting.inputs.length > 0);
  expect(await world.reserved()).toBe(2);

  await world.killMaker();
  await world.startMaker();
  await world.until("the release", async () => (await world.reserved()) === 1);
  await world.until("the offers", async () => (await world.status()).state === "offering");
  const again = await world.status();
  expect(again.nick).not.toBe(maker);
  const why = "we were started anew";
  expect((await failed()).map((one) => [one.step, one.coins.length, one.why])).toEqual(
    expect.arrayContaining([
      ["signed", coins.length, why],
      ["promised", waiting.inputs[0]?.coins.length, why],
    ]),
  );
  // What it was shown before, it does not take again.
  await waiting.market.tell(again.nick, `fill 0 ${AMOUNT_SAT} ${"ab".repeat(32)} P${commitment}`);
  await world.until("the refusal", () => waiting.errors.length > 0);
  expect(waiting.errors).toEqual([`Commitment is blacklisted: ${commitment}`]);
});

it("sends a transaction only for the taker that it signed it for, and once", async () => {
  world = await MakerWorld.start();
  const taker = await world.taker();
  const stranger = await world.taker();
  const { maker, offer } = await world.upToPromise(taker, AMOUNT_SAT);
  const coins = await world.promisedCoins(taker);
  const transaction = taker.build(offer, coins);
  await honestEnd(taker, maker, transaction, coins);
  const signed = taker.finish(transaction, coins) as Transaction;
  const push = `push ${writeBytes(serializeTransaction(signed))}`;
  const refusals = () =>
    world.log.lines.filter(({ message }) => message.startsWith("a transaction is not sent")).length;

  await stranger.market.tell(maker, push);
  await world.until("the first refusal", () => refusals() === 1);
  const other = { ...signed, locktime: 1 };
  await taker.market.tell(maker, `push ${writeBytes(serializeTransaction(other))}`);
  await world.until("the second refusal", () => refusals() === 2);
  expect(world.money.sent).toEqual([]);
  await taker.market.tell(maker, push);
  await world.until("the sending", () => world.money.sent.length === 1);
  await taker.market.tell(maker, push);
  await world.until("the third refusal", () => refusals() === 3);
  expect(world.money.sent).toHaveLength(1);
});

it("sends what its taker meant after something garbled that no node takes, and does not try for ever", async () => {
  world = await MakerWorld.start();
  const taker = await world.taker();
  const { maker, offer } = await world.upToPromise(taker, AMOUNT_SAT);
  const coins = await world.promisedCoins(taker);
  const transaction = taker.build(offer, coins);
  await honestEnd(taker, maker, transaction, coins);
  world.money.takes = ({ inputs }) => inputs.every(({ witness }) => witness.length > 0);
  const push = (one: Transaction) =>
    taker.market.tell(maker, `push ${writeBytes(serializeTransaction(one))}`);
  const count = (message: string) =>
    world.log.lines.filter((line) => line.message.startsWith(message)).length;

  await push(transaction);
  await world.until("the node's refusal", () => count("the network does not take") === 1);
  await push(taker.finish(transaction, coins) as Transaction);
  await world.until("the sending", () => world.money.node.mempool.size === 1);

  const other = await world.taker();
  const again = await world.upToPromise(other, AMOUNT_SAT);
  const otherCoins = await world.promisedCoins(other);
  const second = other.build(again.offer, otherCoins);
  await honestEnd(other, maker, second, otherCoins);
  const before = world.money.sent.length;
  for (let tries = 1; count("a transaction is not sent") === 0; tries++) {
    await other.market.tell(maker, `push ${writeBytes(serializeTransaction(second))}`);
    await world.pass(20);
    expect(tries).toBeLessThan(20);
  }
  expect(world.money.sent.length - before).toBe(4);
});
