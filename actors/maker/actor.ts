/** The maker: wallets that earn, each with its own nick on the market; it holds grants and no keys. Wiring only. */

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { networkByName } from "../../bitcoin/network.ts";
import type { Actor, ActorContext, ActorDefinition } from "../../bus/actor.ts";
import type { Handlers, Listener, Publisher, Service } from "../../bus/bus.ts";
import { MAKERS_MAX, makerContract } from "../../bus/contracts/maker.ts";
import { stemOf } from "../../bus/contracts/walletd/stem.ts";
import { walletdContract } from "../../bus/contracts/walletd.ts";
import type { Market } from "../../joinmarket/channel/market.ts";
import { type Random, systemRandom } from "../../runtime/chance/system-random.ts";
import { toWireError } from "../../runtime/errors.ts";
import { CommitmentDesk } from "./commitments/commitment-desk.ts";
import { type MakerConfig, makerStartSection } from "./config.ts";
import { MakerError } from "./errors.ts";
import { readOrders, writeOrders } from "./makers/kept-orders.ts";
import { Maker, type MakerOrder } from "./makers/maker.ts";
import { MakerMetrics } from "./metrics.ts";
import { makeOffers } from "./offers/make-offers.ts";
import { termsOf } from "./offers/terms.ts";
import { SessionBook } from "./sessions/session-book.ts";
import { ShownCoins } from "./sessions/shown-coin.ts";

export type MakerContext = ActorContext<MakerConfig>;

/** What differs between the program and its tests. */
export interface MakerActorParts {
  /** A place on the market of its own, with a nick of its own. */
  market(context: MakerContext): Market;
  /** For keys and nonces of sessions; the system's unless a test repeats what was once drawn. */
  readonly randomBytes?: (lengthBytes: number) => Uint8Array;
  /** Decides the spreads of offers, when they are said, and who is told of a commitment. */
  readonly random?: Random;
}

const INSTANCE = "main";
/** Funds with which any terms make an offer, if they make one at all. */
const AMPLE = { largestSat: 2_000_000_000_000_000, hasBond: true };

export function makerWith(parts: MakerActorParts): ActorDefinition<typeof makerStartSection.schema> {
  return { name: "maker", section: makerStartSection, create: (context) => new MakerActor(context, parts) };
}

class MakerActor implements Actor {
  readonly #context: MakerContext;
  readonly #parts: MakerActorParts;
  readonly #random: Random;
  readonly #makers = new Map<string, Maker>();
  readonly #listeners: Listener[] = [];
  readonly #metrics: MakerMetrics;
  #commitments: CommitmentDesk | undefined;
  #book: SessionBook | undefined;
  /** Wallets that are unlocked. */
  #open: ReadonlySet<string> = new Set();
  #isStopped = false;
  #publisher: Publisher<typeof makerContract> | undefined;
  #service: Service | undefined;

