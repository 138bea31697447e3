/** A table at which our taker sits with scripted makers: a real wallet daemon over a model of the chain, a market in memory, and one clock that tests hold. */
import { cpSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { takerWith } from "../../../actors/taker/actor.ts";
import { type TakerConfig, takerStartSection } from "../../../actors/taker/config.ts";
import { bytesToHex, type Txid, txidFromBytes, txidToBytes } from "../../../bitcoin/bytes.ts";
import { parseTransaction, type Transaction, txidOf } from "../../../bitcoin/transaction.ts";
import type { Actor } from "../../../bus/actor.ts";
import type { Client } from "../../../bus/bus.ts";
import { ConnectedBus } from "../../../bus/connected-bus.ts";
import { type CoinjoinRun, takerContract } from "../../../bus/contracts/taker.ts";
import { silentLog } from "../../../bus/fake.ts";
import { parseBytes } from "../../../joinmarket/messages/bytes.ts";
import { type Clock, ManualClock } from "../../../runtime/clock.ts";
import type { Log } from "../../../runtime/log/log.ts";
import { contextWith } from "../actors/context.ts";
import { seededRandom } from "../seed.ts";
import { waitFor } from "../wait-for.ts";
import { MoneyWorld } from "../walletd/money-world.ts";
import { knownWallet, WalletdUnderTest } from "../walletd/walletd-under-test.ts";
import { MarketHub } from "./market-hub.ts";
import { type KeyedCoin, keyNumber, scriptNumber } from "./parties.ts";
import { type Lies, ScriptedMaker } from "./scripted-maker.ts";

export const TABLE_WALLET = knownWallet(7);
/** What a block pays in the model. */
const REWARD_SAT = 1_000_000;
const MAKER_COINS = 2;
const MAKER_COIN_SAT = 400_000;
const STEP_MS = 5;
/** Of each maker, beyond those of its first coins. */
const MAKER_SCRIPTS = 100;

function firstScriptOf(maker: number): number {
  return 1_000 + maker * MAKER_SCRIPTS;
}

export interface TableOptions {
  readonly makers?: number;
  /** One for each maker. */
  readonly lies?: readonly (Lies | undefined)[];
  readonly config?: Partial<TakerConfig>;
  readonly walletSat?: readonly number[];
  readonly feesSat?: readonly number[];
  /** What else is paid before anybody sits down. */
  readonly others?: Transaction["outputs"];
  /** Of the wallet; 2 unless told. */
  readonly mixdepths?: number;
  readonly log?: Log;
  /** The wallet daemon's, where a test lets its hours pass. */
  readonly walletdClock?: Clock;
}

export class JoinTable {
  /** What the taker says of itself. */
  said = "";
  readonly clock = new ManualClock();
  readonly hub = new MarketHub({ clock: this.clock });
  readonly money: MoneyWorld;
  readonly makers: ScriptedMaker[] = [];
  readonly makerCoins: (readonly KeyedCoin[])[] = [];
  readonly #options: TableOptions;
  readonly #directory = mkdtempSync(join(tmpdir(), "troupe-taker-"));
  #under: WalletdUnderTest | undefined;
  #actor: Actor | undefined;
  #bus: ConnectedBus | undefined;
  #session = "";
  #isOver = false;
  #pump: Promise<void> = Promise.resolve();

  private constructor(options: TableOptions) {
    this.#options = options;
    // The same each time: no block has what nobody sent, and every block takes all.
    this.money = new MoneyWorld(() => 0.5, [scriptNumber(1)]);
  }

  static async set(options: TableOptions = {}): Promise<JoinTable> {
    const table = new JoinTable(options);
    await table.#begin();
    return table;
  }

  get under(): WalletdUnderTest {
    if (this.#under === undefined) throw new Error("the table is not set");
    return this.#under;
  }

  get owned() {
    return { wallet: "life", session: this.#session };
  }

  get taker(): Client<typeof takerContract> {
    return this.under.busOf("operator").client(takerContract);
  }

  /** All of the wallet, by what the chain says and not by what it believes. */
  get walletSat(): number {
    return this.money.now.coins.reduce((sum, text) => sum + Number(text.split(" ")[1]), 0);
  }

  /** A grant as an owner who agreed to a price would give it. */
  async grant(
    makerFeesSatMax = 5_000,
    miningFeeSatMax = 20_000,
    destinations: string[] = [],
  ): Promise<string> {
    const limits = { mixdepths: [0], makerFeesSatMax, miningFeeSatMax, destinations };
    const { grant } = await this.under.as("operator").grant({ ...this.owned, caller: "taker", limits });
    return grant;
  }

  async join(more: Partial<Parameters<Client<typeof takerContract>["start"]>[0]> = {}): Promise<CoinjoinRun> {
    return this.outcome(await this.begin(more));
  }

  async begin(more: Partial<Parameters<Client<typeof takerContract>["start"]>[0]> = {}): Promise<string> {
    const { id } = await this.taker.start({
      grant: await this.grant(),
      mixdepth: 0,
      amountSat: 300_000,
      makers: this.makers.length,
      makersMin: 2,
      makerFeesSatMax: 5_000,
      miningFeeSatMax: 20_000,
      satPerVb: 2,
      broadcast: "self",
      ...more,
    });
    return id;
  }

  async outcome(id: string): Promise<CoinjoinRun> {
    let run = await this.taker.run({ id });
    await waitFor("the coinjoin to end", async () => {
      run = await this.taker.run({ id });
      return run.isOver;
    });
    return run;
  }

  /** What of the wallet is set aside. */
  async reservedSat(): Promise<number> {
    const { mixdepths } = await this.under.as("operator").balances(this.owned);
    return mixdepths.reduce((sum, { reservedSat }) => sum + reservedSat, 0);
  }

  /** Its owner spends one coin elsewhere. */
  spend({ txid, vout, valueSat }: KeyedCoin): void {
    const input = { previousTxidBytes: txidToBytes(txid), previousIndex: vout };
    this.money.node.submit({
      version: 2,
      inputs: [{ ...input, scriptSig: new Uint8Array(0), sequence: 0xffff_fffe, witness: [] }],
      outputs: [{ amountSat: BigInt(valueSat - 1_000), scriptPubKey: scriptNumber(2) }],
      locktime: 0,
    });
    this.money.followMempool();
  }

  /** As a maker would that was asked to send it. */
  deliver(push: string): void {
    this.money.node.submit(parseTransaction(parseBytes("push", push.split(" ")[1] ?? "")));
    this.money.followMempool();
  }

  /** A maker's coin is spent elsewhere, and a block has that: the transaction can never come into one. */
  outrun(txid: string): void {
    const waiting = this.money.node.mempool.get(txid as Txid)?.transaction;
    const foreign = waiting?.inputs.find(({ previousTxidBytes, previousIndex }) =>
      this.makerCoins
        .flat()
        .some((coin) => coin.txid === txidFromBytes(previousTxidBytes) && coin.vout === previousIndex),
    );
    if (foreign === undefined) throw new Error("it spends no coin of a maker");
    this.money.node.mempool.delete(txid as Txid);
    this.money.spendElsewhere(txidFromBytes(foreign.previousTxidBytes), foreign.previousIndex);
    this.money.node.mine(1);
    this.money.followMempool();
  }

  /** Ends every grant; the owner opens the wallet again. */
  async relock(): Promise<void> {
    const owner = this.under.as("operator");
    await owner.lock(this.owned);
    const { session } = await owner.unlock({ wallet: "life", password: "p", passphrase: "" });
    this.#session = session;
    await waitFor("the wallet to know its coins", async () => (await owner.status(this.owned)).sync.isKnown);
  }

  async startTaker(): Promise<void> {
    this.#bus = new ConnectedBus(await this.under.connect("taker"), {
      log: silentLog(),
      validateReplies: true,
    });
    const { config, log } = this.#options;
    const parts = { openMarket: () => this.hub.market(), random: seededRandom() };
    this.#actor = takerWith(parts).create(
      contextWith({
        name: "taker",
        config: { ...takerStartSection.schema.parse({}), quiet_ms: 50, ...config },
        bus: this.#bus,
        dataDirectory: this.#directory,
        clock: this.clock,
        ...(log === undefined ? {} : { log }),
        report: (_, text = "") => {
          this.said = text;
        },
      }),
    );
    await this.#actor.start();
  }

  /** `kill` leaves everything as it lies. */
  async stopTaker(): Promise<void> {
    await this.#actor?.stop();
    await this.#bus?.close();
    this.#actor = undefined;
  }

  /** What it keeps in this folder cannot be written any more. */
  breakFolder(name: "runs" | "tumbles"): void {
    const path = join(this.#directory, name);
    rmSync(path, { recursive: true });
    writeFileSync(path, "");
  }

  /** As if it had been killed as soon as this was answered: of what it has written down since nothing is left. */
  async killTakerAfter(what: () => Promise<unknown>): Promise<void> {
    await what();
    const kept = mkdtempSync(join(tmpdir(), "troupe-taker-"));
    cpSync(this.#directory, kept, { recursive: true });
    await this.stopTaker();
    rmSync(this.#directory, { recursive: true, force: true });
    renameSync(kept, this.#directory);
  }

  async clear(): Promise<void> {
    await this.stopTaker();
    this.#isOver = true;
    await this.#pump;
    await this.#under?.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #begin(): Promise<void> {
    const { mixdepths = 2, walletdClock } = this.#options;
    for (let branch = 0; branch < 2 * mixdepths; branch++) {
      const path = { mixdepth: branch >> 1, chain: branch & 1 };
      this.money.own(
        Array.from({ length: 30 }, (_, index) => TABLE_WALLET.keys.key({ ...path, index }).scriptHash),
      );
    }
    this.#fund();
    this.#under = await WalletdUnderTest.start(this.money, {
      config: { mixdepths, gap: 6 },
      ...(walletdClock === undefined ? {} : { clock: walletdClock }),
    });
    const { session } = await this.under
      .as("operator")
      .recover({ wallet: "life", password: "p", words: TABLE_WALLET.words });
    this.#session = session;
    const owner = this.under.as("operator");
    await waitFor("the wallet to know its coins", async () => (await owner.status(this.owned)).sync.isKnown);
    this.#pump = this.#run();
    for (const maker of this.makers) await maker.start();
    await this.startTaker();
  }

  /** Time goes on while the others work, in small steps: what takes no time here takes little there. */
  async #run(): Promise<void> {
    while (!this.#isOver) {
      for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
      this.clock.advance(STEP_MS);
    }
  }

  #fund(): void {
    const { makers = 3, lies = [], walletSat = [900_000], feesSat = [] } = this.#options;
    const { node } = this.money;
    const wallet = walletSat.map((amountSat, index) => ({
      amountSat,
      scriptPubKey: TABLE_WALLET.keys.key({ mixdepth: 0, chain: 0, index }).scriptPubKey,
    }));
    const outputs = wallet.map(({ amountSat, scriptPubKey }) => ({
      amountSat: BigInt(amountSat),
      scriptPubKey,
    }));
    for (let number = 0; number < makers * MAKER_COINS; number++) {
      outputs.push({ amountSat: BigInt(MAKER_COIN_SAT), scriptPubKey: scriptNumber(100 + number) });
    }
    outputs.push(...(this.#options.others ?? []));
    const funding = this.#spendRewards(outputs);
    for (let block = 0; block < 8; block++) node.mine(1);
    this.money.followMempool();
    for (let at = 0; at < makers; at++) {
      const coins = Array.from({ length: MAKER_COINS }, (_, i) => {
        const number = 100 + at * MAKER_COINS + i;
        return {
          txid: txidOf(funding),
          vout: wallet.length + at * MAKER_COINS + i,
          valueSat: MAKER_COIN_SAT,
          scriptPubKey: scriptNumber(number),
          privateKey: keyNumber(number),
        };
      });
      this.makerCoins.push(coins);
      const feeText = String(feesSat[at] ?? 100 * (at + 1));
      const lie = lies[at];
      this.makers.push(
        new ScriptedMaker({
          market: this.hub.market(),
          coins: () => this.#coinsOf(at, coins),
          offer: { type: "sw0absoffer", offerId: "0", minSat: 27_300, maxSat: 700_000, txfeeSat: 0, feeText },
          firstScript: firstScriptOf(at),
          ...(lie === undefined ? {} : { lies: lie }),
          send: (rawTx) => {
            this.money.node.submit(parseTransaction(rawTx));
            this.money.followMempool();
          },
        }),
      );
    }
  }

  /** Its first coins, and what coinjoins have brought it. */
  #coinsOf(maker: number, first: readonly KeyedCoin[]): readonly KeyedCoin[] {
    const numbers = Array.from({ length: MAKER_SCRIPTS }, (_, i) => firstScriptOf(maker) + i);
    const byScript = new Map(numbers.map((number) => [bytesToHex(scriptNumber(number)), keyNumber(number)]));
    const transactions = this.money.node.blocks.flatMap((block) => block.transactions);
    const earned = transactions.flatMap((transaction) =>
      transaction.outputs.flatMap(({ scriptPubKey, amountSat }, vout) => {
        const privateKey = byScript.get(bytesToHex(scriptPubKey));
        const coin = { txid: txidOf(transaction), vout, valueSat: Number(amountSat), scriptPubKey };
        return privateKey === undefined ? [] : [{ ...coin, privateKey }];
      }),
    );
    const waiting = [...this.money.node.mempool.values()].map(({ transaction }) => transaction);
    const spent = new Set(
      [...transactions, ...waiting].flatMap(({ inputs }) =>
        inputs.map(
          ({ previousTxidBytes, previousIndex }) => `${txidFromBytes(previousTxidBytes)}:${previousIndex}`,
        ),
      ),
    );
    const left = [...first, ...earned].filter(({ txid, vout }) => !spent.has(`${txid}:${vout}`));
    // One that has nothing left names what it had, and is found out.
    return left.length === 0 ? first : left;
  }

  /** The model does not ask whose coins are spent. */
  #spendRewards(outputs: Transaction["outputs"]): Transaction {
    const { node } = this.money;
    const neededSat = outputs.reduce((sum, { amountSat }) => sum + Number(amountSat), 0);
    const rewards = Math.ceil(neededSat / REWARD_SAT);
    while (node.blocks.length <= rewards) node.mine(0);
    const transaction: Transaction = {
      version: 2,
      inputs: node.blocks.slice(1, rewards + 1).map(({ transactions }) => ({
        previousTxidBytes: txidToBytes(txidOf(transactions[0] as Transaction)),
        previousIndex: 0,
        scriptSig: new Uint8Array(0),
        sequence: 0xffff_fffe,
        witness: [],
      })),
      outputs,
      locktime: 0,
    };
    if (!node.submit(transaction)) throw new Error("the model has no such rewards");
    return transaction;
  }
}
