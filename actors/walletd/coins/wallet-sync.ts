/** Keeps one wallet's coins level with chain and mempool: asks again what may have changed, and takes the answers over at once. */
import { setImmediate as turn } from "node:timers/promises";
import type { IndexedTip } from "../../../bus/contracts/indexer.ts";
import { type Clock, sleep } from "../../../runtime/clock.ts";
import { toWireError } from "../../../runtime/errors.ts";
import { BOND_BRANCH, type Branch, type ScriptBook } from "../accounts/script-book.ts";
import type { ChainFeed, ChainWatcher } from "./chain-feed.ts";
import type { CoinView, Moves } from "./coin-view.ts";
import type { LookedUp, Lookup } from "./lookup.ts";
import { NO_FACTS, type ScriptFacts } from "./script-facts.ts";

/** What of the feed a wallet follows. */
export type FollowedFeed = Pick<
  ChainFeed,
  "tip" | "tipNumber" | "passedAt" | "watch" | "unwatch" | "distrust"
>;

export interface SyncOptions {
  readonly book: ScriptBook;
  readonly view: CoinView;
  readonly feed: FollowedFeed;
  readonly lookup: Lookup;
  readonly clock: Clock;
  /** The branches that are searched up to the gap. */
  readonly branches: () => readonly Branch[];
  readonly hasBonds: boolean;
  readonly gap: () => number;
  /** The next address that will be given out. */
  readonly nextIndex: (branch: Branch) => number;
  /** All of it is in the view when this is called. */
  readonly onChange: (moves: Moves) => void;
}

const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;
/** News of a block comes within milliseconds of its first answer; if it does not, it was lost. */
const NEWS_GRACE_MS = 3_000;
/** Deriving a key takes a third of a millisecond: others have their turn after so many. */
const SLICE_KEYS = 32;
/** Asked for at once, and derived meanwhile. */
const ASK_SCRIPTS = 500;
/** The first search looks so much further than the gap where many addresses are used: else each gap is a round of questions. */
const AHEAD_SHARE = 0.25;

/**
 * The answers wait until nothing of them may have changed meanwhile and all news up to their block is here: nobody ever
 * sees the coin that was spent and not yet the change.
 */
export class WalletSync implements ChainWatcher {
  readonly #options: SyncOptions;
  readonly #dirty = new Set<string>();
  readonly #stopping = new AbortController();
  #wake: () => void = () => {};
  #running: Promise<void> | undefined;
  #gapOnce = 0;
  #isScanning = true;
  #answered = 0;
  #toWatch = 0;
  /** Scripts that are to be watched may not be derived yet. */
  #mustGrow = true;
  #isRechecking = false;
  #trouble: string | null = null;
  #waiters: (() => void)[] = [];

  constructor(options: SyncOptions) {
    this.#options = options;
  }

  get isKnown(): boolean {
    return this.#options.view.tip !== undefined;
  }

  get isScanning(): boolean {
    return this.#isScanning;
  }

  get trouble(): string | null {
    return this.#trouble;
  }

