/** One coinjoin from offers to a transaction that the network has: it goes through, or it ends with its coins free. */
import { hexToBytes, parseTxid } from "../../../bitcoin/bytes.ts";
import type { CoinjoinRun } from "../../../bus/contracts/taker.ts";
import type { CoinjoinCoin } from "../../../joinmarket/coinjoin/own-side.ts";
import { BoxKeys } from "../../../joinmarket/messages/box.ts";
import { hasCode, toWireError } from "../../../runtime/errors.ts";
import { agree } from "../agreement/agreement.ts";
import { denials } from "../denials.ts";
import type { Gathering } from "../market/gathering.ts";
import { asNotReady } from "../others-away.ts";
import { Pokes } from "../pokes.ts";
import type { CoinjoinParts } from "./parts.ts";
import { isOver, type RunRecord, shownRun } from "./record.ts";
import { sendOut } from "./sending.ts";
import { completed } from "./signing.ts";
import { RunSpan } from "./span.ts";
import type { WalletShare } from "./wallet-share.ts";

/** Longer than all attempts together; whoever is gone by then has lost its coins' reservation. */
const RESERVED_S = 3_600;
const ENDED = Symbol("ended by its owner");
const STOPPED = Symbol("the taker stops");
const MESSAGE_LENGTH_MAX = 500;
const KEY_BYTES = 16;

export class Coinjoin {
  readonly #parts: CoinjoinParts;
  readonly #pokes = new Pokes();
  readonly #abort = new AbortController();
  #record: RunRecord;
  #version = 1;
  #gathering: Gathering | undefined;
  #work: Promise<void> = Promise.resolve();
  #phaseSince: number;

  constructor(parts: CoinjoinParts, record: RunRecord, gathering?: Gathering) {
    this.#parts = parts;
    this.#record = record;
    this.#gathering = gathering;
    this.#phaseSince = parts.clock.monotonicMs();
  }

  get record(): RunRecord {
    return this.#record;
  }

