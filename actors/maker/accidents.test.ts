/** What may happen to each word between us and a taker on its way, and what a transaction may hold beside what is ours: nothing is lost, no coin stays set aside, and what became of it is told. */
import { afterEach, expect, it } from "vitest";
import { serializeTransaction, type Transaction } from "../../bitcoin/transaction.ts";
import type { CoinjoinCoin } from "../../joinmarket/coinjoin/own-side.ts";
import { writeBytes } from "../../joinmarket/messages/bytes.ts";
import { writeCommand } from "../../joinmarket/messages/command.ts";
import { offerCostSat } from "../../joinmarket/offer/offer.ts";
import { DELIVERED, type HubDelivery, LOST } from "../../tests/harness/joinmarket/market-hub.ts";
import { scriptNumber } from "../../tests/harness/joinmarket/parties.ts";
import { MakerWorld } from "../../tests/harness/maker/maker-world.ts";
import type { TestTaker } from "../../tests/harness/maker/test-taker.ts";

const AMOUNT_SAT = 30_000_000;
/** A taker waits so long for each answer, which is less than we wait for it. */
const PATIENCE_MS = 240_000;
/** Longer than any taker is waited for, and than any coin is set aside without a signature. */
const LONG_MS = 400_000;
/** Signed coins are set aside for an hour at most if they are never spent. */
const SIGNED_MS = 3_700_000;
const OVERLONG = 60_000;

const TAKER_WORDS = ["orderbook", "fill", "auth", "tx", "push"] as const;
const OUR_WORDS = ["sw0absoffer", "pubkey", "ioauth", "sig"] as const;
const WORDS = [...TAKER_WORDS, ...OUR_WORDS];

let world: MakerWorld;
afterEach(() => world.stop());

const ACCIDENTS: Readonly<Record<string, (text: string) => readonly HubDelivery[]>> = {
  lost: () => LOST,
  late: () => [{ delayMs: 200_000 }],
  "later than anybody waits": () => [{ delayMs: LONG_MS + 100_000 }],
  doubled: () => [...DELIVERED, { delayMs: 3 }, { delayMs: 30 }],
  cut: (text) => [{ text: text.slice(0, text.length / 2) }],
  garbled: (text) => [{ text: `${text.slice(0, -9)}AAAA${text.slice(-5)}` }],
  "followed by noise": (text) => [{}, { text: `${text.split(" ")[0]} AAAA` }, { text: "nonsense 1 2 3" }],
  "without end": (text) => [{ text: `${text}${"A".repeat(OVERLONG)}` }],
  "replayed as another command": (text) => [
    {},
    ...[...WORDS, "error", "hp2", "cancel"].map((word) => ({
      text: [word, ...text.split(" ").slice(1)].join(" "),
      delayMs: 1,
    })),
  ],
};

async function balanceSat(): Promise<number> {
  return (await world.walletd.as("operator").balances(world.owned)).totalSat;
}

/** Whether it comes while the taker has patience: first in our time, then in the world's. */
async function comes(isThere: () => boolean): Promise<boolean> {
  for (let tries = 0; tries < 60 && !isThere(); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    await world.pass(1);
  }
  for (let waited = 0; waited < PATIENCE_MS && !isThere(); waited += PATIENCE_MS / 12) {
    await world.pass(PATIENCE_MS / 12);
  }
  return isThere();
}

/** Goes as far as the answers come; what we earn by it if it is sent, now or later. */
async function conversation(taker: TestTaker): Promise<number> {
  const { nick: maker } = await world.status();
  taker.orderbook();
  if (!(await comes(() => taker.offers.length > 0))) return 0;
  const [offer] = taker.offers;
  if (offer === undefined) return 0;
  await taker.fill(maker, offer, AMOUNT_SAT);
  if (!(await comes(() => taker.makerKeys.length > 0))) return 0;
  await taker.auth(maker);
  if (!(await comes(() => taker.inputs.length > 0))) return 0;
  const coins = await world.promisedCoins(taker);
  const transaction = taker.build(offer, coins);
  await taker.tx(maker, transaction);
  const finished = () => taker.finish(transaction, coins);
  if (!(await comes(() => finished() !== undefined))) return 0;
  const before = world.money.sent.length;
  await taker.market.tell(maker, `push ${writeBytes(serializeTransaction(finished() as Transaction))}`);
  await comes(() => world.money.sent.length > before);
  return offerCostSat(offer, AMOUNT_SAT);
}

interface Before {
  readonly balanceSat: number;
  readonly sent: number;
}

async function now(): Promise<Before> {
  return { balanceSat: await balanceSat(), sent: world.money.sent.length };
}

