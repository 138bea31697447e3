/** Time as a dependency: everything that waits or stamps takes a `Clock`, so that tests own the time. */

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since the Unix epoch; may jump. For stamps only. */
  now(): number;
  /** Milliseconds of a clock that never goes back. For durations and deadlines. */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs`. A pending timer does not keep the process alive when `background` is set. */
  after(delayMs: number, run: () => void, options?: { background?: boolean }): Timer;
}

export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs: number, run: () => void, options?: { background?: boolean }): Timer {
    const handle = setTimeout(run, delayMs);
    if (options?.background) handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
});

/** Resolves after `delayMs`; rejects with the signal's reason as soon as it aborts. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** A clock that stands still until told: `advance(ms)` runs every timer that falls due, in order. */
export class ManualClock implements Clock {
  #nowMs: number;
  #monotonicMs = 0;
  #order = 0;
  readonly #timers = new Map<number, { dueMs: number; run: () => void }>();

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const id = this.#order++;
    this.#timers.set(id, { dueMs: this.#monotonicMs + Math.max(0, delayMs), run });
    return { cancel: () => this.#timers.delete(id) };
  }

  /** Moves on by `ms`, running due timers in the order of their due time, then of their making. */
  advance(ms: number): void {
    const targetMs = this.#monotonicMs + ms;
    for (;;) {
      let nextId: number | undefined;
      let nextDueMs = Number.POSITIVE_INFINITY;
      for (const [id, timer] of this.#timers) {
        if (timer.dueMs <= targetMs && timer.dueMs < nextDueMs) {
          nextId = id;
          nextDueMs = timer.dueMs;
        }
      }
      if (nextId === undefined) break;
      const timer = this.#timers.get(nextId);
      this.#timers.delete(nextId);
      this.#nowMs += nextDueMs - this.#monotonicMs;
      this.#monotonicMs = nextDueMs;
      timer?.run();
    }
    this.#nowMs += targetMs - this.#monotonicMs;
    this.#monotonicMs = targetMs;
  }
}