  constructor(context: MakerContext, parts: MakerActorParts) {
    this.#context = context;
    this.#parts = parts;
    this.#random = parts.random ?? systemRandom;
    this.#metrics = new MakerMetrics(context.meter, () => ({
      makers: this.#makers.size,
      sessions: [...this.#makers.values()].reduce((sum, { sessions }) => sum + sessions, 0),
      usedCommitments: this.#commitments?.count ?? 0,
    }));
  }

  async start(): Promise<void> {
    const { bus, clock, config, dataDirectory } = this.#context;
    this.#commitments = new CommitmentDesk({
      directory: dataDirectory,
      heardMax: config.commitments_max,
      clock,
      random: this.#random,
    });
    this.#book = new SessionBook(join(dataDirectory, "failed-joins.json"), clock, this.#context.log);
    this.#publisher = bus.publisher(makerContract, INSTANCE);
    this.#listeners.push(
      await bus.onEvent(
        walletdContract,
        "grant.changed",
        ({ id }) => {
          for (const maker of this.#makers.values()) if (maker.order.grantId === id) maker.refresh();
        },
        { onGap: () => this.#refreshAll() },
      ),
      // Repeated: if walletd began anew, its wallets are locked, and this is how we hear of it.
      await bus.onState(walletdContract, "wallets", ({ wallets }) => {
        const before = this.#open;
        this.#open = new Set(wallets.map(({ wallet }) => stemOf(wallet)));
        for (const maker of this.#makers.values()) {
          const { wallet } = maker.order;
          if (!this.#open.has(wallet)) maker.refresh();
          else if (!before.has(wallet)) this.#goOn(maker);
        }
      }),
    );
    for (const order of readOrders(this.#keptPath)) this.#run(order);
    this.#service = await bus.serve(makerContract, this.#handlers(), { publisher: this.#publisher });
    this.#tell();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#service?.stop();
    await Promise.all(this.#listeners.map((listener) => listener.stop()));
    await Promise.all([...this.#makers.values()].map((maker) => maker.stop("the maker stops")));
    this.#book?.keep();
    const publisher = this.#publisher;
    // A maker in whose place another has come may still be ending.
    this.#publisher = undefined;
    await publisher?.stop();
  }

  #handlers(): Handlers<typeof makerContract> {
    const walletd = this.#context.bus.client(walletdContract);
    return {
      start: async ({ wallet, grant, grantId, terms }) => {
        const name = stemOf(wallet);
        this.#check(name, terms);
        // Whether the grant is any good is known before the offers are.
        await walletd.funds({ grant }).catch((error) => refuseBadGrant(error, name));
        // Another one like this may have been quicker: of one wallet nobody earns beside the maker that we know of.
        while (this.#makers.has(name)) await this.#end(name, grant);
        const maker = this.#run({ wallet: name, grant, grantId, terms });
        this.#keep();
        return maker.status();
      },
      stop: async ({ wallet }) => {
        const maker = await this.#end(stemOf(wallet));
        if (maker === undefined) {
          throw new MakerError({ code: "MAKER_NOT_RUNNING", wallet }, `The wallet ${wallet} does not earn.`);
        }
        this.#keep();
        return { grantId: maker.order.grantId };
      },
      status: () => ({
        makers: [...this.#makers.values()]
          .map((maker) => maker.status())
          .sort((a, b) => (a.wallet < b.wallet ? -1 : 1)),
        usedCommitments: this.#commitments?.count ?? 0,
      }),
      failed: () => ({ joins: this.#book?.failed() ?? [] }),
    };
  }

  #check(wallet: string, terms: MakerOrder["terms"]): void {
    if (!this.#makers.has(wallet) && this.#makers.size >= MAKERS_MAX) {
      throw new MakerError(
        { code: "MAKER_TOO_MANY", most: MAKERS_MAX },
        `${MAKERS_MAX} wallets earn, which is as many as one maker serves.`,
      );
    }
    if (makeOffers(termsOf(terms, this.#context.config), AMPLE, this.#random).length > 0) return;
    const what = "the fee, or the smallest amount, leaves no room for an offer";
    throw new MakerError({ code: "MAKER_TERMS", what }, `No offer can be made: ${what}.`);
  }

  #run(order: MakerOrder): Maker {
    const { bus, clock, config, log, network } = this.#context;
    const commitments = this.#commitments;
    const book = this.#book;
    if (commitments === undefined || book === undefined) throw new TypeError("the maker has not started");
    const maker: Maker = new Maker(order, {
      bus,
      network: networkByName(network),
      config,
      clock,
      log: log.child({ wallet: order.wallet }),
      metrics: this.#metrics,
      walletd: bus.client(walletdContract),
      coins: new ShownCoins(bus),
      commitments,
      book,
      market: this.#parts.market(this.#context),
      random: this.#random,
      randomBytes: this.#parts.randomBytes ?? randomBytes,
      onChange: () => {
        this.#tell();
        // Its wallet was opened before it knew that it had been locked.
        if (maker.isEnded && this.#open.has(order.wallet)) this.#goOn(maker);
      },
      onSeen: ({ amountSat, earnedSat, txid }) => {
        const seen = { wallet: order.wallet, amountSat, earnedSat, txid };
        this.#publisher?.event("coinjoin.seen", seen);
      },
    });
    this.#makers.set(order.wallet, maker);
    maker.start();
    return maker;
  }

  /** Walletd has begun anew, and its wallet is open again: unless its owner took the grant back, it holds again. */
  #goOn(maker: Maker): void {
    const { order } = maker;
    const isMeant = () => maker.isEnded && this.#makers.get(order.wallet) === maker && !this.#isStopped;
    if (!isMeant()) return;
    const { bus, log } = this.#context;
    const again = () => {
      if (!isMeant()) return;
      log.info("a wallet is open again and earns on", { wallet: order.wallet });
      this.#run(order);
    };
    bus
      .client(walletdContract)
      .funds({ grant: order.grant })
      .then(again, (error) => {
        // It holds; what the wallet has is still being looked up.
        if (toWireError(error).code === "WALLETD_NOT_SYNCED") again();
      });
  }

  /** A grant that is given up takes with it what was set aside by it; one with which its wallet earns on is kept. */
  async #end(wallet: string, kept?: string): Promise<Maker | undefined> {
    const maker = this.#makers.get(wallet);
    if (maker === undefined) return undefined;
    this.#makers.delete(wallet);
    await maker.stop("its owner has stopped it");
    if (maker.order.grant === kept) return maker;
    const walletd = this.#context.bus.client(walletdContract);
    await walletd.resign({ grant: maker.order.grant }).catch((error) => {
      // It has ended already, or walletd is away and forgets it.
      this.#context.log.debug("a grant could not be given up", { error });
    });
    this.#tell();
    return maker;
  }

  #refreshAll(): void {
    for (const maker of this.#makers.values()) maker.refresh();
  }

  #keep(): void {
    writeOrders(
      this.#keptPath,
      [...this.#makers.values()].map(({ order }) => order),
    );
  }

  get #keptPath(): string {
    return join(this.#context.dataDirectory, "makers.json");
  }

  #tell(): void {
    if (this.#publisher === undefined) return;
    const makers = [...this.#makers.values()].map(({ order, state, nick }) => ({
      wallet: order.wallet,
      state,
      nick,
    }));
    this.#publisher.state("makers", { makers });
    const offering = makers.filter(({ state }) => state === "offering").length;
    const text =
      makers.length === 0
        ? "no wallet earns"
        : `${offering} of ${makers.length} ${makers.length === 1 ? "wallet offers" : "wallets offer"} coinjoins`;
    this.#context.report("ready", text);
  }
}

function refuseBadGrant(error: unknown, wallet: string): void {
  const code = (error as { code?: unknown }).code;
  // Anything else passes: the maker waits until its wallet is known.
  if (code !== "WALLETD_NO_GRANT") return;
  throw new MakerError(
    { code: "MAKER_NO_GRANT", wallet },
    `The wallet daemon knows of no such grant for ${wallet}.`,
  );
}