/** Nothing of it is under way any more: no coin is set aside, nobody waits, and what was earned is what was agreed. */
async function settled(before: Before, costSat: number): Promise<() => boolean> {
  await world.pass(LONG_MS);
  await world.pass(SIGNED_MS);
  world.mine(6);
  await world.money.follow();
  await world.until("the coins to be free", async () => (await world.reserved()) === 0);
  await world.until("the taker to be gone", async () => (await world.status()).joins.length === 0);
  // Sending takes time of the machine's, not of the world's: it is looked at again each time.
  const isEarned = () => world.money.sent.length > before.sent;
  const balance = () => before.balanceSat + (isEarned() ? costSat : 0);
  await world.until("what was earned", async () => (await balanceSat()) === balance());
  return isEarned;
}

/** Whatever is told of takers in the history, the log says the same. */
async function failed(): Promise<number> {
  const { joins } = await world.control.failed({});
  for (const { why } of joins) expect(world.reasons).toContain(why);
  return joins.length;
}

for (const [what, accident] of Object.entries(ACCIDENTS)) {
  it(`a word between us and a taker that is ${what} costs us nothing, whichever word it is`, async () => {
    world = await MakerWorld.start({ terms: { absoluteFeeSat: 5_000 } });
    let inVain = 0;
    for (const word of WORDS) {
      const taker = await world.taker();
      const { nick } = taker.market;
      let accidents = 0;
      world.hub.fate = ({ from, to, text }) => {
        const isWord = text === word || text.startsWith(`${word} `);
        if (!isWord || (from !== nick && to !== nick)) return DELIVERED;
        accidents++;
        return accident(text);
      };
      const before = await now();
      const costSat = await conversation(taker);
      world.hub.fate = () => DELIVERED;
      expect({ word, hadAccident: accidents > 0 }).toEqual({ word, hadAccident: true });
      const isEarned = await settled(before, costSat);
      const wasServed = world.hub.sent.some(({ to, text }) => to === nick && text.startsWith("pubkey "));
      // Whoever was never answered is nobody's failure; who was, and brought nothing, is told of.
      const inVainNow = () => inVain + (wasServed && !isEarned() ? 1 : 0);
      await world.until(`${word}: what became of it`, async () => (await failed()) === inVainNow());
      inVain = inVainNow();
    }
  });
}

/** The honest one with something else in it. */
const BESIDE: Readonly<Record<string, (honest: Transaction) => Transaction>> = {
  dust: (honest) => withOutputs(honest, [1n, 1n, 0n]),
  "payments to strangers": (honest) => withOutputs(honest, [5_000_000n, 600_000n]),
  "all of the taker's change for the miners": (honest) => ({
    ...honest,
    outputs: honest.outputs.toSorted((a, b) => Number(a.amountSat - b.amountSat)).slice(0, -1),
  }),
  "another version and locktime": (honest) => ({ ...honest, version: 1, locktime: 7 }),
};

/** Paid out of the largest output, which is the taker's change. */
function withOutputs(honest: Transaction, amounts: readonly bigint[]): Transaction {
  const paidSat = amounts.reduce((sum, sat) => sum + sat, 0n);
  const largest = honest.outputs.reduce((most, { amountSat }) => (amountSat > most ? amountSat : most), 0n);
  const outputs = honest.outputs.map((output) =>
    output.amountSat === largest ? { ...output, amountSat: largest - paidSat } : output,
  );
  const more = amounts.map((amountSat, at) => ({ amountSat, scriptPubKey: scriptNumber(9_100 + at) }));
  return { ...honest, outputs: [...outputs, ...more] };
}

async function promised(): Promise<{
  taker: TestTaker;
  maker: string;
  honest: Transaction;
  coins: CoinjoinCoin[];
}> {
  world = await MakerWorld.start({ terms: { absoluteFeeSat: 5_000 } });
  const taker = await world.taker();
  const { maker, offer } = await world.upToPromise(taker, AMOUNT_SAT);
  const coins = await world.promisedCoins(taker);
  return { taker, maker, honest: taker.build(offer, coins), coins };
}

it.each(Object.entries(BESIDE))(
  "a transaction with %s in it is signed, at our coins alone: what is ours comes back",
  async (_, change) => {
    const { taker, maker, honest, coins } = await promised();
    const before = await now();
    const transaction = change(honest);
    await taker.tx(maker, transaction);
    await world.until("the signatures", () => taker.signatures.length >= coins.length);

    expect(taker.finish(transaction, coins)).toBeDefined();
    expect(taker.signatures).toHaveLength(coins.length);
    // It never comes onto the chain.
    await settled(before, 0);
  },
);

it("a transaction larger than any block is passed over, and the honest one after it is signed", async () => {
  const { taker, maker, honest, coins } = await promised();
  const huge = { ...honest, outputs: Array.from({ length: 40_000 }, () => honest.outputs[0] as never) };
  await taker.tx(maker, huge);
  await world.pass(1_000);
  expect(taker.signatures).toEqual([]);
  await taker.market.tell(maker, writeCommand("tx", taker.sealed(writeBytes(new Uint8Array(500_000)))));
  await world.pass(1_000);
  expect(taker.signatures).toEqual([]);

  await taker.tx(maker, honest);
  await world.until("the signatures", () => taker.signatures.length >= coins.length);
  expect(taker.finish(honest, coins)).toBeDefined();
});
