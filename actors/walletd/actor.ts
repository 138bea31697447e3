/** The wallet daemon: one rack of wallets behind the bus. It keeps the keys, follows the chain for their coins, and judges by itself what it signs. */
import { join } from "node:path";
import { networkByName } from "../../bitcoin/network.ts";
import type { Actor, ActorContext, ActorDefinition } from "../../bus/actor.ts";
import type { Publisher, Service } from "../../bus/bus.ts";
import { ForeignCoins } from "../../bus/chain/foreign-coins.ts";
import { RawTransactions } from "../../bus/chain/raw-transactions.ts";
import { walletdContract } from "../../bus/contracts/walletd.ts";
import { type Random, systemRandom } from "../../runtime/chance/system-random.ts";
import { toWireError } from "../../runtime/errors.ts";
import { accountAnswers } from "./answers/account-answers.ts";
import { bankAnswers } from "./answers/bank-answers.ts";
import { coinjoinAnswers } from "./answers/coinjoin-answers.ts";
import { commitmentAnswers } from "./answers/commitment-answers.ts";
import { fileAnswers } from "./answers/file-answers.ts";
import { spendingAnswers } from "./answers/spending-answers.ts";
import { ChainFeed } from "./coins/chain-feed.ts";
import type { Moves } from "./coins/coin-view.ts";
import { BusLookup } from "./coins/lookup.ts";
import { MedianTime } from "./coins/median-time.ts";
import { type WalletdConfig, walletdSection } from "./config.ts";
import { History } from "./history/history.ts";
import { WalletdMetrics } from "./metrics.ts";
import { PsbtDesk } from "./psbt/psbt-desk.ts";
import { Resender } from "./resend/resender.ts";
import { Finder } from "./resend/whereabouts.ts";
import { BondSpeaker } from "./sign/bond-speaker.ts";
import { Grants } from "./sign/grants.ts";
import { Broadcast } from "./spend/broadcast.ts";
import { Bumper } from "./spend/bumper.ts";
import { Delivery } from "./spend/delivery.ts";
import { Feerates } from "./spend/feerates.ts";
import { Planner } from "./spend/planner.ts";
import { Sender } from "./spend/sender.ts";
import { FULL_COST, type KeyCost } from "./store/password-key.ts";
import { WalletFolder } from "./store/wallet-folder.ts";
import { Successes } from "./successes.ts";
import { AutoLock } from "./wallets/auto-lock.ts";
import type { OpenWallet } from "./wallets/open-wallet.ts";
import { WalletRack } from "./wallets/rack.ts";

/** What differs between the program and its tests. */
export interface WalletdParts {
  readonly cost: KeyCost;
  /** Decides which coins, what feerate, and in which order. */
  readonly random?: Random;
}

type Context = ActorContext<WalletdConfig>;

const INSTANCE = "main";

export function walletdWith(parts: WalletdParts): ActorDefinition<typeof walletdSection.schema> {
  return {
    name: "walletd",
    section: walletdSection,
    create: (context) => new Walletd(context, parts),
  };
}

export const walletdActor = walletdWith({ cost: FULL_COST });

class Walletd implements Actor {
  readonly #context: Context;
  readonly #random: Random;
  readonly #feed: ChainFeed;
  readonly #medianTime: MedianTime;
  readonly #raw: RawTransactions;
  readonly #rack: WalletRack;
  readonly #metrics: WalletdMetrics;
  readonly #grants: Grants;
  readonly #autoLock: AutoLock;
  readonly #broadcast: Broadcast;
  readonly #delivery: Delivery;
  readonly #resender: Resender;
  #publisher: Publisher<typeof walletdContract> | undefined;
  #service: Service | undefined;