  get progress(): number {
    if (!this.#isScanning) return 1;
    return Math.min(0.99, this.lookedUp / Math.max(1, this.scripts));
  }

  /** All that are to be watched, as far as is known by now, and of these how many were looked up. */
  get scripts(): number {
    return Math.max(this.#toWatch, this.#options.book.size);
  }

  get lookedUp(): number {
    return this.#isScanning ? Math.min(this.#answered, this.scripts) : this.scripts;
  }

  start(): void {
    this.#options.feed.watch(this);
    this.#wants(new Map());
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#options.feed.unwatch(this);
    this.#stopping.abort(new Error("the wallet is locked"));
    this.#wake();
    await this.#running;
  }

  /** More may have to be watched after an address was given out. */
  issued(): void {
    // Its keys are wiped by then; whoever opens it again finds the address given out.
    if (this.#stopping.signal.aborted) return;
    this.#mustGrow = true;
    this.#wake();
  }

  /** Derives and looks up everything again, once with another gap. */
  rescan(gap: number): void {
    if (this.#stopping.signal.aborted) return;
    this.#gapOnce = gap;
    this.#isScanning = true;
    this.#answered = 0;
    this.#mustGrow = true;
    this.#isRechecking = true;
    this.everythingTouched();
  }

  /** Resolves when the coins are known and nothing is waiting to be looked up. */
  settled(): Promise<void> {
    if (this.#isSettled) return Promise.resolve();
    return new Promise((resolve) => void this.#waiters.push(resolve));
  }

  scriptsTouched(hashes: readonly string[]): void {
    const { book } = this.#options;
    const before = this.#dirty.size;
    for (const hash of hashes) if (book.find(hash) !== undefined) this.#dirty.add(hash);
    if (this.#dirty.size > before) this.#wake();
  }

  everythingTouched(): void {
    for (const hash of this.#options.book.hashes()) this.#dirty.add(hash);
    this.#wake();
  }

  tipChanged(): void {
    this.#wake();
  }

  get #isSettled(): boolean {
    const { view, feed } = this.#options;
    return (
      this.#dirty.size === 0 && !this.#mustGrow && !this.#isScanning && view.tip?.hash === feed.tip?.hash
    );
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let retryMs = RETRY_MS_MIN;
    while (!signal.aborted) {
      if (this.#isSettled) {
        for (const resolve of this.#waiters.splice(0)) resolve();
        await this.#woken();
        continue;
      }
      try {
        await this.#settle();
        this.#trouble = null;
        retryMs = RETRY_MS_MIN;
      } catch (error) {
        // The wallet keeps what it knew; whoever asks is told since when. All is asked again: it is not known what was missed.
        this.#trouble = toWireError(error).message;
        this.everythingTouched();
        await this.#wait(retryMs);
        retryMs = Math.min(RETRY_MS_MAX, retryMs * 2);
      }
    }
  }

  /** Asks until the answers hold together, then takes them over. */
  async #settle(): Promise<void> {
    const { feed, view } = this.#options;
    const staged = new Map<string, ScriptFacts>();
    let newest: IndexedTip | undefined;
    while (!this.#stopping.signal.aborted) {
      if (this.#dirty.size > 0) {
        const asking = this.#ask();
        asking.catch(() => {}); // it is awaited when the keys are derived
        await this.#grow(staged);
        const looked = await asking;
        if (looked === undefined) {
          await this.#wait(RETRY_MS_MIN);
          continue;
        }
        for (const [hash, facts] of looked.facts) staged.set(hash, facts);
        newest = looked.tip;
        this.#answered = staged.size;
        this.#mustGrow = true;
      }
      await this.#grow(staged);
      // News that was sent before the answers is here, but may not have been read yet.
      await turn();
      if (this.#dirty.size > 0 || this.#mustGrow) continue;
      const { tip } = feed;
      if (tip !== undefined && (newest === undefined || feed.passedAt(newest.hash) !== undefined)) {
        const moves = view.apply(tip, staged);
        this.#isScanning = false;
        this.#gapOnce = 0;
        this.#options.onChange(moves);
        return;
      }
      // The index knows a block before its news is here, and only that says what else it touches.
      if (!(await this.#hearOfTip())) feed.distrust();
    }
  }

  /** Nothing when it must be asked again, because the answers were of different blocks or of one that had passed already. */
  async #ask(): Promise<LookedUp | undefined> {
    const { feed, lookup } = this.#options;
    const asked = [...this.#dirty].slice(0, ASK_SCRIPTS);
    for (const hash of asked) this.#dirty.delete(hash);
    const askedAt = feed.passedAt(feed.tip?.hash ?? "") ?? 0;
    const looked = await lookup.scripts(asked);
    const passedAt = looked === undefined ? undefined : feed.passedAt(looked.tip.hash);
    if (looked !== undefined && (passedAt === undefined || passedAt >= askedAt)) return looked;
    for (const hash of asked) this.#dirty.add(hash);
    return undefined;
  }

  /** False when the tip stays the same for so long that the news of it must be lost. */
  async #hearOfTip(): Promise<boolean> {
    const { feed } = this.#options;
    const { tipNumber } = feed;
    await this.#wokenWithin(NEWS_GRACE_MS);
    return this.#dirty.size > 0 || feed.tipNumber !== tipNumber;
  }

  /** Derives what is to be watched, at most a question's worth, and lets others have their turn again and again. */
  async #grow(staged: ReadonlyMap<string, ScriptFacts>): Promise<void> {
    if (!this.#mustGrow) return;
    this.#mustGrow = false;
    const { book } = this.#options;
    let room = ASK_SCRIPTS;
    for (const { branch, count } of this.#wants(staged)) {
      while (book.branch(branch).length < count) {
        if (room <= 0) {
          this.#mustGrow = true;
          return;
        }
        const added = book.extend(branch, count, Math.min(SLICE_KEYS, room));
        for (const hash of added) this.#dirty.add(hash);
        room -= added.length;
        await turn();
        if (this.#stopping.signal.aborted) return;
      }
    }
    while (this.#isRechecking && !this.#stopping.signal.aborted) {
      this.#isRechecking = book.recheck(SLICE_KEYS);
      await turn();
    }
    for (const hash of [...book.watchImported(), ...book.takeMended()]) this.#dirty.add(hash);
  }

  /** Each branch as far past its last used or issued script as the gap wants. */
  #wants(staged: ReadonlyMap<string, ScriptFacts>): { readonly branch: Branch; readonly count: number }[] {
    const { book, view, branches, hasBonds, gap, nextIndex } = this.#options;
    const isUsed = (hash: string) => (staged.get(hash) ?? view.facts(hash) ?? NO_FACTS).history.length > 0;
    const wants = branches().map((branch) => {
      const lastUsed = book.branch(branch).findLastIndex(({ scriptHash }) => isUsed(scriptHash));
      const isFound = this.#isScanning && lastUsed >= nextIndex(branch);
      const ahead = isFound ? Math.ceil((lastUsed + 1) * AHEAD_SHARE) : 0;
      const count = Math.max(nextIndex(branch), lastUsed + 1) + Math.max(gap(), this.#gapOnce, ahead);
      return { branch, count };
    });
    if (hasBonds) wants.push({ branch: BOND_BRANCH, count: BOND_BRANCH.count });
    this.#toWatch = wants.reduce((sum, { count }) => sum + count, 0);
    return wants;
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Leaves no timer behind when it was woken: with each block there would be one more. */
  #wokenWithin(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(waitMs, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  async #wait(waitMs: number): Promise<void> {
    await sleep(this.#options.clock, waitMs, this.#stopping.signal).catch(() => {}); // only a stop ends it early
  }
}
