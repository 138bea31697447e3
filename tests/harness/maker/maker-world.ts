/** A maker over a real wallet daemon, a chain made up for tests, and a market in this process, all on one clock that tests move. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makerWith } from "../../../actors/maker/actor.ts";
import { type MakerConfig, makerStartSection } from "../../../actors/maker/config.ts";
import { txidFromBytes, txidToBytes } from "../../../bitcoin/bytes.ts";
import { type Transaction, txidOf } from "../../../bitcoin/transaction.ts";
import type { Actor } from "../../../bus/actor.ts";
import type { Client } from "../../../bus/bus.ts";
import { type MakerStatus, type MakerTerms, makerContract } from "../../../bus/contracts/maker.ts";
import type { Market } from "../../../joinmarket/channel/market.ts";
import type { CoinjoinCoin } from "../../../joinmarket/coinjoin/own-side.ts";
import type { Offer } from "../../../joinmarket/offer/offer.ts";
import type { WalletKeys } from "../../../joinmarket/wallet/wallet-keys.ts";
import { ManualClock } from "../../../runtime/clock.ts";
import { contextWith } from "../actors/context.ts";
import { MarketHub } from "../joinmarket/market-hub.ts";
import { scriptNumber } from "../joinmarket/parties.ts";
import { KeptLog } from "../kept-log.ts";
import { seededRandom } from "../seed.ts";
import { MoneyWorld, ticks } from "../walletd/money-world.ts";
import { type KnownWallet, knownWallet, PASSWORD, WalletdUnderTest } from "../walletd/walletd-under-test.ts";
import { TestTaker, takerCoin } from "./test-taker.ts";

const WALLETS = { bip84: knownWallet(11), bip49: knownWallet(11, "bip49") };
const NAME = "earner";
const NOBODY = scriptNumber(9_000);
/** Old enough for a taker's coin to be shown. */
const BLOCKS = 6;
const WITHIN_MS = 40_000;
const STEPS_MAX = 3_000;

export interface MakerWorldOptions {
  /** Coins of each mixdepth. */
  readonly coins?: readonly (readonly number[])[];
  readonly config?: Partial<MakerConfig>;
  /** Of the wallet's addresses: native unless told. */
  readonly type?: keyof typeof WALLETS;
  readonly terms?: MakerTerms;
  /** The wallet's words, and transactions that paid it and takers, instead of coins that are made up. */
  readonly recorded?: { readonly words: string; readonly funding: readonly Transaction[] };
  readonly randomBytes?: (lengthBytes: number) => Uint8Array;
  /** Where the maker is instead of on the hub. */
  readonly market?: () => Market;
}

export class MakerWorld {
  readonly clock = new ManualClock();
  readonly hub = new MarketHub({ clock: this.clock });
  readonly log = new KeptLog();
  readonly money: MoneyWorld;
  readonly walletd: WalletdUnderTest;
  readonly #options: MakerWorldOptions;
  readonly #directory = mkdtempSync(join(tmpdir(), "troupe-maker-"));
  #actor: Actor | undefined;
  #session = "";
  #grantId = "";
  #takers = 0;

  private constructor(
    money: MoneyWorld,
    walletd: WalletdUnderTest,
    clock: ManualClock,
    options: MakerWorldOptions,
  ) {
    this.money = money;
    this.walletd = walletd;
    this.clock = clock;
    this.hub = new MarketHub({ clock });
    this.#options = options;
  }

  static async start(options: MakerWorldOptions = {}): Promise<MakerWorld> {
    const clock = new ManualClock();
    const money = new MoneyWorld(() => 0.5, [NOBODY]);
    const walletd = await WalletdUnderTest.start(money, { clock });
    const world = new MakerWorld(money, walletd, clock, options);
    await world.#begin();
    return world;
  }

