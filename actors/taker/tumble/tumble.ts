/** One schedule on its way: entry by entry a coinjoin, its confirmations and a wait; whatever happens is on the disk first. */
import type { Tumble } from "../../../bus/contracts/taker/tumble.ts";
import { ASKED_FOR, isSweep, type ScheduleEntry } from "../../../joinmarket/schedule/entry.ts";
import { tweaked } from "../../../joinmarket/schedule/tweak.ts";
import { sleep } from "../../../runtime/clock.ts";
import { hasCode, toWireError } from "../../../runtime/errors.ts";
import type { Confirmations } from "../chain/confirmations.ts";
import { newRecord, type RunRecord } from "../coinjoin/record.ts";
import type { Runs } from "../coinjoin/runs.ts";
import { bySelf } from "../coinjoin/sending.ts";
import { denials } from "../denials.ts";
import { Pokes } from "../pokes.ts";
import type { RecordFolder } from "../record-folder.ts";
import { aftermathOf, retryDelayMs } from "./aftermath.ts";
import { type AttemptParts, prepared } from "./attempt.ts";
import {
  entriesOf,
  FAILURES_KEPT_MAX,
  isTumbleOver,
  openEntry,
  rowsOf,
  shownTumble,
  type TumbleRecord,
} from "./record.ts";
import { secondsFor } from "./time-left.ts";

export interface TumbleParts extends AttemptParts {
  readonly runs: Runs;
  readonly folder: RecordFolder<TumbleRecord>;
  readonly confirmations: Confirmations;
  readonly random: () => number;
  onState(record: TumbleRecord): void;
}

const MS_PER_S = 1_000;
const ENDED = Symbol("ended by its owner");
const STOPPED = Symbol("the taker stops");
const NEWS_MS = 20_000;
const ID_BYTES = 8;
/** What is signed stays set aside for an hour. */
const RESERVED_MS = 3_660 * MS_PER_S;
/** A timer cannot wait for weeks, and the clock may be set. */
const NAP_MS = 60 * MS_PER_S;
/** So often nobody has it: then it is sent once more. */
const ABSENT_LOOKS = 3;
const MESSAGE_LENGTH_MAX = 300;
const WHY_WAIT = " Now a wait, so that nobody sees what belongs together.";
const WANTS_ADDRESS = " The next one wants an address to pay to.";

export class RunningTumble {
  readonly #parts: TumbleParts;
  readonly #pokes = new Pokes();
  #abort = new AbortController();
  #record: TumbleRecord;
  #version = 1;
  #work: Promise<void> | undefined;
  #progress: string | null = null;
  #confirmations: Tumble["confirmations"] = null;

  constructor(parts: TumbleParts, record: TumbleRecord) {
    this.#parts = parts;
    this.#record = record;
  }

  get record(): TumbleRecord {
    return this.#record;
  }

  get isOver(): boolean {
    return isTumbleOver(this.#record);
  }

  get shown(): Tumble {
    return shownTumble(this.#record, {
      version: this.#version,
      progress: this.#progress,
      confirmations: this.#confirmations,
      secondsLeft: this.#secondsLeft(),
    });
  }

