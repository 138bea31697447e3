/** Keeps the view level with the node: one step after the other, by lists and by the node's single news. */
import type { Txid } from "../../../bitcoin/bytes.ts";
import type { Network } from "../../../bitcoin/network.ts";
import type { MempoolMoment, NodeMempoolFigures } from "../../../bitcoind/questions/mempool.ts";
import type { SequenceEvent } from "../../../bitcoind/sequence.ts";
import { type Clock, sleep } from "../../../runtime/clock.ts";
import type { Changes } from "../view/changes.ts";
import { type Entry, memoryBytesOf } from "../view/entry.ts";
import type { View } from "../view/view.ts";
import { chainPath, rehearsePath } from "./chain-path.ts";
import { type Progress, ProgressMeter } from "./progress.ts";
import { EntryReader, type Wanted } from "./reader.ts";
import type { MempoolSource } from "./source.ts";

export interface FollowerNews {
  /** The view is another one, and these are the changes; they may be none but the block it stands on. */
  changed(changes: Changes): void;
  progress(progress: Progress): void;
  /** Level with the node, as far as we know. */
  level(): void;
}

export interface FollowerOptions {
  readonly source: MempoolSource;
  readonly view: View;
  readonly clock: Clock;
  readonly serialization: Network["serialization"];
  readonly news: FollowerNews;
  /** How often the node is asked whether anything changed. */
  readonly pollMs: () => number;
  readonly memoryBytesMax: number;
  /** What an earlier run has kept: entries that need not be read again. Emptied once they are used. */
  readonly kept: Map<Txid, Entry>;
}

/** More news than this waiting: a list is cheaper. */
const HINTS_MAX = 20_000;
const HINTS_AT_ONCE = 1_000;
/** A node that takes long for its list is not asked for it all the time. */
const REST_FACTOR = 10;
const PROGRESS_EVERY_MS = 250;

interface Hint {
  readonly txid: Txid;
  readonly kind: "added" | "removed";
  readonly rawTx?: Uint8Array;
}

export class Follower {
  readonly #options: FollowerOptions;
  readonly #reader: EntryReader;
  #hints: Hint[] = [];
  #isListWanted = true;
  #wake: () => void = () => undefined;
  #stepsDone = 0;
  #waiters: { readonly step: number; readonly resolve: () => void }[] = [];
  #isStepping = false;
  #isRehearsed = false;
  #leftOut = 0;
  /** Listed when last compared, and not to be had though there was room. */
  #unread: ReadonlySet<Txid> = new Set();
  #restUntilMs = 0;
  #figures: NodeMempoolFigures | undefined;

