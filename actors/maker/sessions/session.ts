/** The maker's side of the conversation with one taker: fill, auth, tx, each looked at in the order of its coming. */
import { bytesToHex, hexToBytes } from "../../../bitcoin/bytes.ts";
import type { Network } from "../../../bitcoin/network.ts";
import { parseTransaction } from "../../../bitcoin/transaction.ts";
import type { Market } from "../../../joinmarket/channel/market.ts";
import { signatureScript } from "../../../joinmarket/coinjoin/signature-script.ts";
import { type Box, BoxKeys } from "../../../joinmarket/messages/box.ts";
import { parseBytes, writeBytes } from "../../../joinmarket/messages/bytes.ts";
import { type Command, sealedOf, writeCommand } from "../../../joinmarket/messages/command.ts";
import { parseFill, writeMakerKey } from "../../../joinmarket/messages/fill.ts";
import { writeRefusal } from "../../../joinmarket/messages/refusal.ts";
import type { Offer } from "../../../joinmarket/offer/offer.ts";
import { verifyOpening } from "../../../joinmarket/podle/commitment.ts";
import { parseRevelation, shownCoinFault } from "../../../joinmarket/podle/revelation.ts";
import type { Clock, Timer } from "../../../runtime/clock.ts";
import { hasCode, toWireError } from "../../../runtime/errors.ts";
import type { Log } from "../../../runtime/log/log.ts";
import type { CommitmentDesk } from "../commitments/commitment-desk.ts";
import type { MakerConfig } from "../config.ts";
import type { MakerMetrics } from "../metrics.ts";
import { checkFill } from "./check-fill.ts";
import { type MakerPromised, promiseCoins, type Walletd } from "./promise.ts";
import type { SessionBook } from "./session-book.ts";
import { SessionSpan } from "./session-span.ts";
import type { ShownCoins } from "./shown-coin.ts";
import { bareIdOf, type SignedJoin } from "./signed-joins.ts";

/** What all sessions of one maker share. */
export interface SessionParts {
  readonly wallet: string;
  readonly grant: string;
  readonly network: Network;
  readonly market: Market;
  readonly walletd: Walletd;
  readonly coins: ShownCoins;
  readonly commitments: CommitmentDesk;
  readonly book: SessionBook;
  readonly config: MakerConfig;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: MakerMetrics;
  readonly randomBytes: (lengthBytes: number) => Uint8Array;
  readonly offers: () => readonly Offer[];
  readonly otherMakers: () => readonly string[];
  /** Whether another taker of ours came with this commitment too. */
  readonly isInUse: (commitment: string, taker: string) => boolean;
  readonly onSigned: (join: SignedJoin) => void;
  readonly onOver: (taker: string) => void;
}

interface Filled {
  readonly amountSat: number;
  readonly commitment: string;
  readonly offer: Offer;
  readonly keys: BoxKeys;
  readonly box: Box;
  readonly span: SessionSpan;
  readonly startedAtMs: number;
  readonly answeredMs: number;
  step: "fill" | "promised" | "signed";
  /** What was answered to, as it came: the same once more is a channel's doubling. */
  heard: Set<string>;
  /** The revelation that was accepted, and what was promised for it. */
  revelation?: string;
  promised?: MakerPromised;
  /** What was refused last. */
  refused?: string;
  /** How often something was refused, or said once more. */
  strikes: number;
}

/** A taker that is served says a handful of things; more at once is noise. */
const WAITING_MAX = 16;
/** Wrong or repeated steps before a session is given up. */
const STRIKES_MAX = 8;
/** Messages of one join that are looked at. */
const HEARD_MAX = 64;
/** Commitments of the same taker's earlier tries: a late copy of them begins nothing. */
const EARLIER_MAX = 16;
/** Coins stay set aside a little longer than the taker has time. */
const TTL_MARGIN_S = 60;

