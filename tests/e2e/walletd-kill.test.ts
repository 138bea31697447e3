/** The real wallet daemon, killed in the midst of whatever it does for its owner, its maker and its taker. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { Randomness } from "../../bench/chain/randomness.ts";
import { newMnemonic, parseMnemonic, seedOf } from "../../bitcoin/keys/mnemonic.ts";
import { regtest } from "../../bitcoin/network.ts";
import { txidOf } from "../../bitcoin/transaction.ts";
import { ConnectedBus } from "../../bus/connected-bus.ts";
import { walletdContract } from "../../bus/contracts/walletd.ts";
import { silentLog } from "../../bus/fake.ts";
import { WalletKeys } from "../../joinmarket/wallet/wallet-keys.ts";
import { toWireError } from "../../runtime/errors.ts";
import { releaseWorld } from "../harness/actors/context.ts";
import { SEED } from "../harness/seed.ts";
import { waitFor } from "../harness/wait-for.ts";
import { MAKER_TERMS, rawOf, takenFrom } from "../harness/walletd/coinjoin-sides.ts";
import { Allowed } from "../harness/walletd/killed/allowed.ts";
import { WalletdProcess } from "../harness/walletd/killed/walletd-process.ts";
import { type MoneyWorld, stillWorld } from "../harness/walletd/money-world.ts";
import type { WalletdCaller } from "../harness/walletd/walletd-under-test.ts";
import type { World } from "../harness/worlds.ts";

/** A thousand by hand; in an ordinary run enough to hit every kind of step some times. */
const KILLS = Number(process.env["TROUPE_WALLET_KILLS"] ?? 40);
/** With each begins a new wallet in a new world. */
const KILLS_PER_WALLET = 50;
const ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const FEES = { makerFeesSatMax: 1_000, miningFeeSatMax: 5_000 };
const ADDRESSES = 8;
const FAIR_REFUSALS = [
  "WALLETD_FUNDS",
  "WALLETD_NO_COMMITMENT",
  "WALLETD_NOT_SYNCED",
  "WALLETD_RESERVATIONS",
];

const STEPS = [
  "address",
  "label",
  "freeze",
  "setting",
  "maker",
  "taker",
  "send",
  "password",
  "lock",
  "bond",
] as const;
type Step = (typeof STEPS)[number];

class Victim {
  readonly random: Randomness;
  readonly money: MoneyWorld = stillWorld();
  readonly directory = mkdtempSync(join(tmpdir(), "trp-walletd-kill-"));
  readonly #buses = new Map<WalletdCaller, ConnectedBus>();
  #world: World | undefined;
  #process: WalletdProcess | undefined;
  #stopping = new AbortController();
  #number = 0;
  #session = "";
  #keys: WalletKeys | undefined;

  readonly passwords = new Set(["first"]);
  readonly addresses = new Set<string>();
  readonly labels = new Allowed<string, string>();
  readonly settings = new Allowed<string, string>();
  readonly frozen = new Allowed<string, boolean>();
  readonly bonds = new Set<string>();
  readonly commitments = new Set<string>();
  /** Coins for which a maker's signature was answered. */
  readonly signedFor = new Set<string>();
  /** By key what was asked to be sent; each amount belongs to one key. */
  readonly sends = new Map<string, { readonly amountSat: number; txid: string | undefined }>();
  steps = 0;
  answered = 0;

  constructor(random: Randomness) {
    this.random = random;
  }

  async begin(): Promise<void> {
    this.#world = await releaseWorld("embedded");
    await this.money.start(this.#world);
    for (const caller of ["operator", "maker", "taker"] as const) {
      this.#buses.set(caller, new ConnectedBus(await this.#world.connect(caller), { log: silentLog() }));
    }
    await this.#start();
    await this.#create();
    for (let i = 0; i < ADDRESSES; i++) {
      await this.#pay(0, i, 500_000);
      await this.#pay(1, i, 500_000);
    }
    // Before it has heard of the blocks it may give out an address that they pay.
    await this.#level();
  }

  /** Making a wallet is killed too, until one attempt is answered. */
  async #create(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const wallet = `victim ${attempt}`;
      const asked = this.as("operator").create(
        { wallet, password: "first", hasBonds: attempt % 2 === 0 },
        this.#options,
      );
      const isKilled = attempt < 3 && this.#below(2) === 0;
      if (isKilled) setTimeout(() => void this.kill(), this.#below(900));
      try {
        const { words, session } = await this.#orKilled(asked);
        this.wallet = wallet;
        this.#session = session;
        const seed = seedOf(newMnemonic(parseMnemonic(words).entropy).words, "");
        this.#keys = WalletKeys.fromSeed(seed, { network: regtest, type: "bip84", hasBonds: true });
        if (isKilled) await this.kill();
        await this.#reopen();
        // It was answered, so it is there, with the words that were told.
        const shown = await this.as("operator").revealSeed({ ...this.owned, password: "first" });
        expect(shown.words).toBe(words);
        return;
      } catch (error) {
        if (!isKilled) throw error;
        await this.kill();
        await this.#start();
        // Whether it was made or not: half of one it is not.
        const { wallets } = await this.as("operator").list({});
        for (const { wallet: name } of wallets) {
          await this.as("operator").unlock({ wallet: name, password: "first" });
          await this.as("operator").lock({ wallet: name });
        }
      }
    }
  }

