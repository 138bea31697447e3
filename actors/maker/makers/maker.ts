/** One wallet that earns: its nick on the market, its offers, and the takers that it serves. */
import type { Network } from "../../../bitcoin/network.ts";
import { parseTransaction } from "../../../bitcoin/transaction.ts";
import type { Bus, Client } from "../../../bus/bus.ts";
import type { MakerStatus, MakerTerms } from "../../../bus/contracts/maker.ts";
import { mempoolContract } from "../../../bus/contracts/mempool.ts";
import type { Market, PeerMessage } from "../../../joinmarket/channel/market.ts";
import { parseBytes } from "../../../joinmarket/messages/bytes.ts";
import { type Command, readCommands } from "../../../joinmarket/messages/command.ts";
import { parseUsedCommitment } from "../../../joinmarket/messages/commitment.ts";
import { readRefusal } from "../../../joinmarket/messages/refusal.ts";
import { writeAnswer } from "../../../joinmarket/offer/announcement.ts";
import { isOfferType } from "../../../joinmarket/offer/offer.ts";
import type { Clock, Timer } from "../../../runtime/clock.ts";
import { toWireError } from "../../../runtime/errors.ts";
import type { Log } from "../../../runtime/log/log.ts";
import type { CommitmentDesk } from "../commitments/commitment-desk.ts";
import type { MakerConfig } from "../config.ts";
import type { MakerMetrics } from "../metrics.ts";
import { Announcer } from "../offers/announcer.ts";
import { isFree } from "../offers/make-offers.ts";
import { Stall } from "../offers/stall.ts";
import { termsOf } from "../offers/terms.ts";
import type { Walletd } from "../sessions/promise.ts";
import { TakerSession } from "../sessions/session.ts";
import type { SessionBook } from "../sessions/session-book.ts";
import type { ShownCoins } from "../sessions/shown-coin.ts";
import { type SeenJoin, SignedJoins } from "../sessions/signed-joins.ts";
import { PeerLimits } from "./peer-limits.ts";

export interface MakerParts {
  readonly bus: Bus;
  readonly network: Network;
  readonly config: MakerConfig;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: MakerMetrics;
  readonly walletd: Walletd;
  readonly coins: ShownCoins;
  readonly commitments: CommitmentDesk;
  readonly book: SessionBook;
  readonly market: Market;
  /** From 0 up to 1, from the system's random source. */
  readonly random: () => number;
  readonly randomBytes: (lengthBytes: number) => Uint8Array;
  /** Its state may be another. */
  readonly onChange: () => void;
  /** The chain shows a coinjoin that it has signed. */
  readonly onSeen: (join: SeenJoin) => void;
}

export interface MakerOrder {
  readonly wallet: string;
  readonly grant: string;
  readonly grantId: string;
  readonly terms: MakerTerms;
}

type Ended = { readonly why: string };

const RETRY_MS = 2_000;
/** Others' nicks, to one of whom a used commitment is told. */
const OTHERS_MAX = 1_000;
const JOINS_SHOWN = 50;
/** A taker answers our key as soon as it has it; through Tor that takes some seconds. */
const GO_ON_MS = 10_000;

export class Maker {
  readonly order: MakerOrder;
  readonly #parts: MakerParts;
  readonly #stall: Stall;
  readonly #announcer: Announcer;
  readonly #joins: SignedJoins;
  readonly #mempool: Client<typeof mempoolContract>;
  readonly #sessions = new Map<string, TakerSession>();
  readonly #limits: PeerLimits;
  readonly #others = new Set<string>();
  readonly #sinceMs: number;
  #isConnected = false;
  #ended: Ended | undefined;
  #ending: Promise<void> | undefined;
  #waitsFor: string | undefined = "the wallet's funds are not known yet";
  #refreshing: Promise<void> | undefined;
  #isStale = false;
  #retry: Timer | undefined;
  #numbers = 0;
  #asked = 0;
  #signed = 0;
  #seen = 0;
  #earnedSat = 0;