  constructor(options: FollowerOptions) {
    this.#options = options;
    const { source, view, serialization, clock } = options;
    this.#reader = new EntryReader({
      source,
      serialization,
      payOf: (txid, index) => view.tables.get(txid)?.pays[index],
      nowS: () => Math.floor(clock.now() / 1_000),
    });
  }

  /** What the node last said of its mempool. */
  get figures(): NodeMempoolFigures | undefined {
    return this.#figures;
  }

  /** Transactions that found no room. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** News from the node, which may be late, doubled or wrong: it only says where to look. */
  hint(event: SequenceEvent): void {
    if ("txid" in event) this.#push({ txid: event.txid, kind: event.kind });
    else this.#isListWanted = true;
    this.#wake();
  }

  /** Someone knows of a block that we do not: look at once. */
  look(): void {
    this.#wake();
  }

  /** Something may have been missed: compare everything. */
  compare(): void {
    this.#isListWanted = true;
    this.#wake();
  }

  /** Takes a step that begins later than now, if only to look, and resolves after it. */
  nextStep(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push({ step: this.#stepsDone + (this.#isStepping ? 2 : 1), resolve });
      this.#wake();
    });
  }

  /** Takes our own transactions into the view without waiting for the node's news. */
  async include(sent: readonly Required<Wanted>[]): Promise<void> {
    for (const wanted of sent) this.#push({ ...wanted, kind: "added" });
    await this.nextStep();
  }

  /** Takes one step after the other until the signal aborts; throws what the node's client throws. */
  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      this.#isStepping = true;
      try {
        await this.#step(signal);
      } catch (error) {
        // The next attempt begins with a list: nothing is lost.
        this.#isListWanted = true;
        throw error;
      } finally {
        this.#isStepping = false;
        this.#finishStep();
      }
      if (this.#hasWork()) continue;
      this.#options.news.level();
      await this.#rehearseOnce(signal);
      await this.#rest(signal);
    }
  }

  async #step(signal: AbortSignal): Promise<void> {
    if (!this.#options.view.isSynced) await this.#readFirst(signal);
    else if (this.#isListWanted) await this.#compare(signal);
    else if (this.#hints.length > 0) await this.#follow(signal);
    else await this.#look();
  }

  #hasWork(): boolean {
    return this.#isListWanted || this.#hints.length > 0 || this.#waiters.length > 0;
  }

  #push(hint: Hint): void {
    if (this.#hints.length < HINTS_MAX) {
      this.#hints.push(hint);
      return;
    }
    this.#hints = [];
    this.#isListWanted = true;
  }

  #finishStep(): void {
    this.#stepsDone++;
    const done = this.#waiters.filter(({ step }) => step <= this.#stepsDone);
    this.#waiters = this.#waiters.filter(({ step }) => step > this.#stepsDone);
    for (const { resolve } of done) resolve();
  }

  /** Ends at the first work. */
  async #rehearseOnce(signal: AbortSignal): Promise<void> {
    const { source, view, serialization } = this.#options;
    const { tip } = view.chain;
    if (this.#isRehearsed || tip === undefined) return;
    this.#isRehearsed = true;
    const mayGoOn = () => !this.#hasWork() && !signal.aborted;
    await rehearsePath(source, tip, serialization, mayGoOn);
  }

  /** Until someone has news, or it is time to ask by ourselves. */
  async #rest(signal: AbortSignal): Promise<void> {
    const { clock, pollMs } = this.#options;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    const onStop = () => woken.abort();
    signal.addEventListener("abort", onStop, { once: true });
    if (this.#hasWork() || signal.aborted) woken.abort();
    const waitMs = Math.max(pollMs(), this.#restUntilMs - clock.monotonicMs());
    await sleep(clock, waitMs, woken.signal).catch(() => {}); // woken earlier is as good
    signal.removeEventListener("abort", onStop);
    this.#wake = () => undefined;
  }

  /** Has anything happened that nobody told us? */
  async #look(): Promise<void> {
    const { source, view } = this.#options;
    const { tipHash, figures } = await source.pulse();
    this.#figures = figures;
    const { tables } = view;
    const isSame =
      tipHash === view.chain.tip?.hash &&
      figures.transactions === tables.count + this.#leftOut &&
      (this.#leftOut > 0 || figures.feeSat === BigInt(tables.feeSat));
    if (!isSame) this.#isListWanted = true;
  }

  /** The whole mempool of the node, in parts that can be asked for already. */
  async #readFirst(signal: AbortSignal): Promise<void> {
    const { view, kept, news, clock } = this.#options;
    const moment = await this.#list();
    view.chain.beginAt(moment.tip);
    const meter = new ProgressMeter(clock);
    let toldMs = 0;
    const tell = () => {
      const nowMs = clock.monotonicMs();
      if (nowMs - toldMs < PROGRESS_EVERY_MS) return;
      toldMs = nowMs;
      news.progress(meter.read(view.tables.count, moment.txids.length));
    };
    tell();
    const unread: Wanted[] = [];
    for (const txid of moment.txids) {
      const entry = kept.get(txid);
      if (entry === undefined) unread.push({ txid });
      else if (view.tables.get(txid) === undefined) this.#admit(entry);
    }
    for await (const entries of this.#reader.read(this.#notYetRead(unread), signal)) {
      for (const entry of entries) this.#admit(entry);
      tell();
    }
    kept.clear();
    // What came and went meanwhile.
    view.isSynced = true;
    try {
      await this.#compare(signal, true);
    } catch (error) {
      view.isSynced = false;
      throw error;
    }
  }

  /** Compares everything with the node's list. */
  async #compare(signal: AbortSignal, isFirst = false): Promise<void> {
    const { source, view, clock, serialization, news } = this.#options;
    this.#isListWanted = false;
    // What was told before the list was made is in it.
    const told = this.#hints.length;
    const startMs = clock.monotonicMs();
    const moment = await this.#list();
    this.#hints = this.#hints.slice(told);
    const isSameTip = moment.tip.hash === view.chain.tip?.hash;
    const step = await chainPath(source, view.chain, moment.tip, serialization);
    const listed = new Set(moment.txids);
    const wanted = this.#notYetRead(moment.txids.map((txid) => ({ txid })));
    const { fresh, hasRoom } = await this.#fitting(wanted, signal);
    view.apply(moment.tip, step, listed, fresh);
    this.#leftOut = hasRoom ? this.#neverRead(wanted, fresh) : wanted.length - fresh.length;
    this.#restUntilMs = clock.monotonicMs() + REST_FACTOR * (clock.monotonicMs() - startMs);
    const changes = view.takeChanges();
    if (isFirst) changes.everything();
    if (!changes.isEmpty || !isSameTip) news.changed(changes);
  }

  /** Single transactions that the node, or we ourselves, have named. */
  async #follow(signal: AbortSignal): Promise<void> {
    const { view, news } = this.#options;
    const last = new Map<Txid, Hint>();
    for (const hint of this.#hints.splice(0, HINTS_AT_ONCE)) {
      // The order of the last word on each: parents come before children. Who only hears a word again keeps its place.
      const before = last.get(hint.txid);
      if (before?.kind !== hint.kind) last.delete(hint.txid);
      last.set(hint.txid, { ...before, ...hint });
    }
    const wanted = [...last.values()].filter(({ kind }) => kind === "added");
    for await (const entries of this.#reader.read(this.#notYetRead(wanted), signal)) {
      for (const entry of entries) this.#admit(entry);
    }
    for (const entry of await this.#reallyGone([...last.values()])) {
      view.drop(entry, { why: "dropped", by: null });
    }
    const changes = view.takeChanges();
    if (!changes.isEmpty) news.changed(changes);
  }

  /**
   * Entries that the node has let go of, as it says when it is asked: of several nodes each tells of its own mempool, and
   * news may be older than our list.
   */
  async #reallyGone(told: readonly Hint[]): Promise<Entry[]> {
    const { source, view } = this.#options;
    const entries = told.flatMap(({ txid, kind }) => {
      const entry = kind === "removed" ? view.tables.get(txid) : undefined;
      return entry === undefined || entry.confirmedAt !== undefined ? [] : [entry];
    });
    if (entries.length === 0) return entries;
    const found = await source.transactions(entries.map(({ txid }) => txid));
    return entries.filter((_, i) => found[i] === undefined);
  }

  /**
   * How many of the listed ones cannot be had at all. One that is missing for the first time was replaced or mined before
   * it could be read: it is not waited for, and what has come in its place is found at the next look.
   */
  #neverRead(wanted: readonly Wanted[], fresh: readonly Entry[]): number {
    const read = new Set(fresh.map(({ txid }) => txid));
    const unread = wanted.flatMap(({ txid }) => (read.has(txid) ? [] : [txid]));
    const count = unread.filter((txid) => this.#unread.has(txid)).length;
    this.#unread = new Set(unread);
    return count;
  }

  async #list(): Promise<MempoolMoment> {
    const moment = await this.#options.source.moment();
    this.#figures = moment.figures;
    return moment;
  }

  #notYetRead<W extends Wanted>(wanted: readonly W[]): W[] {
    const { tables } = this.#options.view;
    return wanted.filter(({ txid }) => tables.get(txid) === undefined);
  }

  #hasRoom(): boolean {
    return this.#options.view.tables.memoryBytes < this.#options.memoryBytesMax;
  }

  #admit(entry: Entry): void {
    if (this.#hasRoom()) this.#options.view.admit(entry);
    else this.#leftOut++;
  }

  /** Reads as many as there is room for, counted before they are in the tables; says whether there was room for all. */
  async #fitting(
    wanted: readonly Wanted[],
    signal: AbortSignal,
  ): Promise<{ readonly fresh: readonly Entry[]; readonly hasRoom: boolean }> {
    let left = this.#options.memoryBytesMax - this.#options.view.tables.memoryBytes;
    const fresh: Entry[] = [];
    if (left <= 0) return { fresh, hasRoom: wanted.length === 0 };
    for await (const entries of this.#reader.read(wanted, signal)) {
      for (const entry of entries) {
        if (left <= 0) return { fresh, hasRoom: false };
        left -= memoryBytesOf(entry);
        fresh.push(entry);
      }
    }
    return { fresh, hasRoom: true };
  }
}