  wallet = "";

  as(caller: WalletdCaller) {
    const bus = this.#buses.get(caller);
    if (bus === undefined) throw new Error(`${caller} is not connected`);
    return bus.client(walletdContract);
  }

  get owned() {
    return { wallet: this.wallet, session: this.#session };
  }

  get #options() {
    return { signal: this.#stopping.signal };
  }

  /** Some steps one after the other, and then some at once, in whose midst it dies. */
  async liveAndDie(): Promise<void> {
    for (let i = this.#below(3); i > 0; i--) await this.#attempt();
    const atOnce = Array.from({ length: 1 + this.#below(4) }, () => this.#attempt());
    const process = this.#process;
    const isAtBroadcast = this.#below(3) === 0;
    if (isAtBroadcast) this.money.onBroadcast = () => process?.kill();
    else setTimeout(() => void process?.kill(), this.#below(60));
    await Promise.race([process?.exited, Promise.all(atOnce)]);
    this.money.onBroadcast = () => undefined;
    await this.kill();
    await Promise.all(atOnce);
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
    this.#stopping.abort(new Error("killed"));
    this.#stopping = new AbortController();
  }

  /** After its death: everything that was answered is there, and nothing is there twice. */
  async expectWhole(): Promise<void> {
    await this.#reopen();
    const operator = this.as("operator");
    await this.#repeatSends();
    const { text } = await operator.labels(this.owned);
    const labels = new Map<string, string>();
    for (const line of text.split("\n").filter((part) => part !== "")) {
      const { ref, label } = JSON.parse(line);
      if (label === undefined) continue;
      expect(labels.has(ref), "a label twice").toBe(false);
      labels.set(ref, label);
    }
    for (const ref of this.labels.keys) this.#settle(this.labels, ref, labels.get(ref) ?? "");
    const { settings } = await operator.settings(this.owned);
    for (const key of this.settings.keys) this.#settle(this.settings, key, settings[key] ?? "");
    const { coins } = await operator.coins(this.owned);
    for (const { txid, index, isFrozen, reservation } of coins) {
      const outpoint = `${txid}:${index}`;
      if (this.frozen.of(outpoint) !== undefined) this.#settle(this.frozen, outpoint, isFrozen);
      if (this.signedFor.has(outpoint)) expect(reservation, "a coin that is signed for").not.toBeNull();
    }
    const { bonds } = this.wallet.endsWith("0") ? await operator.bonds(this.owned) : { bonds: [] };
    const known = bonds.map(({ address }) => address);
    for (const address of this.bonds) expect(known).toContain(address);
    expect(new Set(known).size).toBe(known.length);
    const { address } = await operator.newAddress({ ...this.owned, mixdepth: 0 });
    this.#issued(address);
    const { totalSat } = await operator.balances(this.owned);
    expect(totalSat).toBe(coins.reduce((sum, { amountSat }) => sum + amountSat, 0));
  }

  async end(): Promise<void> {
    await this.kill();
    await this.money.stop();
    for (const bus of this.#buses.values()) await bus.close();
    await this.#world?.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    const world = this.#world as World;
    this.#process = await WalletdProcess.start(world, this.directory, { mixdepths: 2, gap: ADDRESSES });
  }

  async #reopen(): Promise<void> {
    await this.kill();
    await this.#start();
    const opened: string[] = [];
    for (const password of this.passwords) {
      const unlocked = await this.as("operator")
        .unlock({ wallet: this.wallet, password })
        .catch((error) => {
          expect(error).toMatchObject({ code: "WALLETD_WRONG_PASSWORD" });
          return undefined;
        });
      if (unlocked === undefined) continue;
      opened.push(password);
      this.#session = unlocked.session;
    }
    expect(opened, "passwords that open it").toHaveLength(1);
    this.passwords.clear();
    this.passwords.add(opened[0] ?? "");
    await this.#level();
  }

  async #level(): Promise<void> {
    const { hash } = this.money.node.tip;
    const status = () => this.as("operator").status(this.owned);
    await waitFor("the wallet to know its coins", async () => {
      try {
        return (await status()).sync.tip?.hash === hash;
      } catch (error) {
        // A machine with much else to do: how soon it answers is no part of this.
        if (toWireError(error).code !== "BUS_DEADLINE") throw error;
        return false;
      }
    });
  }

  /** A payment whose answer never came is asked for again under its key: it is made once, whenever it was. */
  async #repeatSends(): Promise<void> {
    for (const [key, wish] of this.sends) {
      if (wish.txid !== undefined && this.#below(8) > 0) continue;
      const txid = await this.#send(key, wish.amountSat);
      expect(txid ?? wish.txid).toBe(wish.txid ?? txid);
      wish.txid = txid ?? wish.txid;
    }
    const byAmount = new Map<bigint, Set<string>>();
    for (const transaction of this.money.sent) {
      const [paid] = transaction.outputs.filter(
        ({ scriptPubKey }) => scriptPubKey.length === 22 && isElsewhere(scriptPubKey),
      );
      if (paid === undefined) continue;
      byAmount.set(paid.amountSat, (byAmount.get(paid.amountSat) ?? new Set()).add(txidOf(transaction)));
    }
    for (const { amountSat, txid } of this.sends.values()) {
      const made = byAmount.get(BigInt(amountSat)) ?? new Set();
      expect(made.size, "payments under one key").toBe(txid === undefined ? 0 : 1);
      if (txid !== undefined) expect([...made]).toEqual([txid]);
    }
  }

  async #send(key: string, amountSat: number): Promise<string | undefined> {
    const wish = {
      ...this.owned,
      mixdepth: 0,
      payments: [{ address: ELSEWHERE, amountSat }],
      fee: { satPerVb: 1 },
    };
    try {
      const sent = await this.as("operator").send(wish, { ...this.#options, key });
      return sent.transaction.txid;
    } catch (error) {
      if (FAIR_REFUSALS.includes(toWireError(error).code)) return undefined;
      throw error;
    }
  }

  /** One step of the script; false answers and lost ones are part of life. */
  async #attempt(): Promise<void> {
    const step = STEPS[this.#below(STEPS.length)] as Step;
    this.steps += 1;
    try {
      await this.#orKilled(this.#take(step));
      this.answered += 1;
    } catch (error) {
      const { code } = toWireError(error);
      const isLost = /^BUS_(UNAVAILABLE|DEADLINE|CLOSED)/.test(code) || String(error).includes("killed");
      // While another step has locked it nobody gets in.
      const isFair = [
        ...FAIR_REFUSALS,
        "WALLETD_NO_SESSION",
        "WALLETD_NO_GRANT",
        "WALLETD_STORE_CLOSED",
      ].includes(code);
      if (!isLost && !isFair) {
        throw new Error(`${step} failed; walletd says: ${this.#process?.errors}`, { cause: error });
      }
    }
  }

  async #take(step: Step): Promise<void> {
    const operator = this.as("operator");
    const { owned } = this;
    const number = this.#number++;
    const options = this.#options;
    if (step === "address") {
      const asked = { ...owned, mixdepth: 0, label: `a${number}` };
      const { address, path } = await operator.newAddress(asked, options);
      this.#issued(address, path);
      this.labels.set(address, `a${number}`);
    } else if (step === "label") {
      const ref = `${this.#below(5)}`.padStart(64, "0");
      const isDone = this.labels.ask(ref, `l${number}`, "");
      await operator.setLabel({ ...owned, type: "tx", ref, label: `l${number}` }, options);
      isDone();
    } else if (step === "setting") {
      const key = `TEST.key${this.#below(3)}`;
      const isDone = this.settings.ask(key, `s${number}`, "");
      await operator.setSetting({ ...owned, key, value: `s${number}` }, options);
      isDone();
    } else if (step === "freeze") await this.#freeze(options);
    else if (step === "maker") await this.#make(options);
    else if (step === "taker") await this.#prove(options);
    else if (step === "send") {
      const key = `send-${number}`;
      const wish = { amountSat: 3_000 + number, txid: undefined as string | undefined };
      this.sends.set(key, wish);
      wish.txid = await this.#send(key, wish.amountSat);
    } else if (step === "password") {
      const [password = ""] = this.passwords;
      if (this.passwords.size > 1) return;
      const newPassword = `password ${number}`;
      this.passwords.add(newPassword);
      await operator.changePassword({ ...owned, password, newPassword }, options);
      this.passwords.delete(password);
    } else if (step === "bond") {
      if (!this.wallet.endsWith("0")) return;
      const lockDate = `20${30 + this.#below(60)}-01`;
      this.bonds.add((await operator.bondAddress({ ...owned, lockDate }, options)).address);
    } else {
      const [password = ""] = this.passwords;
      if (this.passwords.size > 1) return;
      await operator.lock(owned, options);
      try {
        const { session } = await operator.unlock({ wallet: this.wallet, password }, options);
        this.#session = session;
      } catch (error) {
        // Another step may have changed it meanwhile.
        const isChanged = !this.passwords.has(password) || this.passwords.size > 1;
        if (!isChanged || toWireError(error).code !== "WALLETD_WRONG_PASSWORD") throw error;
      }
    }
  }

  async #freeze(options: { signal: AbortSignal }): Promise<void> {
    const { owned } = this;
    const { coins } = await this.as("operator").coins(owned, options);
    const coin = coins[this.#below(coins.length)];
    if (coin === undefined) return;
    const outpoint = `${coin.txid}:${coin.index}`;
    // Most are let go again, or there would soon be nothing to send.
    const isFrozen = this.#below(4) === 0;
    const isDone = this.frozen.ask(outpoint, isFrozen, coin.isFrozen);
    await this.as("operator").freeze(
      { ...owned, outpoints: [coin].map(({ txid, index }) => ({ txid, index })), isFrozen },
      options,
    );
    isDone();
  }

  async #make(options: { signal: AbortSignal }): Promise<void> {
    const maker = this.as("maker");
    const { grant } = await this.as("operator").grant(
      { ...this.owned, caller: "maker", limits: {} },
      options,
    );
    const side = await maker.reserveAsMaker({ grant, mixdepth: 1, ...MAKER_TERMS }, options);
    this.#issued(side.changeAddress);
    this.#issued(side.coinjoinAddress);
    const { reservation } = side;
    if (this.#below(3) === 0) return void (await maker.release({ grant, reservation }, options));
    await maker.signAsMaker({ grant, reservation, rawTx: rawOf(takenFrom(side)) }, options);
    for (const { txid, index } of side.coins) this.signedFor.add(`${txid}:${index}`);
  }

  async #prove(options: { signal: AbortSignal }): Promise<void> {
    const taker = this.as("taker");
    const { grant } = await this.as("operator").grant(
      { ...this.owned, caller: "taker", limits: FEES },
      options,
    );
    const wish = { grant, mixdepth: 1, amountSat: 200_000, destination: null, ...FEES };
    const { reservation, changeAddress, coinjoinAddress } = await taker.reserveAsTaker(wish, options);
    this.#issued(changeAddress);
    this.#issued(coinjoinAddress);
    const { commitment } = await taker.commitment({ grant, reservation, ageMin: 0 }, options);
    expect(this.commitments.has(commitment), "a commitment twice").toBe(false);
    this.commitments.add(commitment);
    await taker.release({ grant, reservation }, options);
  }

  #issued(address: string, path = ""): void {
    expect(this.addresses.has(address), `${address} ${path} twice`).toBe(false);
    this.addresses.add(address);
  }

  #settle<K, V>(allowed: Allowed<K, V>, key: K, found: V): void {
    expect([...(allowed.of(key) ?? [])], String(key)).toContain(found);
    allowed.set(key, found);
  }

  async #pay(mixdepth: number, index: number, amountSat: number): Promise<void> {
    const key = this.#keys?.key({ mixdepth, chain: 0, index });
    if (key !== undefined) await this.money.pay({ script: key.scriptPubKey, amountSat });
    // Funded, so nobody may be given it again.
    if (mixdepth === 0 && key !== undefined) this.addresses.add(key.address);
  }

