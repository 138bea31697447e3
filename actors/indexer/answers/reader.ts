/** Answers questions in one thread: short ones at once, long ones a slice at a time, so that nobody waits for another's history. */
import { performance } from "node:perf_hooks";
import { TroupeError } from "../../../runtime/errors.ts";
import { finished, type Steps } from "../lookup/steps.ts";
import { type QueryMemory, queryMemory } from "../queries/memory.ts";
import type { Snapshot } from "../store/snapshot.ts";
import type { IndexStore } from "../store/store.ts";
import { Replies } from "./replies.ts";

export type Question<T> = (replies: Replies) => Steps<T>;

/** What one question may do before others get their turn. */
const SLICE_MS = 2;
/** Long questions that are worked on in turn; others wait behind them. Each may hold 100 MB. */
const ACTIVE_MAX = 4;
const WAITING_MAX = 256;
/** Guides are made between questions, at most half of the time. */
const GUIDE_SLICE_MS = 2;
const GUIDE_PAUSE_MS = 2;
/** How often it is looked whether a guide is wanted. */
const LOOK_MS = 20;

export class IndexReader {
  readonly #store: IndexStore;
  readonly #memory: QueryMemory;
  readonly #active: LongQuestion[] = [];
  readonly #waiting: LongQuestion[] = [];
  #isPumping = false;
  #moment: Moment | undefined;
  #lookMs = 0;
  #guide: Begun<void> | undefined;
  #guiding: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(store: IndexStore, cacheBytes: number) {
    this.#store = store;
    this.#memory = queryMemory(store.secret, cacheBytes);
  }

  get longQuestions(): number {
    return this.#active.length + this.#waiting.length;
  }

  get guideBytes(): number {
    return this.#memory.lookup.guides.bytes;
  }

  /** Everything that the question asks is answered as of one moment, before this returns. */
  askNow<T>(question: Question<T>): T {
    const view = this.#open();
    try {
      return finished(question(this.#repliesOf(view)));
    } finally {
      view.release();
    }
  }

  /** The same, of the moment of all questions of this turn of the loop. */
  askTurn<T>(question: Question<T>): T {
    return finished(question(this.#openForTurn().replies));
  }

  /** The same, but a question that takes long is answered later. `signal` ends it when nobody waits for it any more. */
  ask<T>(question: Question<T>, signal: () => AbortSignal): T | Promise<T> {
    const endMs = performance.now() + SLICE_MS;
    const { view, replies } = this.#openForTurn();
    const steps = question(replies);
    for (;;) {
      const { done, value } = steps.next();
      if (done === true) return value;
      if (performance.now() >= endMs) return this.#park(question, { view, steps }, signal());
    }
  }

  /** Makes all guides that are wanted, instead of a little between questions. */
  makeGuidesNow(): void {
    const { guides } = this.#memory.lookup;
    while (guides.isWanted) {
      const view = this.#store.snapshot();
      finished(guides.make(view));
      view.release();
    }
  }

  /** Nothing is asked afterwards; long questions that are left are rejected. */
  close(): void {
    this.#isClosed = true;
    this.#endMoment(this.#moment);
    clearTimeout(this.#guiding);
    for (const long of [...this.#active.splice(0), ...this.#waiting.splice(0)]) {
      long.reject(new TroupeError({ code: "BUS_CLOSED" }, "the indexer stops answering"));
    }
  }

  /**
   * Questions of one callback are of one moment: opening it costs as much as answering a small one. Not longer: news that
   * comes with the next callback must not be older than the answers after it.
   */
  #openForTurn(): Moment {
    if (this.#moment !== undefined) return this.#moment;
    const view = this.#open();
    const moment = { view, replies: this.#repliesOf(view) };
    this.#moment = moment;
    queueMicrotask(() => this.#endMoment(moment));
    return moment;
  }

  #endMoment(moment: Moment | undefined): void {
    if (moment === undefined || moment !== this.#moment) return;
    this.#moment = undefined;
    moment.view.release();
  }

  #open(): Snapshot {
    const view = this.#store.snapshot();
    this.#memory.heights.follow(view);
    const nowMs = performance.now();
    if (nowMs >= this.#lookMs) {
      this.#lookMs = nowMs + LOOK_MS;
      this.#lookForGuides();
    }
    return view;
  }

  #repliesOf(view: Snapshot): Replies {
    return new Replies({ ...this.#memory, view });
  }

  #park<T>(question: Question<T>, begun: Begun<T>, signal: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#waiting.length >= WAITING_MAX) {
        reject(new TroupeError({ code: "BUS_BUSY" }, "too many long questions wait; ask again in a moment"));
        return;
      }
      const long = new LongQuestion(
        question as Question<unknown>,
        signal,
        resolve as (v: unknown) => void,
        reject,
      );
      if (this.#active.length < ACTIVE_MAX) {
        long.begun = begun as Begun<unknown>;
        this.#active.push(long);
      } else {
        // While it waits it shall take no memory; it begins anew.
        this.#waiting.push(long);
      }
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    setImmediate(() => {
      this.#isPumping = false;
      const long = this.#active.shift();
      if (long === undefined) return;
      if (this.#isOver(long)) {
        const next = this.#waiting.shift();
        if (next !== undefined) this.#active.push(next);
      } else {
        this.#active.push(long);
      }
      if (this.#active.length > 0) this.#pump();
    });
  }

  /** Works on it for a slice. */
  #isOver(long: LongQuestion): boolean {
    let begun = long.begun;
    try {
      long.signal.throwIfAborted();
      // A question about a chain that was rolled back begins anew.
      if (begun === undefined || !begun.view.resume()) {
        const view = this.#open();
        begun = { view, steps: long.question(this.#repliesOf(view)) };
        long.begun = begun;
      }
    } catch (error) {
      long.reject(error);
      return true;
    }
    const endMs = performance.now() + SLICE_MS;
    try {
      do {
        const { done, value } = begun.steps.next();
        if (done === true) {
          long.resolve(value);
          return true;
        }
      } while (performance.now() < endMs);
      return false;
    } catch (error) {
      long.reject(error);
      return true;
    } finally {
      begun.view.release();
    }
  }

  #lookForGuides(): void {
    if (this.#guiding !== undefined || !this.#memory.lookup.guides.isWanted) return;
    this.#guiding = setTimeout(() => this.#makeGuides(), GUIDE_PAUSE_MS);
    this.#guiding.unref();
  }

  #makeGuides(): void {
    this.#guiding = undefined;
    if (this.#isClosed) return;
    let guide = this.#guide;
    if (guide === undefined || !guide.view.resume()) {
      const view = this.#store.snapshot();
      guide = { view, steps: this.#memory.lookup.guides.make(view) };
      this.#guide = guide;
    }
    const endMs = performance.now() + GUIDE_SLICE_MS;
    let isDone: boolean | undefined = false;
    try {
      while (isDone !== true && performance.now() < endMs) isDone = guide.steps.next().done;
    } finally {
      guide.view.release();
    }
    if (isDone === true) {
      this.#guide = undefined;
      if (!this.#memory.lookup.guides.isWanted) return;
    }
    this.#guiding = setTimeout(() => this.#makeGuides(), GUIDE_PAUSE_MS);
    this.#guiding.unref();
  }
}

interface Moment {
  readonly view: Snapshot;
  readonly replies: Replies;
}

interface Begun<T> {
  readonly view: Snapshot;
  readonly steps: Steps<T>;
}

class LongQuestion {
  readonly question: Question<unknown>;
  readonly signal: AbortSignal;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  begun: Begun<unknown> | undefined;

  constructor(
    question: Question<unknown>,
    signal: AbortSignal,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    this.question = question;
    this.signal = signal;
    this.resolve = resolve;
    this.reject = reject;
  }
}