  async #begin(): Promise<void> {
    const { recorded } = this.#options;
    const made = recorded === undefined ? [[200_000_000], [100_000_000, 50_000_000], []] : [];
    const { coins = made } = this.#options;
    if (recorded !== undefined) this.money.node.mineThese(recorded.funding);
    for (const [mixdepth, amounts] of coins.entries()) {
      for (const [index, sat] of amounts.entries()) {
        this.fund(this.keys.key({ mixdepth, chain: 0, index }).scriptPubKey, sat);
      }
    }
    this.mine(BLOCKS);
    await this.money.follow();
    const recovered = await this.#finished(
      this.walletd.as("operator").recover({
        wallet: NAME,
        password: PASSWORD,
        words: recorded?.words ?? this.#wallet.words,
        ...(this.#options.type === undefined ? {} : { type: this.#options.type, hasBonds: false }),
      }),
    );
    this.#session = recovered.session;
    await this.until("the wallet to know its coins", async () => (await this.sync()).isKnown);
    await this.startMaker();
    await this.earn(this.#options.terms);
  }

  get owned(): { wallet: string; session: string } {
    return { wallet: NAME, session: this.#session };
  }

  /** The wallet's keys, as anybody who knows its words may work them out. */
  get keys(): WalletKeys {
    return this.#wallet.keys;
  }

  get #wallet(): KnownWallet {
    return WALLETS[this.#options.type ?? "bip84"];
  }

  get control(): Client<typeof makerContract> {
    return this.walletd.busOf("operator").client(makerContract);
  }

  async sync() {
    return (await this.walletd.as("operator").status(this.owned)).sync;
  }

  async startMaker(): Promise<void> {
    if (this.#actor !== undefined) throw new Error("the maker runs already");
    this.#actor = makerWith({
      market: this.#options.market ?? (() => this.hub.market()),
      random: seededRandom(),
      ...(this.#options.randomBytes === undefined ? {} : { randomBytes: this.#options.randomBytes }),
    }).create(
      contextWith({
        name: "maker",
        config: { ...makerStartSection.schema.parse({}), ...this.#options.config },
        bus: this.walletd.busOf("maker"),
        dataDirectory: this.#directory,
        clock: this.clock,
        log: this.log,
      }),
    );
    await this.#actor.start();
  }

  async stopMaker(): Promise<void> {
    await this.#actor?.stop();
    this.#actor = undefined;
  }

  async restartWalletd(): Promise<void> {
    await this.#finished(this.walletd.stopActor());
    await this.walletd.startActor();
  }

  async unlock(): Promise<void> {
    const { session } = await this.walletd.as("operator").unlock({ wallet: NAME, password: PASSWORD });
    this.#session = session;
    await this.until("the wallet to know its coins", async () => (await this.sync()).isKnown);
  }

  /** Its thread ends without a word: nothing is withdrawn or given back. */
  async killMaker(): Promise<void> {
    const { nick } = await this.status();
    this.hub.cut(nick);
    await this.walletd.disconnect("maker");
    this.#actor = undefined;
  }

  /** As its owner lets it, and until its offers stand. */
  async earn(terms: MakerTerms = {}): Promise<void> {
    const { grant, id } = await this.walletd
      .as("operator")
      .grant({ ...this.owned, caller: "maker", limits: {}, ttlS: 86_400 });
    this.#grantId = id;
    await this.control.start({ wallet: NAME, grant, grantId: id, terms });
    await this.until("the offers", async () => (await this.status()).state !== "connecting");
    await this.pass(50);
  }

  get grantId(): string {
    return this.#grantId;
  }

  async status(): Promise<MakerStatus> {
    const [maker] = (await this.control.status({})).makers;
    if (maker === undefined) throw new Error("no wallet earns");
    return maker;
  }

  /** A taker with a coin of its own, old enough to be shown. */
  async taker(valueSat = 300_000_000): Promise<TestTaker> {
    const number = ++this.#takers;
    const { scriptPubKey } = takerCoin(number, valueSat, "00".repeat(32), 0);
    const { txid, index } = this.fund(scriptPubKey, valueSat);
    this.mine(BLOCKS);
    await this.money.follow();
    const taker = new TestTaker(this.hub.market(), takerCoin(number, valueSat, txid, index));
    await taker.start();
    await this.pass(20);
    return taker;
  }

  /** A coin out of a block's reward, worth whatever is wanted: nobody here checks what a reward may pay. */
  fund(script: Uint8Array, sat: number): { txid: string; index: number } {
    this.money.node.mine(1);
    const [coinbase] = this.money.node.blocks.at(-1)?.transactions ?? [];
    if (coinbase === undefined) throw new Error("a block without a reward");
    const transaction = {
      version: 2,
      inputs: [
        {
          previousTxidBytes: txidToBytes(txidOf(coinbase)),
          previousIndex: 0,
          scriptSig: new Uint8Array(0),
          sequence: 0xffff_fffe,
          witness: [],
        },
      ],
      outputs: [{ amountSat: BigInt(sat), scriptPubKey: script }],
      locktime: 0,
    };
    if (!this.money.node.submit(transaction)) throw new Error("the reward is spent already");
    return { txid: txidOf(transaction), index: 0 };
  }

  mine(blocks: number): void {
    for (let i = 0; i < blocks; i++) this.money.node.mine(1);
  }

  /** The maker's coins behind what it promised. */
  async promisedCoins(taker: TestTaker): Promise<CoinjoinCoin[]> {
    const { coins } = await this.walletd.as("operator").coins(this.owned);
    return (taker.inputs[0]?.coins ?? []).map(({ txid, vout }) => {
      const coin = coins.find((one) => one.txid === txid && one.index === vout);
      if (coin === undefined) throw new Error("the maker promised what it does not have");
      const key = [...Array(3).keys()]
        .flatMap((mixdepth) =>
          [0, 1].flatMap((chain) => [...Array(40).keys()].map((index) => ({ mixdepth, chain, index }))),
        )
        .map((path) => this.keys.key(path))
        .find(({ address }) => address === coin.address);
      if (key === undefined) throw new Error("a coin of an unknown key");
      return { txid, vout, valueSat: coin.amountSat, scriptPubKey: key.scriptPubKey };
    });
  }

  /** How much is set aside now. */
  async reserved(): Promise<number> {
    const { coins } = await this.walletd.as("operator").coins(this.owned);
    return coins.filter((coin) => coin.reservation !== null).length;
  }

  /** Up to the maker's promise, or as far as it gets. */
  async upToPromise(taker: TestTaker, amountSat: number): Promise<{ maker: string; offer: Offer }> {
    const { nick: maker } = await this.status();
    taker.orderbook();
    await this.until("an offer", () => taker.offers.length > 0);
    const offer = taker.offers.at(-1) as Offer;
    await taker.fill(maker, offer, amountSat);
    await this.until("the maker's key", () => taker.makerKeys.length > 0);
    await taker.auth(maker);
    await this.until("the maker's inputs", () => taker.inputs.length > 0);
    return { maker, offer };
  }

  /** Lets time pass in steps, and what hangs on each of them happen. */
  async pass(ms: number): Promise<void> {
    const steps = Math.min(20, ms);
    for (let i = 0; i < steps; i++) {
      this.clock.advance(ms / steps);
      await ticks(10);
    }
  }

  /** A little of our time passes with it, but never so much that somebody gives up; a slow disk is waited for. */
  async until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
    const deadlineMs = Date.now() + WITHIN_MS;
    for (let i = 0; Date.now() < deadlineMs; i++) {
      if (await isTrue()) return;
      if (i < STEPS_MAX) this.clock.advance(1);
      await (i < STEPS_MAX / 4 ? ticks(3) : new Promise((resolve) => setTimeout(resolve, 2)));
    }
    throw new Error(`waited in vain: ${what}; ${JSON.stringify(this.log.lines.slice(-5))}`);
  }

  /** The reasons in the log, in their order. */
  get reasons(): readonly string[] {
    return this.log.lines.flatMap(({ context }) =>
      typeof context["why"] === "string" ? [context["why"]] : [],
    );
  }

  async stop(): Promise<void> {
    await this.#finished(this.stopMaker());
    await this.#finished(this.walletd.stop());
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** What waits on our clock goes on while it is waited for. */
  async #finished<T>(work: Promise<T>): Promise<T> {
    let isOver = false;
    const done = work.finally(() => {
      isOver = true;
    });
    while (!isOver) {
      this.clock.advance(1);
      await ticks(3);
    }
    return await done;
  }
}

export function outpointsIn(transaction: {
  inputs: readonly { previousTxidBytes: Uint8Array; previousIndex: number }[];
}): string[] {
  return transaction.inputs.map(
    (input) => `${txidFromBytes(input.previousTxidBytes)}:${input.previousIndex}`,
  );
}
