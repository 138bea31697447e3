/** A stretch of a simulated market: a real wallet daemon with two wallets, our taker, our maker, and a chain, over which one schedule after the other is led. */

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makerWith } from "../../actors/maker/actor.ts";
import { makerStartSection } from "../../actors/maker/config.ts";
import { takerWith } from "../../actors/taker/actor.ts";
import { takerStartSection } from "../../actors/taker/config.ts";
import { txidToBytes } from "../../bitcoin/bytes.ts";
import { type Transaction, txidOf } from "../../bitcoin/transaction.ts";
import type { Actor } from "../../bus/actor.ts";
import type { Client } from "../../bus/bus.ts";
import { ConnectedBus } from "../../bus/connected-bus.ts";
import { makerContract } from "../../bus/contracts/maker.ts";
import { takerContract } from "../../bus/contracts/taker.ts";
import { silentLog } from "../../bus/fake.ts";
import type { WalletKeys } from "../../joinmarket/wallet/wallet-keys.ts";
import type { Random } from "../../runtime/chance/system-random.ts";
import { contextWith } from "../harness/actors/context.ts";
import type { Chance } from "../harness/electrum/hostile-input.ts";
import { MarketHub } from "../harness/joinmarket/market-hub.ts";
import { type KeyedCoin, keyNumber, scriptNumber } from "../harness/joinmarket/parties.ts";
import { KeptLog } from "../harness/kept-log.ts";
import { TestTaker, takerCoin } from "../harness/maker/test-taker.ts";
import { waitFor } from "../harness/wait-for.ts";
import { MortalTransport } from "../harness/walletd/killed/mortal-transport.ts";
import { MoneyWorld } from "../harness/walletd/money-world.ts";
import { knownWallet, PASSWORD, WalletdUnderTest } from "../harness/walletd/walletd-under-test.ts";
import { CoinLedger } from "./coin-ledger.ts";
import { PatientClock } from "./patient-clock.ts";

export const OWNERS = ["taker", "maker"] as const;
export type Owner = (typeof OWNERS)[number];

/** What our maker asks for in absolute numbers, never varied: what it must have earned is then known. */
export const MAKER_FEE_SAT = 700;
const WALLETS = { taker: knownWallet(21), maker: knownWallet(22) } as const;
const MIXDEPTHS = 3;
const KEYS = 140;
const SCRIPTED_SAT = [900_000, 500_000] as const;
const BLOCKS = 7;

export class MarketLife {
  readonly clock = new PatientClock();
  readonly hub = new MarketHub({ clock: this.clock });
  readonly money = new MoneyWorld(() => 0.5, [scriptNumber(1)]);
  readonly ledger = new CoinLedger();
  readonly log = new KeptLog();
  readonly #directory = mkdtempSync(join(tmpdir(), "troupe-simulation-"));
  readonly #sessions = new Map<Owner, string>();
  readonly #actors = new Map<Owner, Actor>();
  #makerWire: MortalTransport | undefined;
  readonly #scripted: KeyedCoin[][] = [];
  readonly #takers: ReturnType<typeof takerCoin>[] = [];
  #under: WalletdUnderTest | undefined;
  #takerBus: ConnectedBus | undefined;
  #scripts = 0;
  /** What its actors draw. */
  readonly #random: Random;

  private constructor(random: Random) {
    this.#random = random;
    this.money.takes = (transaction) => this.takes(transaction);
  }

  /** With coins for so many scripted makers and takers. */
  static async begin(
    chance: Chance,
    { makers, takers }: { makers: number; takers: number },
  ): Promise<MarketLife> {
    const life = new MarketLife(() => chance.next());
    await life.#begin(chance, makers, takers);
    return life;
  }

