import fc from "fast-check";
import { afterEach, expect, it } from "vitest";
import { Randomness } from "../../bench/chain/randomness.ts";
import { txidFromBytes } from "../../bitcoin/bytes.ts";
import { p2wpkhScript } from "../../bitcoin/script/script.ts";
import { txidOf } from "../../bitcoin/transaction.ts";
import { toWireError } from "../../runtime/errors.ts";
import { waitFor } from "../../tests/harness/wait-for.ts";
import { coinText, type Moment, MoneyWorld, ticks } from "../../tests/harness/walletd/money-world.ts";
import { HastyClock, knownWallet, WalletdUnderTest } from "../../tests/harness/walletd/walletd-under-test.ts";

const RUNS = Number(process.env["TROUPE_WALLET_LIVES"] ?? 12);
const MIXDEPTHS = 3;
const GAP = 7;
/** All that a life may ever reach: watched or not, these are the wallet's. */
const DERIVED = 120;
const ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
/** What a send may be refused with when the chain moves under it, or money is short. */
const FAIR_REFUSALS = ["WALLETD_FUNDS", "WALLETD_NOT_TAKEN", "WALLETD_NOT_KNOWN_SENT", "WALLETD_DUST"];

const STEPS = [
  "receive",
  "replace",
  "evict",
  "mine",
  "reorganise",
  "send",
  "freeze",
  "address",
  "reopen",
] as const;
type Step = (typeof STEPS)[number];

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  ...STEPS.map((step) => ({ weight: step === "reopen" ? 1 : 4, arbitrary: fc.constant(step) })),
);

interface Sent {
  readonly txid: string;
  readonly amountSat: number;
  readonly mixdepth: number;
  readonly satPerVb: number;
}

const WALLET = knownWallet(7);
const OWN = Array.from({ length: MIXDEPTHS * 2 }, (_, branch) =>
  Array.from({ length: DERIVED }, (_, index) =>
    WALLET.keys.key({ mixdepth: branch >> 1, chain: branch & 1, index }),
  ),
);

let life: Life | undefined;
afterEach(async () => {
  await life?.stop();
  life = undefined;
});

class Life {
  readonly random: Randomness;
  readonly money: MoneyWorld;
  readonly under: WalletdUnderTest;
  readonly frozen = new Set<string>();
  /** By key of the request what it sent. */
  readonly sends = new Map<string, Sent>();
  session = "";
  readonly #given = new Set<string>();
  /** What had been paid when the wallet was last level with the node. */
  #paid: ReadonlySet<string> = new Set();
  #number = 0;
  /** The newest moment that an answer was of. */
  #seen = 0;

  private constructor(random: Randomness, money: MoneyWorld, under: WalletdUnderTest) {
    this.random = random;
    this.money = money;
    this.under = under;
  }

  static async start(seed: number): Promise<Life> {
    const random = new Randomness(seed);
    const others = Array.from({ length: 3 }, (_, i) => p2wpkhScript(new Uint8Array(20).fill(i + 1)));
    const money = new MoneyWorld(() => random.fraction(), others);
    const config = { mixdepths: MIXDEPTHS, gap: GAP, freeze_reuse_sat: 0, fee_random_percent: 20 };
    const under = await WalletdUnderTest.start(money, { config, clock: new HastyClock() });
    const made = new Life(random, money, under);
    await made.#begin();
    return made;
  }

