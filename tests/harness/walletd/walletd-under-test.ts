/** The wallet daemon as an actor in this process, on a bus with the release's rights, over a world of money that tests move. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { walletdWith } from "../../../actors/walletd/actor.ts";
import { type WalletdConfig, walletdSection } from "../../../actors/walletd/config.ts";
import { newMnemonic, seedOf } from "../../../bitcoin/keys/mnemonic.ts";
import { regtest } from "../../../bitcoin/network.ts";
import type { Actor } from "../../../bus/actor.ts";
import type { Client } from "../../../bus/bus.ts";
import type { Transport } from "../../../bus/carrier/transport.ts";
import { ConnectedBus } from "../../../bus/connected-bus.ts";
import { walletdContract } from "../../../bus/contracts/walletd.ts";
import { silentLog } from "../../../bus/fake.ts";
import { WalletKeys } from "../../../joinmarket/wallet/wallet-keys.ts";
import type { Random } from "../../../runtime/chance/system-random.ts";
import { type Clock, systemClock, type Timer } from "../../../runtime/clock.ts";
import { contextWith, releaseWorld } from "../actors/context.ts";
import { seededRandom } from "../seed.ts";
import { waitFor } from "../wait-for.ts";
import type { World, WorldMaker } from "../worlds.ts";
import { MortalTransport } from "./killed/mortal-transport.ts";
import type { MoneyWorld } from "./money-world.ts";
import { CHEAP } from "./wallet-changes.ts";

export type WalletdClient = Client<typeof walletdContract>;
export type WalletdCaller = "operator" | "gateway" | "maker" | "taker" | "ledger";

export const PASSWORD = "correct horse";

export interface Owned {
  readonly wallet: string;
  readonly session: string;
}

export interface WalletdSettings {
  readonly config?: Partial<WalletdConfig>;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly carrier?: WorldMaker["name"];
  /** What everybody's connection goes through. */
  watched?(transport: Transport): Transport;
}

/** Waits a twentieth of what it is told: what only bounds how long something may take is over sooner. Time may pass at once, or jump. */
export class HastyClock implements Clock {
  #passedMs = 0;
  #jumpedMs = 0;
  #stoodAtMs: number | undefined;

  now(): number {
    return Date.now() + this.#passedMs + this.#jumpedMs;
  }

  monotonicMs(): number {
    return (this.#stoodAtMs ?? performance.now() * 20) + this.#passedMs;
  }

  after(delayMs: number, run: () => void, options?: { background?: boolean }): Timer {
    return systemClock.after(delayMs / 20, run, options);
  }

  /** From now on only `pass` makes it later, so that nothing has an end because the machine is slow. */
  stand(): void {
    this.#stoodAtMs ??= performance.now() * 20;
  }

  /** So much later; what waits for longer goes on waiting. */
  pass(ms: number): void {
    this.#passedMs += ms;
  }

  /** Somebody sets the host's clock. */
  jump(ms: number): void {
    this.#jumpedMs += ms;
  }
}

interface RecoverMore {
  readonly type?: "bip84" | "bip49";
  readonly hasBonds?: boolean;
  readonly passphrase?: string;
  readonly gap?: number;
}

type FundedCoin = readonly [mixdepth: number, index: number, amountSat: number];

interface Caller {
  readonly wire: MortalTransport;
  readonly bus: ConnectedBus;
}

export class WalletdUnderTest {
  readonly money: MoneyWorld;
  readonly directory = mkdtempSync(join(tmpdir(), "troupe-walletd-"));
  readonly #world: World;
  readonly #settings: WalletdSettings;
  readonly #callers = new Map<WalletdCaller, Caller>();
  #actor: Actor | undefined;
  #bus: ConnectedBus | undefined;

  private constructor(world: World, money: MoneyWorld, settings: WalletdSettings) {
    this.#world = world;
    this.money = money;
    this.#settings = settings;
  }

  static async start(money: MoneyWorld, settings: WalletdSettings = {}): Promise<WalletdUnderTest> {
    const world = await releaseWorld(settings.carrier);
    const under = new WalletdUnderTest(world, money, settings);
    await money.start(world);
    await under.startActor();
    for (const caller of ["operator", "gateway", "maker", "taker", "ledger"] as const) {
      await under.#connectCaller(caller);
    }
    return under;
  }