  get shown(): CoinjoinRun {
    return shownRun(this.#record, this.#version);
  }

  get isOver(): boolean {
    return isOver(this.#record);
  }

  /** Waits until something is newer than this version, or for so long. */
  async news(newerThan: number, timeoutMs: number, signal: AbortSignal): Promise<CoinjoinRun> {
    const patience = { clock: this.#parts.clock, timeoutMs, signal };
    await this.#pokes.until(() => this.#version > newerThan || this.isOver, patience);
    return this.shown;
  }

  /** Writes it down before anything else happens. */
  begin(): void {
    this.#parts.folder.keep(this.#record);
    this.#work = this.#run();
  }

  /** False when it is over, or our signatures have been made: then it goes on. */
  cancel(): boolean {
    if (this.isOver || this.#record.unsignedTx !== null) return false;
    try {
      // First on the disk: a taker that is killed before it has come to an end must not go on with it.
      this.#keep({ isCancelled: true });
    } catch (error) {
      this.#parts.log.error("that a coinjoin was ended cannot be written down", {
        run: this.#record.id,
        error,
      });
    }
    this.#abort.abort(ENDED);
    return true;
  }

  /** For good or, when the taker stops, until it starts again. */
  async stop(): Promise<void> {
    this.#abort.abort(STOPPED);
    await this.#work;
  }

  /** Resolves when it is over or was stopped. */
  get ended(): Promise<void> {
    return this.#work;
  }

  async #run(): Promise<void> {
    const { log, metrics } = this.#parts;
    const span = new RunSpan(this.#record);
    try {
      if (this.#record.isCancelled) this.#abort.abort(ENDED);
      this.#abort.signal.throwIfAborted();
      await span.run(() => this.#allPhases(span));
      metrics.ended("done");
      log.info("a coinjoin is on the network", { run: this.#record.id, makers: this.#record.makers.length });
    } catch (error) {
      if (this.#abort.signal.reason === STOPPED) return;
      await this.#fail(this.#abort.signal.reason === ENDED ? denials.cancelled() : error);
      metrics.ended(this.#record.phase);
    } finally {
      span.end(this.#record);
      await this.#gathering?.close();
      this.#gathering = undefined;
    }
  }

  async #allPhases(span: RunSpan): Promise<void> {
    const { signal } = this.#abort;
    if (this.#record.unsignedTx === null) {
      const gathering = await span.phase("orderbook", () => this.#gather());
      const share = await span.phase("reserve", () => this.#reserve());
      const keys = new BoxKeys(this.#parts.randomBytes);
      try {
        await agree(this.#parts, {
          record: this.#record,
          gathering,
          share,
          readdressed: () => this.#readdressed(share),
          keys,
          signal,
          span,
          change: (change) => this.#change(change),
        });
      } finally {
        keys.wipe();
      }
    }
    if (this.#record.signedTx === null) {
      const signed = await span.phase("sign", () => completed(this.#parts, this.#record));
      this.#keep({ ...signed, phase: "send", progress: "Sending the transaction." });
    }
    const by = await span.phase("send", () =>
      sendOut(this.#parts, {
        record: this.#record,
        gathering: () => this.#present(),
        signal,
        progress: (progress) => this.#change({ progress }),
      }),
    );
    this.#keep({ broadcastBy: by });
    await this.#note(true);
    await this.#over({ phase: "done", progress: "The network has the transaction." });
  }

  async #gather(): Promise<Gathering> {
    const { wish } = this.#record;
    const gathering = await this.#present();
    const { picker, config } = this.#parts;
    const wanted = wish.makers ?? config.makers_high;
    const rules = { limits: wish.limits, ignored: new Set(wish.ignored) };
    const isEnough = () => {
      const view = { makers: gathering.book.makers(), bonds: new Map() };
      // How much a sweep mixes is not known yet: that there are makers has to do.
      return wish.amountSat === null
        ? view.makers.length >= wanted
        : picker.candidates(view, wish.amountSat, rules).length >= wanted;
    };
    await gathering.offers(isEnough, this.#abort.signal);
    return gathering;
  }

  /** On the market, with a nick that this coinjoin has to itself. */
  async #present(): Promise<Gathering> {
    if (this.#gathering !== undefined) return this.#gathering;
    const gathering = this.#parts.openGathering();
    this.#gathering = gathering;
    await gathering.start();
    return gathering;
  }

  async #reserve(): Promise<WalletShare> {
    const { wish, grant, id } = this.#record;
    const wasInterrupted = this.#record.reservation !== null;
    this.#change({ phase: "reserve", progress: "Setting coins aside." });
    const { mixdepth, amountSat, destination, coins: named, makerFeesSatMax, miningFeeSatMax } = wish;
    const reserved = await this.#parts.walletd.reserveAsTaker(
      {
        grant: grant ?? "",
        mixdepth,
        amountSat,
        destination,
        ...(named !== null && { coins: named }),
        makerFeesSatMax,
        miningFeeSatMax,
        ttlS: RESERVED_S,
      },
      // A taker that was killed asks once more, and gets the same coins.
      { key: `reserve-${id}` },
    );
    const coins: readonly CoinjoinCoin[] = reserved.coins.map((coin) => ({
      txid: parseTxid(coin.txid),
      vout: coin.index,
      valueSat: coin.amountSat,
      scriptPubKey: hexToBytes(coin.script),
    }));
    const inputSat = coins.reduce((sum, { valueSat }) => sum + valueSat, 0);
    const { reservation, coinjoinAddress, changeAddress } = reserved;
    this.#keep({ reservation, inputs: coins.length, inputSat });
    const share = { reservation, coins, inputSat, coinjoinAddress, changeAddress };
    // Makers may have been shown them before.
    return wasInterrupted ? await this.#readdressed(share) : share;
  }

  /** The same coins with addresses that nobody has seen: else a maker that did not sign would know our output in the next transaction. */
  async #readdressed(share: WalletShare): Promise<WalletShare> {
    const { reservation } = share;
    const key = `addresses-${Buffer.from(this.#parts.randomBytes(KEY_BYTES)).toString("hex")}`;
    const grant = this.#record.grant ?? "";
    return { ...share, ...(await this.#parts.walletd.readdress({ grant, reservation }, { key })) };
  }

  /** What the wallet's history should say beside what the chain tells; a history without it is no reason to fail. */
  async #note(isSuccess: boolean): Promise<void> {
    const { grant, txid, wish, amountSat, inputs, inputSat, makers, startedAtS, failure } = this.#record;
    if (grant === null || txid === null) return;
    const { walletd, clock, log } = this.#parts;
    try {
      await walletd.addHistoryNote({
        grant,
        txid,
        note: {
          role: "taker",
          isSuccess,
          failure: failure?.code ?? null,
          amountSat: amountSat ?? wish.amountSat ?? 0,
          inputs,
          inputSat,
          peers: makers,
          feeReceivedSat: 0,
          txfeeContributionSat: 0,
          makerFeesSat: this.#record.makerFeesSat ?? 0,
          miningFeeSat: this.#record.miningFeeSat ?? 0,
          startedAtS,
          completedAtS: isSuccess ? Math.floor(clock.now() / 1_000) : null,
          broadcastBy: this.#record.broadcastBy ?? "",
        },
      });
    } catch (error) {
      log.warn("the wallet's history lacks a coinjoin's note", { run: this.#record.id, error });
    }
  }

  async #fail(thrown: unknown): Promise<void> {
    const { code, message } = toWireError(asNotReady(thrown));
    const { id } = this.#record;
    const isOwnWish = hasCode(thrown, "TAKER_CANCELLED");
    if (!isOwnWish) this.#parts.log.warn("a coinjoin has failed", { run: id, error: thrown });
    this.#record = { ...this.#record, failure: { code, message: message.slice(0, MESSAGE_LENGTH_MAX) } };
    await this.#note(false);
    await this.#release();
    await this.#over({ phase: isOwnWish ? "cancelled" : "failed", progress: message.slice(0, 300) });
  }

  /** Coins of a transaction that is signed stay set aside, whatever we believe; walletd frees them when their time is over. */
  async #release(): Promise<void> {
    const { grant, reservation, signedTx, id } = this.#record;
    if (grant === null || reservation === null) return;
    if (signedTx !== null) return;
    try {
      await this.#parts.walletd.release({ grant, reservation });
    } catch (error) {
      // Locked or revoked meanwhile: walletd frees them when their time is over.
      this.#parts.log.info("a coinjoin's coins are not freed yet", {
        run: id,
        code: toWireError(error).code,
      });
    }
  }

  async #over(change: Partial<RunRecord>): Promise<void> {
    const { grant, ownsGrant, id } = this.#record;
    const { clock, folder, log, walletd } = this.#parts;
    this.#change({ ...change, grant: null, endedAtS: Math.floor(clock.now() / 1_000) });
    try {
      folder.keep(this.#record);
    } catch (error) {
      // It would be begun anew after a restart, and end again: its grant is spent.
      log.error("a coinjoin's end cannot be written down", { run: id, error });
    }
    if (grant === null || !ownsGrant) return;
    // A wallet holds few grants, and this one is of no use any more. What is signed stays set aside.
    await walletd.resign({ grant }).catch((error) => {
      // It has ended by itself, or walletd is away and ends it when its time is over.
      log.debug("a coinjoin's grant could not be given up", { run: id, code: toWireError(error).code });
    });
  }

  #keep(change: Partial<RunRecord>): void {
    this.#change(change);
    this.#parts.folder.keep(this.#record);
  }

  #change(change: Partial<RunRecord>): void {
    const before = this.#record.phase;
    this.#record = { ...this.#record, ...change };
    this.#version++;
    if (this.#record.phase !== before) {
      const nowMs = this.#parts.clock.monotonicMs();
      this.#parts.metrics.phase(before, nowMs - this.#phaseSince);
      this.#phaseSince = nowMs;
      this.#parts.onPhase(this.#record);
    }
    this.#pokes.poke();
  }
}