  constructor(context: Context, { cost, random = systemRandom }: WalletdParts) {
    this.#context = context;
    this.#random = random;
    const { bus, clock, log, config, meter } = context;
    const network = networkByName(context.network);
    this.#feed = new ChainFeed({ bus, clock, log });
    this.#medianTime = new MedianTime(bus);
    const folder = new WalletFolder({
      directory: join(context.dataDirectory, "wallets"),
      network: network.name,
      clock,
      cost,
      report: (error) => log.error("a wallet file is in trouble", { error }),
    });
    this.#raw = new RawTransactions(bus, network);
    const parts = {
      network,
      config,
      clock,
      feed: this.#feed,
      lookup: new BusLookup(bus),
      medianTime: this.#medianTime,
      raw: this.#raw,
      onChange: (wallet: OpenWallet, moves: Moves) => this.#changed(wallet, moves),
      onTrouble: (_: OpenWallet, error: unknown) =>
        log.error("a wallet could not keep what it saw", { error }),
    };
    this.#grants = new Grants(clock, ({ id }) =>
      this.#publisher?.event("grant.changed", { id, why: "ended" }),
    );
    this.#rack = new WalletRack(folder, parts, config.open_max, {
      unlocked: (wallet) => this.#unlocked(wallet),
      locked: (name, why) => {
        this.#grants.revoke(name);
        this.#publisher?.event("wallet.locked", { wallet: name, why });
        this.#tellWallets();
      },
    });
    this.#autoLock = new AutoLock({
      rack: this.#rack,
      grants: this.#grants,
      clock,
      afterMinutes: config.lock_after_minutes,
      onTrouble: (error) => log.error("an idle wallet could not be locked", { error }),
    });
    this.#broadcast = new Broadcast(bus);
    this.#delivery = new Delivery(this.#broadcast, clock);
    this.#metrics = new WalletdMetrics(meter, () => {
      const open = [...this.#rack.wallets()];
      return { open: open.length, scanning: open.filter(({ sync }) => sync.isScanning).length };
    });
    this.#resender = new Resender({
      open: () => this.#rack.wallets(),
      finder: new Finder(bus),
      broadcast: this.#broadcast,
      delivery: this.#delivery,
      metrics: this.#metrics,
      ...{ clock, random, log },
    });
  }

  async start(): Promise<void> {
    const { bus, clock, config } = this.#context;
    await this.#feed.start();
    this.#feed.watch({
      scriptsTouched: () => undefined,
      everythingTouched: () => undefined,
      tipChanged: () => this.#tick(),
    });
    this.#publisher = bus.publisher(walletdContract, INSTANCE);
    const random = this.#random;
    const planner = new Planner({ config, feerates: new Feerates(bus, random), random });
    const delivery = this.#delivery;
    const bumper = new Bumper({ bus, config, planner, delivery, raw: this.#raw, metrics: this.#metrics });
    const desk = {
      network: networkByName(this.#context.network),
      config,
      clock,
      rack: this.#rack,
      medianTime: this.#medianTime,
      history: new History(bus),
      grants: this.#grants,
      bonds: new BondSpeaker(bus, this.#medianTime),
      chain: new ForeignCoins(bus, networkByName(this.#context.network)),
      metrics: this.#metrics,
      random,
      sender: new Sender({ config, planner, delivery, metrics: this.#metrics }),
      bumper,
      psbts: new PsbtDesk({ config, planner, bumper, delivery, raw: this.#raw, metrics: this.#metrics }),
    };
    const handlers = {
      ...fileAnswers(desk),
      ...accountAnswers(desk),
      ...spendingAnswers(desk),
      ...coinjoinAnswers(desk),
      ...bankAnswers(desk),
      ...commitmentAnswers(desk),
    };
    this.#service = await bus.serve(walletdContract, handlers, {
      publisher: this.#publisher,
      idempotency: new Successes(clock, this.#rack),
    });
    this.#autoLock.start();
    this.#resender.start();
    this.#tellWallets();
    this.#report();
  }

  async stop(): Promise<void> {
    this.#autoLock.stop();
    await this.#service?.stop();
    await this.#resender.stop();
    await this.#rack.lockAll();
    await this.#feed.stop();
    await this.#publisher?.stop();
  }

  #unlocked(wallet: OpenWallet): void {
    this.#metrics.unlocked();
    for (const [id, standing] of Object.entries(wallet.store.state.grants)) {
      this.#grants.revive(wallet.name, id, standing);
    }
    this.#publisher?.event("wallet.unlocked", { wallet: wallet.name });
    this.#tellWallets();
  }

  #changed(wallet: OpenWallet, moves: Moves): void {
    if (moves.size > 0) this.#resender.changed(wallet);
    for (const [txid, place] of moves) {
      this.#publisher?.event("transaction.seen", {
        wallet: wallet.name,
        txid,
        place: place === null ? "gone" : place.height === null ? "mempool" : "block",
        height: place?.height ?? null,
      });
    }
    this.#publisher?.event("wallet.changed", {
      wallet: wallet.name,
      tip: wallet.view.tip ?? null,
      isKnown: wallet.sync.isKnown,
    });
    for (const { id } of this.#grants.of(wallet.name)) {
      this.#publisher?.event("grant.changed", { id, why: "funds" });
    }
    this.#tellWallets();
  }

  #tick(): void {
    const { tip } = this.#feed;
    if (tip === undefined) return;
    this.#medianTime.at(tip).catch((error) => {
      // A bond stays locked a block longer; the next block asks again.
      this.#context.log.debug("the median time is not told", { code: toWireError(error).code });
    });
  }

  #tellWallets(): void {
    const wallets = [...this.#rack.wallets()].map(({ name, sync }) => ({
      wallet: name,
      isKnown: sync.isKnown,
    }));
    this.#publisher?.state("wallets", { wallets });
    this.#report();
  }

  #report(): void {
    const open = [...this.#rack.wallets()].length;
    this.#context.report("ready", open === 0 ? "locked" : `${open} unlocked`);
  }
}