  async news(newerThan: number, timeoutMs: number, signal: AbortSignal): Promise<Tumble> {
    const patience = { clock: this.#clock, timeoutMs, signal };
    await this.#pokes.until(() => this.#version > newerThan || this.isOver, patience);
    return this.shown;
  }

  /** Writes it down before anything else happens. */
  begin(): void {
    this.#parts.folder.keep(this.#record);
    this.#start();
  }

  /** Its coinjoin is given up if that is still possible; the answer does not wait for long. */
  async end(patienceMs: number, signal: AbortSignal): Promise<void> {
    if (this.isOver) return;
    const { run } = this.#record;
    if (run === null || this.#parts.runs.record(run) === undefined || this.#work === undefined) {
      this.#abort.abort(ENDED);
      await this.#work;
      if (!this.isOver) await this.#over("stopped", "Stopped by its owner.");
      return;
    }
    this.#keep({ isStopping: true });
    this.#parts.runs.cancel(run);
    await this.#pokes.until(() => this.isOver, { clock: this.#clock, timeoutMs: patienceMs, signal });
  }

  /** With a grant that holds, and addresses for entries that want one. */
  resume(grant: string, rows: TumbleRecord["rows"]): void {
    const { state } = this.#record;
    this.#keep({ grant, rows, isStopping: false });
    if (!this.isOver && state !== "grant" && state !== "address") return;
    this.#keep({ state: "mixing", progress: "Goes on.", endedAtS: null, failed: 0 });
    this.#start();
  }

  /** Until the taker starts again. */
  async stop(): Promise<void> {
    this.#abort.abort(STOPPED);
    await this.#work;
  }

  get #clock() {
    return this.#parts.coinjoins.clock;
  }