  busOf(caller: WalletdCaller): ConnectedBus {
    const bus = this.#callers.get(caller)?.bus;
    if (bus === undefined) throw new Error(`${caller} is not connected`);
    return bus;
  }

  /** A bare connection of that user: what stands in an actor's place once it is broken into. */
  async connect(user: string): Promise<Transport> {
    const transport = await this.#world.connect(user);
    return this.#settings.watched?.(transport) ?? transport;
  }

  /** As when the caller's thread ends without a word: what is left of it is never answered. It is connected anew for the next life. */
  async disconnect(caller: WalletdCaller): Promise<void> {
    await this.#callers.get(caller)?.wire.die();
    await this.#connectCaller(caller);
  }

  async #connectCaller(caller: WalletdCaller): Promise<void> {
    const wire = new MortalTransport(await this.connect(caller));
    this.#callers.set(caller, { wire, bus: new ConnectedBus(wire.face, { log: silentLog() }) });
  }

  as(caller: WalletdCaller): WalletdClient {
    return this.busOf(caller).client(walletdContract);
  }

  async startActor(): Promise<void> {
    const { config, clock } = this.#settings;
    this.#bus = new ConnectedBus(await this.connect("walletd"), {
      log: silentLog(),
      validateReplies: true,
    });
    this.#actor = walletdWith({ cost: CHEAP, random: this.#settings.random ?? seededRandom() }).create(
      contextWith({
        name: "walletd",
        config: { ...walletdSection.schema.parse({}), ...config },
        bus: this.#bus,
        dataDirectory: this.directory,
        clock: clock ?? new HastyClock(),
      }),
    );
    await this.#actor.start();
  }

  async stopActor(): Promise<void> {
    await this.#actor?.stop();
    await this.#bus?.close();
    this.#actor = undefined;
  }

  /** Opens the wallet of known words, once it knows its coins. */
  async recovered(wallet: string, words: string, more: RecoverMore = {}): Promise<Owned> {
    const { session } = await this.as("operator").recover({ wallet, words, password: PASSWORD, ...more });
    const owned = { wallet, session };
    await this.level(owned);
    return owned;
  }

  /** Coins for a wallet, each by its mixdepth, its address's number and what it is worth; the payments' txids. */
  async fund({ keys }: KnownWallet, ...coins: readonly FundedCoin[]): Promise<string[]> {
    const txids: string[] = [];
    for (const [mixdepth, index, amountSat] of coins) {
      const { scriptPubKey } = keys.key({ mixdepth, chain: 0, index });
      txids.push(await this.money.pay({ script: scriptPubKey, amountSat }));
    }
    return txids;
  }

  /** In its next life, opened by its owner. */
  async reopened(wallet: string): Promise<Owned> {
    await this.stopActor();
    await this.startActor();
    const { session } = await this.as("operator").unlock({ wallet, password: PASSWORD });
    const owned = { wallet, session };
    await this.level(owned);
    return owned;
  }

  /** Until the wallet stands on the node's tip. */
  async level(owned: Owned): Promise<void> {
    const { hash } = this.money.node.tip;
    const status = () => this.as("operator").status(owned);
    await waitFor(
      `${owned.wallet} to know the newest block`,
      async () => (await status()).sync.tip?.hash === hash,
    );
  }

  async stop(): Promise<void> {
    await this.stopActor();
    await this.money.stop();
    for (const { bus } of this.#callers.values()) await bus.close();
    await this.#world.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export interface KnownWallet {
  readonly words: string;
  readonly keys: WalletKeys;
}

/** A wallet of known words, and its keys as anybody may work them out. */
export function knownWallet(filler: number, type: "bip84" | "bip49" = "bip84"): KnownWallet {
  const { words } = newMnemonic(new Uint8Array(16).fill(filler));
  const hasBonds = type === "bip84";
  const keys = WalletKeys.fromSeed(seedOf(words, ""), { network: regtest, type, hasBonds });
  return { words: words.join(" "), keys };
}