  constructor(order: MakerOrder, parts: MakerParts) {
    this.order = order;
    this.#parts = parts;
    const { clock, random, market, config, bus, walletd, network } = parts;
    this.#stall = new Stall(termsOf(order.terms, config), clock, random);
    this.#announcer = new Announcer({
      market,
      clock,
      random,
      delayMaxMs: config.announce_delay_s * 1_000,
      offers: () => this.#stall.offers,
    });
    this.#joins = new SignedJoins({ bus, walletd, clock, network, grant: order.grant });
    this.#mempool = bus.client(mempoolContract);
    this.#limits = new PeerLimits(clock);
    this.#sinceMs = clock.now();
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  get nick(): string {
    return this.#parts.market.nick;
  }

  get isEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** Does not wait for the market: it may take minutes until a channel is up. */
  start(): void {
    const { market, log } = this.#parts;
    market
      .start({
        onPublic: (message) => this.#hear(message, (command) => this.#public(message.from, command)),
        onPrivate: (message) => this.#hear(message, (command) => this.#private(message.from, command)),
        onLeft: (nick) => void this.#others.delete(nick),
        onChannel: ({ state }) => {
          // It has not heard of us yet.
          if (state === "up" && this.#isConnected && this.#stall.offers.length > 0)
            this.#announcer.announce(false);
          this.#parts.onChange();
        },
      })
      .then(
        () => {
          this.#isConnected = true;
          if (this.#stall.offers.length > 0) this.#announcer.announce(false);
          this.#parts.onChange();
        },
        (error) => log.warn("the market cannot be reached", { code: toWireError(error).code }),
      );
    this.#begin();
  }

  /** Whatever it promised before belongs to conversations that nobody can go on with: its nick is another now. */
  #begin(): void {
    const { walletd, log } = this.#parts;
    this.#refreshing = walletd
      .release({ grant: this.order.grant })
      .then(({ released }) => {
        if (released > 0) log.info("coins promised before the restart are free again", { released });
      })
      .catch((error) => this.#trouble(error))
      .finally(() => {
        this.#refreshing = undefined;
        this.refresh();
      });
  }

  /** Looks at the funds again: what the wallet can give may be another. */
  refresh(): void {
    if (this.#ended !== undefined) return;
    this.#isStale = true;
    if (this.#refreshing !== undefined) return;
    this.#retry?.cancel();
    this.#refreshing = this.#refresh().finally(() => {
      this.#refreshing = undefined;
      this.#parts.onChange();
    });
  }

  /** Serves nobody any more. What is signed stays walletd's to keep. */
  async stop(why: string): Promise<void> {
    await this.#end(why);
    await this.#refreshing;
  }

  /** Whoever asks for the end again waits for the one that is under way. */
  #end(why: string): Promise<void> {
    this.#ending ??= this.#close(why);
    return this.#ending;
  }

  async #close(why: string): Promise<void> {
    this.#ended = { why };
    this.#retry?.cancel();
    this.#announcer.close();
    this.#stall.withdraw();
    await Promise.all([...this.#sessions.values()].map((session) => session.close(why)));
    this.#sessions.clear();
    await this.#parts.market.close();
    this.#parts.onChange();
  }

  status(): MakerStatus {
    const { market } = this.#parts;
    const { offers, funds, terms } = this.#stall;
    const shown = [...this.#sessions.values()].flatMap((session) => session.shown ?? []);
    return {
      wallet: this.order.wallet,
      grantId: this.order.grantId,
      state: this.state,
      why: this.#ended?.why ?? (offers.length > 0 ? null : (this.#waitsFor ?? null)),
      nick: market.nick,
      sinceS: Math.floor(this.#sinceMs / 1_000),
      channels: market
        .status()
        .map(({ id, kind, state, error }) => ({ id, kind, state, error: error ?? null })),
      hasBond: funds?.hasBond ?? false,
      isFree: funds !== undefined && isFree(terms, funds),
      offers: offers.map(({ offerId, type, minSat, maxSat, txfeeSat, feeText }) => ({
        offerId,
        type,
        minSat,
        maxSat,
        txfeeSat,
        fee: feeText,
      })),
      joins: shown.slice(0, JOINS_SHOWN),
      asked: this.#asked,
      signed: this.#signed,
      seen: this.#seen,
      earnedSat: this.#earnedSat,
    };
  }

  get state(): MakerStatus["state"] {
    if (this.#ended !== undefined) return "ended";
    if (!this.#isConnected) return "connecting";
    return this.#stall.offers.length === 0 ? "waiting" : "offering";
  }

  async #refresh(): Promise<void> {
    while (this.#isStale && this.#ended === undefined) {
      this.#isStale = false;
      try {
        await this.#lookAtJoins();
        await this.#renew();
        await this.#joins.tell();
      } catch (error) {
        this.#trouble(error);
        return;
      }
    }
  }

  async #renew(): Promise<void> {
    const { mixdepths, hasBond } = await this.#parts.walletd.funds({ grant: this.order.grant });
    // Coins that are only promised come back or are spent in a moment: until then the offers stand.
    if ([...this.#sessions.values()].some(({ shown }) => shown?.step === "promised")) return;
    const largestSat = Math.max(0, ...mixdepths.map(({ availableSat }) => availableSat));
    if (!this.#stall.renew({ largestSat, hasBond })) return;
    const { offers, terms } = this.#stall;
    this.#waitsFor =
      offers.length > 0
        ? undefined
        : `no mixdepth has enough free and confirmed coins for an offer: ${terms.minSat} satoshi and 27,301 for the change`;
    this.#parts.log.info("the offers are new", { offers: offers.length });
    if (this.#isConnected) this.#announcer.announce(true);
  }

  async #lookAtJoins(): Promise<void> {
    const { seen, lost } = await this.#joins.look();
    for (const { amountSat, earnedSat } of lost) {
      this.#seen--;
      this.#earnedSat -= earnedSat;
      this.#parts.log.warn(
        "a coinjoin that was on its way will not confirm: a block has another transaction",
        {
          amountSat,
        },
      );
    }
    for (const join of seen) {
      const { amountSat, earnedSat, promised, taker } = join;
      this.#parts.book.seen(promised.reservation);
      this.#seen++;
      this.#earnedSat += earnedSat;
      this.#parts.metrics.taken("seen");
      this.#parts.metrics.earned(earnedSat);
      this.#parts.log.info("a coinjoin is on its way", { amountSat, earnedSat });
      this.#parts.onSeen(join);
      // Whoever has sent it needs nothing more of us.
      const session = this.#sessions.get(taker);
      if (session?.shown?.step === "signed") void session.close("the coinjoin is on its way");
    }
  }

  #trouble(error: unknown): void {
    const { clock, log } = this.#parts;
    const { code, message } = toWireError(error);
    if (code === "WALLETD_NO_GRANT") {
      log.warn("the wallet gives nothing any more", { code });
      // Not waited for: this is part of the look at the funds that the end waits for.
      void this.#end(
        "The wallet is locked, or its grant was taken back or has run out. Unlock it: if its owner had not locked it, it goes on by itself; otherwise start it again.",
      );
      return;
    }
    this.#waitsFor =
      code === "WALLETD_NOT_SYNCED" ? "the wallet's coins are still being looked up" : message.slice(0, 300);
    log.debug("the wallet daemon is asked again", { code });
    this.#retry?.cancel();
    this.#retry = clock.after(RETRY_MS, () => this.refresh());
  }

  #hear({ text }: PeerMessage, handle: (command: Command) => void): void {
    if (this.#ended !== undefined) return;
    for (const command of readCommands(text)) {
      try {
        handle(command);
      } catch (error) {
        this.#parts.log.debug("a message is no use", { code: toWireError(error).code });
      }
    }
  }

  #public(from: string, command: Command): void {
    const { name } = command;
    if (name === "orderbook") return this.#answer(from);
    if (name === "hp2") return this.#parts.commitments.heard(parseUsedCommitment(command));
    if (isOfferType(name) && this.#others.size < OTHERS_MAX && from !== this.#parts.market.nick) {
      this.#others.add(from);
    }
  }

  #private(from: string, command: Command): void {
    if (!this.#limits.mayAsk(from)) return;
    const { commitments, market, log } = this.#parts;
    switch (command.name) {
      case "fill":
      case "auth":
      case "tx":
        return this.#sessionOf(from, command.name)?.hear(command);
      case "push":
        return this.#push(from, command);
      case "hp2":
        return commitments.publish(parseUsedCommitment(command), market);
      case "error":
        return log.info("a peer does not go on", { why: readRefusal(command) });
      default:
        return;
    }
  }

  #answer(taker: string): void {
    const { offers, funds } = this.#stall;
    if (offers.length === 0 || !this.#limits.maySeeOffers(taker)) return;
    const { walletd, market, log } = this.#parts;
    const { grant } = this.order;
    const proof =
      funds?.hasBond === true
        ? walletd
            .bondProof({ grant, makerNick: market.nick, takerNick: taker })
            .then((answer) => answer.proof)
        : Promise.resolve(null);
    proof
      .then((text) => market.tell(taker, writeAnswer(offers, text ?? undefined)))
      .catch((error) => log.debug("a taker could not be answered", { code: toWireError(error).code }));
  }

  #sessionOf(taker: string, step: string): TakerSession | undefined {
    const known = this.#sessions.get(taker);
    if (known !== undefined || step !== "fill") return known;
    const { config, log } = this.#parts;
    const [signed, served] = this.#sessionsBySigned();
    if (served.length >= config.sessions_max && !this.#giveUpIdle()) {
      log.info("a taker is not served: as many as may be are", { most: config.sessions_max });
      return undefined;
    }
    // They only wait for whoever did not hear our signatures, and keep nobody out.
    if (signed.length >= config.sessions_max) void signed[0]?.close("others want to be served");
    this.#asked++;
    const session = new TakerSession(taker, ++this.#numbers, {
      ...this.#parts,
      wallet: this.order.wallet,
      grant: this.order.grant,
      offers: () => this.#stall.askable,
      otherMakers: () => [...this.#others].filter((nick) => nick !== taker),
      isInUse: (commitment, nick) =>
        [...this.#sessions].some(([other, one]) => other !== nick && one.commitment === commitment),
      onSigned: (join) => {
        this.#signed++;
        this.#joins.add(join);
        // Its coins are set aside now, whether it is sent or not.
        this.refresh();
      },
      onOver: (nick) => {
        if (this.#sessions.get(nick) === session) this.#sessions.delete(nick);
        this.refresh();
      },
    });
    this.#sessions.set(taker, session);
    return session;
  }

  /** Questions and nicks cost nothing: who has only asked, and could have gone on by now, makes room. False when there is none. */
  #giveUpIdle(): boolean {
    for (const [nick, session] of this.#sessions) {
      if (!session.isIdleFor(GO_ON_MS)) continue;
      // At once, so that each that comes needs a place of its own.
      this.#sessions.delete(nick);
      void session.close("others want to be served");
      return true;
    }
    return false;
  }

  /** Those that have our signatures, the oldest first, and those that do not yet. */
  #sessionsBySigned(): [TakerSession[], TakerSession[]] {
    const all = [...this.#sessions.values()];
    const isSigned = ({ shown }: TakerSession) => shown?.step === "signed";
    return [all.filter(isSigned), all.filter((session) => !isSigned(session))];
  }

  #push(taker: string, command: Command): void {
    const { network, metrics, log } = this.#parts;
    const bytes = parseBytes("push", command.args.join(""));
    const join = this.#joins.takeForPush(taker, parseTransaction(bytes, network.serialization));
    if (join === undefined) {
      metrics.refused("push");
      return log.info("a transaction is not sent: we signed none like it for this taker, or sent it already");
    }
    this.#mempool.broadcast({ rawTx: Buffer.from(bytes).toString("base64") }).then(
      () => metrics.taken("pushed"),
      (error) => {
        this.#joins.notPushed(join);
        log.info("the network does not take a taker's transaction", { code: toWireError(error).code });
      },
    );
  }
}