  async #begin(): Promise<void> {
    for (const branch of OWN) {
      this.money.own(branch.map(({ scriptHash }) => scriptHash));
      // All within the gap: they are found again from the words alone.
      this.money.scripts.push(...[0, 3, 6].map((index) => branch[index]?.scriptPubKey as Uint8Array));
    }
    for (let i = 0; i < 12; i++) {
      this.money.node.send();
      if (i % 3 === 0) this.money.node.mine(0.8);
    }
    await this.money.follow();
    const { session } = await this.owner.recover({
      ...{ wallet: "life", password: "p", words: WALLET.words },
      hasBonds: this.below(4) === 0,
    });
    this.session = session;
    await this.settled();
  }

  get owner() {
    return this.under.as("operator");
  }

  get owned() {
    return { wallet: "life", session: this.session };
  }

  below(bound: number): number {
    return Math.floor(this.random.fraction() * bound);
  }

  /** Both followers come along some way, or not at all. */
  async lag(): Promise<void> {
    if (this.below(3) > 0) this.money.followMempool();
    for (let i = this.below(4); i > 0; i--) {
      this.money.stepIndex();
      await ticks(this.below(4));
    }
    if (this.below(2) > 0) this.money.followMempool();
    await ticks(this.below(12));
  }

  async take(step: Step): Promise<void> {
    const { node } = this.money;
    if (step === "receive") node.send();
    else if (step === "replace") node.replace();
    else if (step === "evict") node.evict();
    else if (step === "mine") node.mine(this.random.fraction());
    else if (step === "reorganise") node.reorganise(1 + this.below(3), this.random.fraction());
    else if (step === "send") await this.#send();
    else if (step === "freeze") await this.#freeze();
    else if (step === "address") await this.#address();
    else await this.#reopen();
  }

  /** What is answered now is what was true at one moment, and never an older one than before. */
  async expectTruth(): Promise<void> {
    const from = this.#seen;
    const [balances, listed] = await Promise.all([
      this.owner.balances(this.owned),
      this.owner.coins(this.owned),
    ]);
    const coins = listed.coins
      .map(({ txid, index, amountSat, height }) => coinText(`${txid}:${index}`, amountSat, height))
      .sort();
    const found = this.#momentOf(from, (moment) => JSON.stringify(moment.coins) === JSON.stringify(coins));
    expect(found, `coins of no moment since ${from} of ${this.money.moments.length}`).toBeGreaterThanOrEqual(
      0,
    );
    const sums = this.#momentOf(from, (moment) => totalOf(moment) === balances.totalSat);
    expect(sums, "a balance of no moment").toBeGreaterThanOrEqual(0);
    this.#seen = Math.max(from, Math.min(found, sums));
    for (const { totalSat, availableSat, unconfirmedSat } of balances.mixdepths) {
      expect(availableSat).toBeLessThanOrEqual(totalSat);
      expect(unconfirmedSat).toBeLessThanOrEqual(totalSat);
    }
  }

  /** When all news is out the wallet is level with the node, in every answer. */
  async settled(): Promise<void> {
    let answers: Awaited<ReturnType<Life["answers"]>>;
    const isLevel = async () => {
      answers = await this.answers();
      return answers !== undefined;
    };
    await waitFor("the wallet to be level with the node", isLevel);
    if (answers === undefined) throw new Error("the wallet is not level with the node");
    const { now, tip, coins, balances, entries, total } = answers;
    const sum = (list: typeof coins) => list.reduce((total, { amountSat }) => total + amountSat, 0);
    expect(balances.totalSat).toBe(totalOf(now));
    for (const { mixdepth, ...told } of balances.mixdepths) {
      const own = coins.filter((coin) => coin.mixdepth === mixdepth);
      const frozen = own.filter(({ txid, index }) => this.frozen.has(`${txid}:${index}`));
      expect(told).toMatchObject({
        totalSat: sum(own),
        unconfirmedSat: sum(own.filter(({ height }) => height === null)),
        frozenSat: sum(frozen),
        coins: own.length,
      });
      const free = own.filter(
        (coin) => !frozen.includes(coin) && coin.reservation === null && !this.#isImmature(coin.txid),
      );
      expect(told.availableSat, "what can be spent").toBe(sum(free));
    }
    expect(total).toBe(entries.length);
    expect(entries.map(({ txid, height }) => `${txid} ${height ?? "-"}`).sort()).toEqual(now.history);
    expect(entries[0]?.balanceSat ?? 0).toBe(balances.totalSat);
    for (const { confirmations, height } of entries) {
      expect(confirmations).toBe(height === null ? 0 : tip.height - height + 1);
    }
    this.#seen = this.money.moments.length - 1;
    this.#paid = this.money.paid;
  }

  /** All of one moment; undefined while the wallet is behind, or when it handed a lost transaction in again meanwhile. */
  async answers() {
    await this.money.follow();
    const { now } = this.money;
    const { tip } = this.money.node;
    const { sync } = await this.owner.status(this.owned);
    if (!sync.isKnown || sync.tip?.hash !== tip.hash) return undefined;
    const { coins } = await this.owner.coins(this.owned);
    if (JSON.stringify(textsOf(coins)) !== JSON.stringify(now.coins)) return undefined;
    const balances = await this.owner.balances(this.owned);
    const { entries, total } = await this.owner.history({ ...this.owned, limit: 10_000 });
    const isOfOneMoment = JSON.stringify(this.money.now) === JSON.stringify(now);
    return isOfOneMoment ? { now, tip, coins, balances, entries, total } : undefined;
  }

  async #send(): Promise<void> {
    const isRepeat = this.sends.size > 0 && this.below(4) === 0;
    const key = isRepeat
      ? ([...this.sends.keys()][this.below(this.sends.size)] ?? "")
      : `send-${this.#number++}`;
    const known = this.sends.get(key);
    const mixdepth = known?.mixdepth ?? this.below(MIXDEPTHS);
    const satPerVb = known?.satPerVb ?? 1 + this.below(20);
    const amountSat = known?.amountSat ?? (this.below(5) === 0 ? 0 : 1_000 + this.below(300_000));
    const isLost = this.below(6) === 0;
    if (isLost) this.money.loses = this.below(2) === 0 ? "before" : "after";
    const before = this.money.sent.length;
    try {
      const sent = await this.owner.send(
        {
          ...this.owned,
          mixdepth,
          payments: [{ address: ELSEWHERE, amountSat: amountSat === 0 ? null : amountSat }],
          fee: { satPerVb },
        },
        { key },
      );
      // What had been sent under this key once is what is told again.
      expect(sent.transaction.txid).toBe(known?.txid ?? sent.transaction.txid);
      const { txid } = sent.transaction;
      this.sends.set(key, { txid, amountSat, mixdepth, satPerVb });
    } catch (error) {
      const { code } = toWireError(error);
      expect(FAIR_REFUSALS).toContain(code);
    }
    this.money.loses = undefined;
    const earlier = new Set(this.money.sent.slice(0, before).map(txidOf));
    for (const transaction of this.money.sent.slice(before)) {
      // What was lost is handed in again, whatever its owner froze since.
      if (earlier.has(txidOf(transaction))) continue;
      for (const { previousTxidBytes, previousIndex } of transaction.inputs) {
        expect(this.frozen).not.toContain(`${txidFromBytes(previousTxidBytes)}:${previousIndex}`);
      }
    }
  }

  async #freeze(): Promise<void> {
    const { coins } = await this.owner.coins(this.owned);
    const coin = coins[this.below(coins.length)];
    if (coin === undefined) return;
    const { txid, index } = coin;
    const outpoint = `${txid}:${index}`;
    const isFrozen = !this.frozen.has(outpoint);
    await this.owner.freeze({ ...this.owned, outpoints: [{ txid, index }], isFrozen });
    if (isFrozen) this.frozen.add(outpoint);
    else this.frozen.delete(outpoint);
  }

  async #address(): Promise<void> {
    const mixdepth = this.below(MIXDEPTHS);
    const { address, path } = await this.owner.newAddress({ ...this.owned, mixdepth });
    const index = Number(path.split("/").at(-1));
    const key = WALLET.keys.key({ mixdepth, chain: 0, index });
    expect(address).toBe(key.address);
    // That somebody else could pay it already proves nothing: the words alone do not tell of an address never paid.
    expect(this.#given, "an address that was given out before").not.toContain(key.scriptHash);
    expect(this.#paid, "an address that the wallet has seen paid").not.toContain(key.scriptHash);
    this.#given.add(key.scriptHash);
    this.money.scripts.push(key.scriptPubKey);
  }

  async #reopen(): Promise<void> {
    await this.owner.lock(this.owned);
    if (this.below(2) === 0) {
      await this.under.stopActor();
      await this.under.startActor();
    }
    const { session } = await this.owner.unlock({ wallet: "life", password: "p" });
    this.session = session;
    // Until it knows its coins it says so, and tells none.
    await this.settled();
  }

  #isImmature(txid: string): boolean {
    const { blocks } = this.money.node;
    const height = blocks.findIndex(
      ({ transactions: [coinbase] }) => coinbase !== undefined && idOf(coinbase) === txid,
    );
    return height >= 0 && blocks.length - height < 100;
  }

  #momentOf(from: number, fits: (moment: Moment) => boolean): number {
    return this.money.moments.findIndex((moment, i) => i >= from && fits(moment));
  }

  async stop(): Promise<void> {
    await this.under.stop();
  }
}

const ids = new WeakMap<object, string>();
function idOf(transaction: Parameters<typeof txidOf>[0]): string {
  const known = ids.get(transaction) ?? txidOf(transaction);
  ids.set(transaction, known);
  return known;
}

function totalOf({ coins }: Moment): number {
  return coins.reduce((sum, coin) => sum + Number(coin.split(" ")[1]), 0);
}

function textsOf(
  coins: readonly { txid: string; index: number; amountSat: number; height: number | null }[],
) {
  return coins
    .map(({ txid, index, amountSat, height }) => coinText(`${txid}:${index}`, amountSat, height))
    .sort();
}

it("balance, coins and history are those of the chain at one moment, whatever happens and whenever one asks", {
  timeout: 60_000 + RUNS * 10_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.array(anyStep, { minLength: 8, maxLength: 30 }), async (seed, steps) => {
      life = await Life.start(seed);
      try {
        for (const step of steps) {
          const asking = life.expectTruth();
          await Promise.all([asking, life.take(step)]);
          await life.lag();
          await life.expectTruth();
          if (life.below(5) === 0) await life.settled();
        }
        await life.settled();
      } finally {
        await life.stop();
        life = undefined;
      }
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
});