  #orKilled<T>(asked: Promise<T>): Promise<T> {
    const { signal } = this.#stopping;
    return Promise.race([
      asked,
      new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(new Error("killed")))),
    ]);
  }

  #below(bound: number): number {
    return Math.floor(this.random.fraction() * bound);
  }
}

function isElsewhere(script: Uint8Array): boolean {
  return Buffer.from(script).toString("hex") === "0014751e76e8199196d454941c45d1b3a323f1433bd6";
}

let victim: Victim | undefined;
afterEach(async () => {
  await victim?.end();
  victim = undefined;
});

test(`killed ${KILLS} times it has done all that it answered, nothing twice, and pays once for each key (TROUPE_SEED=${SEED})`, {
  timeout: 120_000 + KILLS * 20_000,
}, async () => {
  const random = new Randomness(SEED);
  let [steps, answered, sent] = [0, 0, 0];
  for (let done = 0; done < KILLS; ) {
    victim = new Victim(random);
    await victim.begin();
    for (let round = 0; round < KILLS_PER_WALLET && done < KILLS; round++, done++) {
      await victim.liveAndDie();
      if (round % 4 === 0) await victim.money.mine(1);
      await victim.expectWhole();
    }
    steps += victim.steps;
    answered += victim.answered;
    sent += victim.sends.size;
    await victim.end();
    victim = undefined;
    if (KILLS > 100)
      process.stdout.write(`${done} kills, ${steps} steps, ${answered} answered, ${sent} payments\n`);
  }
  expect(answered).toBeGreaterThan(KILLS / 2);
  expect(steps - answered, "steps whose answer was lost").toBeGreaterThan(KILLS / 10);
});