  get under(): WalletdUnderTest {
    if (this.#under === undefined) throw new Error("the life has not begun");
    return this.#under;
  }

  get taker(): Client<typeof takerContract> {
    return this.under.busOf("operator").client(takerContract);
  }

  get maker(): Client<typeof makerContract> {
    return this.under.busOf("operator").client(makerContract);
  }

  owned(owner: Owner): { wallet: string; session: string } {
    return { wallet: owner, session: this.#sessions.get(owner) ?? "" };
  }

  async reservedSat(owner: Owner): Promise<number> {
    const { mixdepths } = await this.under.as("operator").balances(this.owned(owner));
    return mixdepths.reduce((sum, { reservedSat }) => sum + reservedSat, 0);
  }

  /** Coins of somebody who has not been here before. */
  scriptedCoins(): readonly KeyedCoin[] {
    const coins = this.#scripted.pop();
    if (coins === undefined) throw new Error("no scripted maker is left");
    return coins;
  }

  /** One of somebody who is not on the market yet. */
  foreignCoin(): { readonly txid: string; readonly vout: number } {
    const coin = this.#scripted[0]?.[0];
    return coin ?? { txid: "11".repeat(32), vout: 0 };
  }

  scriptedTaker(): TestTaker {
    const coin = this.#takers.pop();
    if (coin === undefined) throw new Error("no scripted taker is left");
    return new TestTaker(this.hub.market(), coin);
  }

  /** The first of some numbers of scripts that nobody else has. */
  get freshScripts(): number {
    this.#scripts += 100;
    return 50_000 + this.#scripts;
  }

  keysOf(owner: Owner): WalletKeys {
    return WALLETS[owner].keys;
  }

  /** Whether a node would: the model's looks at no signatures, and what is garbled on its way to a maker keeps its id. */
  takes(transaction: Transaction): boolean {
    this.ledger.read(this.money.node);
    return this.ledger.isSigned(transaction);
  }

  /** A coin goes where nobody here gets it back. */
  spendElsewhere({ txid, vout, valueSat }: KeyedCoin): void {
    this.money.node.submit({
      version: 2,
      inputs: [inputOf(txid, vout)],
      outputs: [{ amountSat: BigInt(valueSat - 1_000), scriptPubKey: scriptNumber(2) }],
      locktime: 0,
    });
    this.money.followMempool();
  }

  async mine(blocks: number): Promise<void> {
    for (let block = 0; block < blocks; block++) this.money.node.mine(1);
    await this.money.follow();
  }

  async startTaker(): Promise<void> {
    this.#takerBus = new ConnectedBus(await this.under.connect("taker"), {
      log: silentLog(),
      validateReplies: true,
    });
    const config = {
      ...takerStartSection.schema.parse({}),
      quiet_ms: 50,
      gather_seconds: 5,
      maker_timeout_seconds: 20,
      sign_timeout_seconds: 20,
      push_timeout_seconds: 10,
      makers_min: 1,
      runs_max: 50,
    };
    const taker = takerWith({ openMarket: () => this.hub.market(), random: this.#random }).create(
      contextWith({
        name: "taker",
        config,
        bus: this.#takerBus,
        dataDirectory: join(this.#directory, "taker"),
        clock: this.clock,
        log: this.log,
      }),
    );
    this.#actors.set("taker", taker);
    await taker.start();
  }

  async stopTaker(): Promise<void> {
    await this.#actors.get("taker")?.stop();
    await this.#takerBus?.close();
    this.#actors.delete("taker");
  }

  async startMaker(): Promise<void> {
    const config = { ...makerStartSection.schema.parse({}), fee_factor: 0, size_factor: 0, txfee_factor: 0 };
    this.#makerWire = new MortalTransport(await this.under.connect("maker"));
    const maker = makerWith({ market: () => this.hub.market(), random: this.#random }).create(
      contextWith({
        name: "maker",
        config,
        bus: new ConnectedBus(this.#makerWire.face, { log: silentLog() }),
        dataDirectory: join(this.#directory, "maker"),
        clock: this.clock,
        log: this.log,
      }),
    );
    this.#actors.set("maker", maker);
    await maker.start();
  }

  /** Its thread ends without a word: nothing is withdrawn or given back. */
  async killMaker(): Promise<void> {
    const { makers } = await this.maker.status({});
    for (const { nick } of makers) this.hub.cut(nick);
    await this.#makerWire?.die();
    this.#actors.delete("maker");
  }

  /** Its owner lets it, unless it earns already. */
  async earn(): Promise<string> {
    const { makers } = await this.maker.status({});
    const [known] = makers;
    if (known !== undefined && known.state !== "ended") return known.nick;
    const { grant, id } = await this.under
      .as("operator")
      .grant({ ...this.owned("maker"), caller: "maker", limits: {}, ttlS: 30 * 86_400 });
    const terms = {
      offers: "absolute",
      absoluteFeeSat: MAKER_FEE_SAT,
      minSat: 27_300,
      isFreeWithoutBond: false,
    } as const;
    const { nick } = await this.maker.start({ wallet: "maker", grant, grantId: id, terms });
    return nick;
  }

  async restartWalletd(): Promise<void> {
    await this.under.stopActor();
    await this.under.startActor();
    for (const owner of OWNERS) {
      const { session } = await this.under.as("operator").unlock({ wallet: owner, password: PASSWORD });
      this.#sessions.set(owner, session);
    }
    await this.#known();
  }

  async end(): Promise<void> {
    for (const actor of this.#actors.values()) await actor.stop();
    await this.#takerBus?.close();
    await this.#makerWire?.die();
    await this.clock.stop();
    await this.under.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #begin(chance: Chance, makers: number, takers: number): Promise<void> {
    for (const owner of OWNERS) mkdirSync(join(this.#directory, owner));
    for (const owner of OWNERS) {
      const hashes = hashesOf(owner);
      this.money.own(hashes);
      this.ledger.own(owner, hashes);
    }
    this.#fund(chance, makers, takers);
    this.#under = await WalletdUnderTest.start(this.money, {
      config: { mixdepths: MIXDEPTHS, gap: 6 },
      clock: this.clock,
      random: this.#random,
      watched: (transport) => this.clock.watched(transport),
    });
    this.clock.start();
    for (const owner of OWNERS) {
      const { words } = WALLETS[owner];
      const { session } = await this.under
        .as("operator")
        .recover({ wallet: owner, words, password: PASSWORD });
      this.#sessions.set(owner, session);
    }
    await this.#known();
    await this.startMaker();
    await this.startTaker();
    this.ledger.follow(this.money.node);
  }

  async #known(): Promise<void> {
    for (const owner of OWNERS) {
      await waitFor("the wallets to know their coins", async () => {
        return (await this.under.as("operator").status(this.owned(owner))).sync.isKnown;
      });
    }
  }

  /** One payment to all of them, some blocks ago. */
  #fund(chance: Chance, makers: number, takers: number): void {
    const outputs: { amountSat: bigint; scriptPubKey: Uint8Array }[] = [];
    const pay = (scriptPubKey: Uint8Array, sat: number) =>
      outputs.push({ amountSat: BigInt(sat), scriptPubKey }) - 1;
    for (let mixdepth = 0; mixdepth < MIXDEPTHS; mixdepth++) {
      const { taker, maker } = WALLETS;
      const key = (keys: WalletKeys, index: number) => keys.key({ mixdepth, chain: 0, index }).scriptPubKey;
      for (let coin = 0; coin < 2 + chance.below(4); coin++) {
        // Now and then two coins at one address: they share their commitments.
        pay(key(taker.keys, coin - chance.below(2) * Math.min(1, coin)), 100_000 + chance.below(900_000));
      }
      for (let coin = 0; coin < 1 + chance.below(3); coin++)
        pay(key(maker.keys, coin), 400_000 + chance.below(900_000));
    }
    const scripted = Array.from({ length: makers }, (_, maker) =>
      SCRIPTED_SAT.map((valueSat, coin) => {
        const number = 1_000 + maker * SCRIPTED_SAT.length + coin;
        const scriptPubKey = scriptOf(number);
        return { vout: pay(scriptPubKey, valueSat), valueSat, scriptPubKey, privateKey: keyNumber(number) };
      }),
    );
    const own = Array.from({ length: takers }, (_, number) => {
      const { scriptPubKey, valueSat } = takerCoin(number + 1, 2_000_000, "00".repeat(32), 0);
      return { number: number + 1, valueSat, vout: pay(scriptPubKey, valueSat) };
    });
    const { node } = this.money;
    node.mine(1);
    const [reward] = node.blocks.at(-1)?.transactions ?? [];
    if (reward === undefined) throw new Error("a block without a reward");
    const funding: Transaction = { version: 2, inputs: [inputOf(txidOf(reward), 0)], outputs, locktime: 0 };
    if (!node.submit(funding)) throw new Error("the reward is spent already");
    for (let block = 0; block < BLOCKS; block++) node.mine(1);
    this.money.followMempool();
    const txid = txidOf(funding);
    this.#scripted.push(...scripted.map((coins) => coins.map((coin) => ({ ...coin, txid }))));
    this.#takers.push(...own.map(({ number, valueSat, vout }) => takerCoin(number, valueSat, txid, vout)));
  }
}

const hashes = new Map<Owner, readonly string[]>();
const scripts = new Map<number, Uint8Array>();

/** Of all keys that a wallet comes to in one life; worked out once, for every life has the same. */
function hashesOf(owner: Owner): readonly string[] {
  const known = hashes.get(owner);
  if (known !== undefined) return known;
  const made: string[] = [];
  for (let mixdepth = 0; mixdepth < MIXDEPTHS; mixdepth++) {
    for (const chain of [0, 1]) {
      for (let index = 0; index < KEYS; index++) {
        made.push(WALLETS[owner].keys.key({ mixdepth, chain, index }).scriptHash);
      }
    }
  }
  hashes.set(owner, made);
  return made;
}

function scriptOf(number: number): Uint8Array {
  const script = scripts.get(number) ?? scriptNumber(number);
  scripts.set(number, script);
  return script;
}

function inputOf(txid: string, vout: number): Transaction["inputs"][number] {
  return {
    previousTxidBytes: txidToBytes(txid as Parameters<typeof txidToBytes>[0]),
    previousIndex: vout,
    scriptSig: new Uint8Array(0),
    sequence: 0xffff_fffe,
    witness: [],
  };
}