  #start(): void {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    // What it did before may still be at its last words.
    const work = (this.#work ?? Promise.resolve()).then(() => this.#go(signal));
    this.#work = work;
    void work.finally(() => {
      if (this.#work === work) this.#work = undefined;
    });
  }

  async #go(signal: AbortSignal): Promise<void> {
    const { log } = this.#parts.coinjoins;
    try {
      await this.#learnPace();
      while (await this.#step(signal)) this.#progress = null;
    } catch (error) {
      if (signal.reason === STOPPED) return;
      if (signal.reason === ENDED) return await this.#over("stopped", "Stopped by its owner.");
      log.error("a tumble cannot go on", { tumble: this.#record.id, error });
      await this.#over("stopped", toWireError(error).message);
    }
  }

  /** One thing after the other, each from what is written down. False when there is nothing more to do for now. */
  async #step(signal: AbortSignal): Promise<boolean> {
    const { run, grant, untilMs, isStopping } = this.#record;
    const at = openEntry(this.#record);
    const entry = entriesOf(this.#record)[at];
    if (entry === undefined) {
      await this.#over("done", "All coinjoins are done and confirmed.");
      return false;
    }
    if (run !== null) {
      await this.#follow(at, run, signal);
      return !this.isOver;
    }
    if (isStopping) {
      await this.#over("stopped", "Stopped by its owner.");
      return false;
    }
    if (entry.completion !== 0) {
      await this.#confirm(at, entry, String(entry.completion), signal);
      return true;
    }
    if (untilMs !== null) {
      await this.#wait(signal);
      return true;
    }
    if (grant === null) return this.#park("grant", "The wallet was locked meanwhile: unlock it and resume.");
    if (entry.destination === ASKED_FOR)
      return this.#park("address", "The next coinjoin wants an address to pay to.");
    await this.#begin(at, entry, signal);
    return !this.isOver && this.#record.state !== "grant";
  }

  #park(state: "grant" | "address", progress: string): false {
    this.#keep({ state, progress });
    return false;
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const { untilMs } = this.#record;
    const leftMs = (untilMs ?? 0) - this.#clock.now();
    if (leftMs > 0) await sleep(this.#clock, Math.min(leftMs, NAP_MS), signal);
    else this.#keep({ untilMs: null });
  }

  async #begin(at: number, entry: ScheduleEntry, signal: AbortSignal): Promise<void> {
    const { coinjoins, plans, runs } = this.#parts;
    this.#keep({
      state: "mixing",
      progress: `Asks the market for coinjoin ${at + 1} of ${this.#record.rows.length}.`,
    });
    try {
      const appeared = await this.#appeared(signal);
      if (appeared !== undefined) return this.#sent(at, appeared);
      if (runs.running >= coinjoins.config.runs_max) throw denials.busy(coinjoins.config.runs_max);
      const attempt = await prepared(this.#parts, this.#record, entry, at, signal);
      signal.throwIfAborted();
      if ("why" in attempt) return this.#leaveOut(at, entry, attempt.why);
      const id = Buffer.from(coinjoins.randomBytes(ID_BYTES)).toString("hex");
      const base = isSweep(entry) ? null : { mixdepth: entry.mixdepth, sat: attempt.baseSat };
      this.#keep({ run: id, base });
      const startedAtS = Math.floor(this.#clock.now() / MS_PER_S);
      runs.begin(newRecord(id, attempt.wish, this.#record.grant ?? "", startedAtS), plans.take(attempt.plan));
    } catch (error) {
      if (signal.aborted) throw error;
      const { code, message } = toWireError(error);
      this.#keep({ run: null });
      await this.#failed(at, code, message, undefined);
    }
  }

  async #follow(at: number, id: string, signal: AbortSignal): Promise<void> {
    const { runs } = this.#parts;
    if (runs.record(id) === undefined) {
      // The taker was killed before the coinjoin had begun: nothing was set aside.
      this.#keep({ run: null });
      return;
    }
    if (this.#record.state !== "mixing") this.#keep({ state: "mixing" });
    let run = await runs.shown(id, undefined, NEWS_MS, signal);
    while (!run.isOver) {
      this.#tell(run.progress);
      run = await runs.shown(id, run.version, NEWS_MS, signal);
    }
    this.#progress = null;
    const record = runs.record(id);
    if (run.phase === "done" && record !== undefined) return this.#sent(at, record);
    const { code, message } = run.failure ?? { code: "TAKER_CANCELLED", message: run.progress };
    this.#keep({ run: null });
    await this.#failed(at, code, message, record);
  }

  #sent(at: number, { id, txid, amountSat, makers, makerFeesSat, miningFeeSat }: RunRecord): void {
    const atS = Math.floor(this.#clock.now() / MS_PER_S);
    const one = {
      entry: at,
      run: id,
      txid: txid ?? "",
      amountSat: amountSat ?? 0,
      makers: makers.length,
      atS,
    };
    const fees = { makerFeesSat: makerFeesSat ?? 0, miningFeeSat: miningFeeSat ?? 0 };
    this.#keep({
      rows: this.#rowsWith(at, txid ?? 1),
      sent: [...this.#record.sent, { ...one, ...fees }],
      ...{ run: null, doubtful: [], failed: 0, untilMs: null },
      state: "confirming",
      progress: `Coinjoin ${at + 1} is sent and waits for blocks.`,
    });
  }

  #leaveOut(at: number, entry: ScheduleEntry, why: string): void {
    this.#noteFailure(at, null, "TAKER_TOO_SMALL", why);
    this.#keep({
      rows: this.#rowsWith(at, 1),
      ...{ doubtful: [], failed: 0, untilMs: null },
      base: isSweep(entry) ? null : this.#record.base,
    });
  }

  async #confirm(at: number, entry: ScheduleEntry, txid: string, signal: AbortSignal): Promise<void> {
    const { coinjoins, confirmations } = this.#parts;
    const wants = coinjoins.config.tumble_confirmations;
    this.#keep({ state: "confirming", progress: `Coinjoin ${at + 1} is sent and waits for blocks.` });
    for (let absent = 0; ; await confirmations.nextLook(signal)) {
      const depth = await this.#depthOf(txid);
      if (depth === undefined) continue;
      const has = Math.min(depth.confirmations, wants);
      if (has !== this.#confirmations?.has) {
        this.#confirmations = { has, wants };
        this.#changed();
      }
      if (depth.confirmations >= wants) break;
      absent = depth.isKnown ? 0 : absent + 1;
      if (absent < ABSENT_LOOKS) continue;
      absent = 0;
      if (!(await this.#sendAgain(at, txid, signal))) return;
    }
    this.#confirmations = null;
    await this.#learnPace();
    const next = entriesOf(this.#record)[at + 1];
    const wantsAddress = next?.destination === ASKED_FOR;
    const waitMs = next === undefined ? 0 : entry.waitMinutes * 60 * MS_PER_S;
    this.#keep({
      rows: this.#rowsWith(at, 1),
      base: isSweep(entry) ? null : this.#record.base,
      untilMs: waitMs === 0 ? null : this.#clock.now() + waitMs,
      state: "waiting",
      progress: `Coinjoin ${at + 1} has confirmed.${waitMs === 0 ? "" : WHY_WAIT}${wantsAddress ? WANTS_ADDRESS : ""}`,
    });
  }

  async #depthOf(txid: string) {
    try {
      return await this.#parts.confirmations.of(txid);
    } catch (error) {
      // Index or mempool are away: the next look tells.
      this.#parts.coinjoins.log.debug("confirmations are not known", { code: toWireError(error).code });
      return undefined;
    }
  }

