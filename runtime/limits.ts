/** Bounds for everything that could grow: queues, concurrency, rates and waits. */
import type { Clock, Timer } from "./clock.ts";
import { TroupeError } from "./errors.ts";

/** First in, first out, never more than `lengthMax`. What does not fit is refused, never dropped in silence. */
export class BoundedQueue<T> {
  readonly lengthMax: number;
  readonly #items: (T | undefined)[];
  #head = 0;
  #length = 0;

  constructor(lengthMax: number) {
    requireWhole("lengthMax", lengthMax, 1);
    this.lengthMax = lengthMax;
    this.#items = [];
  }

  get length(): number {
    return this.#length;
  }

  get isFull(): boolean {
    return this.#length === this.lengthMax;
  }

  /** False when the queue is full; the item is then still the caller's. */
  push(item: T): boolean {
    if (this.isFull) return false;
    this.#items[(this.#head + this.#length) % this.lengthMax] = item;
    this.#length++;
    return true;
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) % this.lengthMax;
    this.#length--;
    return item;
  }

  peek(): T | undefined {
    return this.#length === 0 ? undefined : this.#items[this.#head];
  }

  clear(): void {
    this.#items.length = 0;
    this.#head = 0;
    this.#length = 0;
  }
}

export interface GateOptions {
  /** How many run at once. */
  readonly concurrency: number;
  /** How many may wait; one more is refused with `RUNTIME_QUEUE_FULL`. */
  readonly waitingMax: number;
  /** Shown in the refusal. */
  readonly name?: string;
}

/** Lets a fixed number of tasks run at once and a bounded number wait, in the order of their coming. */
export class Gate {
  readonly #concurrency: number;
  readonly #waitingMax: number;
  readonly #name: string;
  /** What admits each of those who wait, oldest first. */
  readonly #waiting = new Set<() => void>();
  #running = 0;

  constructor(options: GateOptions) {
    requireWhole("concurrency", options.concurrency, 1);
    requireWhole("waitingMax", options.waitingMax, 0);
    this.#concurrency = options.concurrency;
    this.#waitingMax = options.waitingMax;
    this.#name = options.name ?? "the queue";
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Runs `task` when there is room. A waiting task whose signal aborts is given up without having run. */
  async run<T>(task: () => T | Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#enter(signal);
    try {
      return await task();
    } finally {
      this.#leave();
    }
  }

  #enter(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#running < this.#concurrency) {
      this.#running++;
      return Promise.resolve();
    }
    if (this.#waiting.size >= this.#waitingMax) return Promise.reject(this.#refusal());
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.delete(admit);
        reject(signal?.reason);
      };
      const admit = () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      };
      this.#waiting.add(admit);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Hands the room to the next in line, so that nobody overtakes. */
  #leave(): void {
    for (const admit of this.#waiting) {
      this.#waiting.delete(admit);
      admit();
      return;
    }
    this.#running--;
  }

  #refusal(): TroupeError {
    return new TroupeError(
      { code: "RUNTIME_QUEUE_FULL", queue: this.#name, lengthMax: this.#waitingMax },
      `${this.#name} is full: ${this.#running} run and ${this.#waiting.size} wait. Try again later.`,
    );
  }
}

export interface TokenBucketOptions {
  readonly clock: Clock;
  /** How many may come at once after a quiet time. */
  readonly burst: number;
  readonly perSecond: number;
}

/** A rate: `burst` at once, then `perSecond`. */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #perSecond: number;
  #tokens: number;
  #filledMs: number;

  constructor(options: TokenBucketOptions) {
    if (!(options.burst > 0) || !(options.perSecond >= 0))
      throw new RangeError("burst and perSecond must be positive");
    this.#clock = options.clock;
    this.#burst = options.burst;
    this.#perSecond = options.perSecond;
    this.#tokens = options.burst;
    this.#filledMs = options.clock.monotonicMs();
  }

  /** Takes `count` tokens, or none and says false. */
  take(count = 1): boolean {
    this.#fill();
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** How long until `take(count)` would succeed; infinite when it never will. */
  waitMs(count = 1): number {
    this.#fill();
    if (this.#tokens >= count) return 0;
    if (count > this.#burst || this.#perSecond === 0) return Number.POSITIVE_INFINITY;
    return Math.ceil(((count - this.#tokens) / this.#perSecond) * 1000);
  }

  #fill(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((nowMs - this.#filledMs) / 1000) * this.#perSecond);
    this.#filledMs = nowMs;
  }
}

/**
 * Settles as `promise` does, or after `timeoutMs` rejects with the error that `onTimeout` makes.
 * The work itself goes on: give it a signal too where it can be stopped. Its late failure is not unhandled.
 */
export function withDeadline<T>(
  clock: Clock,
  promise: Promise<T>,
  timeoutMs: number,
  onTimeout: () => Error = () =>
    new TroupeError({ code: "RUNTIME_DEADLINE", timeoutMs }, `No answer within ${timeoutMs} ms.`),
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer: Timer = clock.after(timeoutMs, () => reject(onTimeout()));
    promise.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (error: unknown) => {
        timer.cancel();
        reject(error);
      },
    );
  });
}

function requireWhole(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new RangeError(`${name} must be a whole number of at least ${least}`);
}