export class TakerSession {
  readonly #taker: string;
  readonly #parts: SessionParts;
  readonly #log: Log;
  readonly #earlier: string[] = [];
  #stage: Filled | undefined;
  #tail: Promise<void> = Promise.resolve();
  #waiting = 0;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(taker: string, number: number, parts: SessionParts) {
    this.#taker = taker;
    this.#parts = parts;
    this.#log = parts.log.child({ join: number });
  }

  get commitment(): string | undefined {
    return this.#stage?.commitment;
  }

  /** What is shown of it; nothing before a fill was accepted. */
  get shown(): { step: Filled["step"]; amountSat: number; sinceS: number } | undefined {
    if (this.#stage === undefined) return undefined;
    const { step, amountSat, startedAtMs } = this.#stage;
    return { step, amountSat, sinceS: Math.floor(startedAtMs / 1_000) };
  }

  /** It was answered its first question so long ago, and has said nothing since. */
  isIdleFor(ms: number): boolean {
    const { step, answeredMs } = this.#stage ?? {};
    return (
      step === "fill" && this.#waiting === 0 && this.#parts.clock.monotonicMs() - (answeredMs ?? 0) >= ms
    );
  }

  /** Resolves when all that was heard so far has been dealt with. */
  get settled(): Promise<void> {
    return this.#tail;
  }

  hear(command: Command): void {
    if (this.#waiting >= WAITING_MAX) return this.#log.info("a taker says more than is listened to");
    this.#do(() => this.#handle(command));
  }

  /** The taker has heard of us for the last time; what was promised and not signed is free again. */
  async close(why: string): Promise<void> {
    this.#do(() => this.#end(why));
    await this.#tail;
  }

  #do(work: () => Promise<void>): void {
    this.#waiting++;
    this.#tail = this.#tail
      .then(work)
      .catch((error) => {
        const { code, message } = toWireError(error);
        if (this.#stage !== undefined) this.#stage.refused = message;
        // A stranger's broken message is the stranger's fault, and anything else is worth a look.
        if (code.startsWith("JOINMARKET_")) this.#log.info("a taker's step is refused", { why: message });
        else this.#log.warn("a taker's step failed", { code, why: message });
      })
      .finally(() => {
        this.#waiting--;
        if (this.#stage === undefined && this.#waiting === 0) this.#parts.onOver(this.#taker);
      });
  }

  async #handle(command: Command): Promise<void> {
    if (this.#isClosed) return;
    if (command.name === "fill") return await this.#fill(command);
    const stage = this.#stage;
    if (stage === undefined) return;
    const sealed = sealedOf(command);
    if (stage.heard.has(sealed) || stage.heard.size >= HEARD_MAX) return;
    const plainText = stage.box.open(sealed);
    if (plainText === undefined) {
      this.#log.info("a taker's message cannot be opened", { step: command.name });
      return;
    }
    stage.heard.add(sealed);
    await stage.span.run(async () => {
      if (command.name === "auth") await this.#auth(stage, plainText);
      else if (command.name === "tx") await this.#tx(stage, plainText);
    });
  }

  async #fill(command: Command): Promise<void> {
    const { commitments, market, metrics, clock, randomBytes } = this.#parts;
    const fill = parseFill(command);
    const shown = fill.commitment.slice(1).toLowerCase();
    if (this.#stage?.commitment === shown || this.#earlier.includes(shown)) return;
    const isUsed = (commitment: string) => commitments.isUsed(commitment);
    const verdict = checkFill(fill, { isUsed, offers: this.#parts.offers() });
    if (!verdict.isGood) {
      this.#refused("fill", verdict.why);
      if (verdict.answer !== undefined) await market.tell(this.#taker, writeRefusal(verdict.answer));
      if (verdict.used !== undefined) await this.#pass(verdict.used);
      return;
    }
    const { commitment, offer, encryptionKey } = verdict;
    if (this.#parts.isInUse(commitment, this.#taker)) {
      return this.#refused("fill", "another taker came with the same commitment");
    }
    const keys = new BoxKeys(randomBytes);
    const box = keys.boxWith(encryptionKey);
    await this.#forget("the taker began anew");
    this.#stage = {
      amountSat: fill.amountSat,
      commitment,
      offer,
      keys,
      box,
      span: new SessionSpan(offer, fill.amountSat),
      startedAtMs: clock.now(),
      answeredMs: clock.monotonicMs(),
      step: "fill",
      heard: new Set(),
      strikes: 0,
    };
    metrics.taken("fill");
    this.#log.info("a taker asks", { amountSat: fill.amountSat });
    this.#wait();
    await market.tell(this.#taker, writeMakerKey({ encryptionKey: keys.publicKey, features: new Set() }));
  }

  async #auth(stage: Filled, plainText: string): Promise<void> {
    // Said once more, sealed anew: the answer may have been lost, and is the same.
    if (stage.revelation !== undefined) {
      if (stage.revelation === plainText && this.#strike(stage)) await this.#tellPromise(stage);
      return;
    }
    const { config, commitments, walletd, grant, metrics } = this.#parts;
    const opening = parseRevelation(plainText);
    if (verifyOpening(opening, stage.commitment, config.taker_tries) === undefined) {
      return this.#strikeFor(stage, "auth", "the commitment is not opened");
    }
    const fault = shownCoinFault(await this.#parts.coins.find(opening), opening.P, {
      amountSat: stage.amountSat,
      confirmationsMin: config.taker_coin_confirmations,
      percentMin: config.taker_coin_percent,
    });
    if (fault !== undefined) return this.#strikeFor(stage, "auth", `the coin that is shown is ${fault}`);
    const promised = await promiseCoins(walletd, {
      grant,
      offer: stage.offer,
      amountSat: stage.amountSat,
      encryptionKey: stage.keys.publicKey,
      ttlS: config.step_timeout_s + TTL_MARGIN_S,
      choice: config.mixdepth_choice,
    });
    if (promised === undefined) return this.#strikeFor(stage, "auth", "no mixdepth has enough");
    stage.promised = promised;
    stage.revelation = plainText;
    stage.step = "promised";
    // Before the taker can know: if we ended in between, it could use the same coin's word with us again.
    commitments.used(stage.commitment);
    this.#parts.book.promised({
      wallet: this.#parts.wallet,
      reservation: promised.reservation,
      amountSat: stage.amountSat,
      coins: promised.outpoints,
      startedAtMs: stage.startedAtMs,
    });
    metrics.taken("promised");
    this.#log.info("coins are promised", { amountSat: stage.amountSat, coins: promised.outpoints.length });
    this.#wait();
    await this.#tellPromise(stage);
    await this.#pass(stage.commitment);
  }

  async #tx(stage: Filled, plainText: string): Promise<void> {
    const { promised } = stage;
    if (promised === undefined) return this.#refused("tx", "nothing was promised yet");
    const bytes = parseBytes("tx", plainText);
    const { walletd, grant, market, metrics, clock, network } = this.#parts;
    let signed: Awaited<ReturnType<Walletd["signAsMaker"]>>;
    try {
      signed = await walletd.signAsMaker({
        grant,
        reservation: promised.reservation,
        rawTx: bytesToHex(bytes),
      });
    } catch (error) {
      const { code, data } = toWireError(error);
      if (code !== "WALLETD_WILL_NOT_SIGN" && code !== "WALLETD_NO_RESERVATION") throw error;
      return this.#strikeFor(stage, "tx", String(data["why"] ?? "the promise has run out"));
    }
    if (stage.step === "signed" && !this.#strike(stage)) return;
    const isFirst = stage.step !== "signed";
    stage.step = "signed";
    this.#wait();
    if (isFirst) {
      this.#parts.book.signed(promised.reservation);
      metrics.taken("signed");
      this.#log.info("signed", { amountSat: stage.amountSat, earnsSat: signed.earnedSat });
      this.#parts.onSigned({
        taker: this.#taker,
        bareId: bareIdOf(parseTransaction(bytes, network.serialization)),
        amountSat: stage.amountSat,
        promised,
        earnedSat: signed.earnedSat,
        startedAtMs: stage.startedAtMs,
        signedAtMs: clock.now(),
      });
    }
    for (const { index, publicKey, signature, scriptSig, witness } of signed.signatures) {
      const script = signatureScript({
        index,
        publicKey: hexToBytes(publicKey),
        signature: hexToBytes(signature),
        scriptSig: hexToBytes(scriptSig),
        witness: witness.map((item) => hexToBytes(item)),
      });
      await market.tell(this.#taker, writeCommand("sig", stage.box.seal(writeBytes(script))));
    }
    stage.span.end(stage.step, "signed");
  }

  async #tellPromise({ box, promised }: Filled): Promise<void> {
    if (promised === undefined) return;
    await this.#parts.market.tell(this.#taker, writeCommand("ioauth", box.seal(promised.plainText)));
  }

  /** That nobody is there to hear of it, or the one who was has left, is no failure of this session. */
  async #pass(commitment: string): Promise<void> {
    const { commitments, market, otherMakers } = this.#parts;
    await commitments.pass(commitment, market, otherMakers()).catch((error) => {
      this.#log.debug("nobody was told of a used commitment", { code: toWireError(error).code });
    });
  }

  #refused(step: "fill" | "auth" | "tx", why: string): void {
    this.#parts.metrics.refused(step);
    if (this.#stage !== undefined) this.#stage.refused = `${step}: ${why}`;
    this.#log.info("a taker's step is refused", { step, why });
  }

  async #strikeFor(stage: Filled, step: "auth" | "tx", why: string): Promise<void> {
    this.#refused(step, why);
    if (!this.#strike(stage)) await this.#forget("too many wrong steps");
  }

  #strike(stage: Filled): boolean {
    return ++stage.strikes < STRIKES_MAX;
  }

  #wait(): void {
    this.#timer?.cancel();
    const { clock, config } = this.#parts;
    this.#timer = clock.after(config.step_timeout_s * 1_000, () =>
      this.#do(() => this.#forget("the taker has been silent for too long")),
    );
  }

  async #end(why: string): Promise<void> {
    this.#isClosed = true;
    await this.#forget(why);
  }

  /** What is promised and not signed is free again; what is signed stays walletd's to keep. */
  async #forget(why: string): Promise<void> {
    this.#timer?.cancel();
    const stage = this.#stage;
    if (stage === undefined) return;
    this.#stage = undefined;
    this.#earlier.push(stage.commitment);
    if (this.#earlier.length > EARLIER_MAX) this.#earlier.shift();
    stage.box.wipe();
    stage.keys.wipe();
    this.#tellEnd(stage, why);
    stage.span.end(stage.step, "given_up");
    if (stage.promised === undefined || stage.step === "signed") return;
    const { walletd, grant } = this.#parts;
    const { reservation } = stage.promised;
    await stage.span
      .run(() => walletd.release({ grant, reservation }))
      .catch((error) => {
        // With the grant ended what it had set aside.
        if (!hasCode(error, "WALLETD_NO_GRANT")) throw error;
      });
  }

  #tellEnd({ step, promised, refused, amountSat, startedAtMs }: Filled, why: string): void {
    const { book, wallet } = this.#parts;
    if (promised === undefined) book.tooShort({ wallet, amountSat, startedAtMs }, why, refused);
    // Of one that has been seen the book knows nothing any more.
    else if (!book.ended(promised.reservation, why, refused)) return;
    this.#log.info("a taker is given up", { why, step });
  }
}