  /** False when it can never confirm, as a maker has spent its coin meanwhile: then the entry is open again. */
  async #sendAgain(at: number, txid: string, signal: AbortSignal): Promise<boolean> {
    const { coinjoins, runs } = this.#parts;
    const one = this.#record.sent.find(({ entry }) => entry === at);
    const run = one === undefined ? undefined : runs.record(one.run);
    if (run === undefined || run.signedTx === null || run.wish.broadcast === "not-self") return true;
    try {
      await bySelf(coinjoins, { record: run, signal }, txid);
    } catch (error) {
      if (!hasCode(error, "TAKER_REFUSED")) {
        signal.throwIfAborted();
        return true;
      }
      this.#confirmations = null;
      const sent = this.#record.sent.filter(({ entry }) => entry !== at);
      this.#keep({ rows: this.#rowsWith(at, 0), sent });
      await this.#failed(at, error.code, error.message, run);
      return false;
    }
    return true;
  }

  /** One that was given up after it had been signed, and was sent all the same. */
  async #appeared(signal: AbortSignal): Promise<RunRecord | undefined> {
    for (const id of this.#record.doubtful) {
      const run = this.#parts.runs.record(id);
      if (run === undefined || run.txid === null) continue;
      const { isKnown } = await this.#parts.confirmations.of(run.txid);
      signal.throwIfAborted();
      if (isKnown) return run;
    }
    return undefined;
  }

  async #failed(at: number, code: string, message: string, run: RunRecord | undefined): Promise<void> {
    const { coinjoins, random } = this.#parts;
    const aftermath = aftermathOf(code);
    const isSigned = run !== undefined && run.signedTx !== null;
    if (isSigned) this.#keep({ doubtful: [...this.#record.doubtful, run.id] });
    if (this.#record.isStopping) return this.#over("stopped", "Stopped by its owner.");
    this.#noteFailure(at, run?.id ?? null, code, message);
    if (aftermath === "end") return this.#over("stopped", message);
    if (aftermath === "grant") {
      this.#keep({ grant: null });
      this.#park("grant", `${message} Unlock the wallet and resume.`);
      return;
    }
    const failed = this.#record.failed + (aftermath === "later" ? 0 : 1);
    if (failed > coinjoins.config.tumble_tries) {
      return this.#over("stopped", `Coinjoin ${at + 1} has failed ${failed} times: ${message}`);
    }
    if (aftermath === "changed") {
      const makersMin = this.#record.makersMin ?? coinjoins.config.makers_min;
      const isShortOfMakers = code === "TAKER_FEW_MAKERS" || code === "TAKER_MAKERS_FAILED";
      const rules = { makersMin, isShortOfMakers, random };
      this.#keep({ rows: rowsOf(tweaked(entriesOf(this.#record), at, rules)) });
    }
    const waitMs = retryDelayMs(this.#record.retrySeconds, failed);
    const untilMs = this.#clock.now() + Math.max(waitMs, isSigned ? RESERVED_MS : 0);
    this.#keep({
      state: "retrying",
      failed,
      untilMs,
      progress: `Coinjoin ${at + 1} has failed and is tried again: ${message}`,
    });
  }

  #noteFailure(at: number, run: string | null, code: string, message: string): void {
    const atS = Math.floor(this.#clock.now() / MS_PER_S);
    const one = { entry: at, run, code, message: message.slice(0, MESSAGE_LENGTH_MAX), atS };
    this.#keep({ failures: [...this.#record.failures, one].slice(-FAILURES_KEPT_MAX) });
    this.#parts.coinjoins.log.info("a coinjoin of a tumble was not made", {
      tumble: this.#record.id,
      entry: at + 1,
      code,
    });
  }

  /** The wallet is ours no more. */
  async #over(state: "done" | "stopped", progress: string): Promise<void> {
    const { walletd, log } = this.#parts.coinjoins;
    const { grant, id } = this.#record;
    this.#progress = null;
    const endedAtS = Math.floor(this.#clock.now() / MS_PER_S);
    const over = { state, progress, grant: null, untilMs: null, isStopping: false, endedAtS };
    try {
      this.#keep(over);
    } catch (error) {
      // It would go on after a restart, and stop again: its grant is spent.
      log.error("a tumble's end cannot be written down", { tumble: id, error });
      this.#become({ ...this.#record, ...over });
    }
    if (grant === null) return;
    try {
      await walletd.resign({ grant });
    } catch (error) {
      // Locked meanwhile, or away: it ends by itself.
      log.info("a tumble's grant was not given back", { tumble: id, code: toWireError(error).code });
    }
  }

  async #learnPace(): Promise<void> {
    try {
      await this.#parts.confirmations.blockSeconds();
    } catch (error) {
      // Only a guess depends on it.
      this.#parts.coinjoins.log.debug("how fast blocks come is not known", { code: toWireError(error).code });
    }
  }

  #secondsLeft(): number | null {
    const { state, untilMs } = this.#record;
    // A guess could be wrong by hours.
    const blockSeconds = this.#parts.confirmations.lastBlockSeconds;
    if (this.isOver || state === "grant" || state === "address" || blockSeconds === undefined) return null;
    const entries = entriesOf(this.#record);
    const wants = this.#parts.coinjoins.config.tumble_confirmations;
    const pace = { confirmations: wants, blockSeconds };
    const waitS = untilMs === null ? 0 : Math.max(0, Math.ceil((untilMs - this.#clock.now()) / MS_PER_S));
    const at = openEntry(this.#record);
    const entry = entries[at];
    if (entry === undefined || entry.completion === 0) return waitS + secondsFor(entries, at, pace);
    const blocks = wants - (this.#confirmations?.has ?? 0);
    const afterS = at + 1 < entries.length ? entry.waitMinutes * 60 : 0;
    return Math.round(blocks * blockSeconds + afterS) + secondsFor(entries, at + 1, pace);
  }

  #rowsWith(at: number, completion: 0 | 1 | string): TumbleRecord["rows"] {
    const entries = entriesOf(this.#record);
    return rowsOf(entries.map((entry, place) => (place === at ? { ...entry, completion } : entry)));
  }

  #tell(progress: string): void {
    if (progress === this.#progress) return;
    this.#progress = progress;
    this.#changed();
  }

  /** On the disk before anybody hears of it. */
  #keep(change: Partial<TumbleRecord>): void {
    const next = { ...this.#record, ...change };
    this.#parts.folder.keep(next);
    this.#become(next);
  }

  #become(next: TumbleRecord): void {
    const before = this.#record;
    this.#record = next;
    this.#changed();
    if (next.state !== before.state || openEntry(next) !== openEntry(before)) this.#parts.onState(next);
  }

  #changed(): void {
    this.#version++;
    this.#pokes.poke();
  }
}
