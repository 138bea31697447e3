/** Each key runs once: what is running is shared, what has ended is answered from memory, another body under the same key is refused. */
import type { Clock } from "../../../runtime/clock.ts";
import type { Log } from "../../../runtime/log/log.ts";
import type { IdempotencyStore, StoredReply } from "../../bus.ts";

const KEEP_MS = 10 * 60_000;
const ENTRIES_MAX = 10_000;
const BYTES_MAX = 64 * 1024 * 1024;

/** The default store: the last 10 minutes, 10,000 entries and 64 MiB; the oldest go first. */
export class MemoryIdempotencyStore implements IdempotencyStore {
  readonly #clock: Clock;
  /** In the order of their making, so the oldest is the first. */
  readonly #entries = new Map<string, { reply: StoredReply; untilMs: number }>();
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(id: string): StoredReply | undefined {
    this.#dropOld();
    return this.#entries.get(id)?.reply;
  }

  put(id: string, reply: StoredReply): void {
    this.#drop(id);
    this.#entries.set(id, { reply, untilMs: this.#clock.monotonicMs() + KEEP_MS });
    this.#bytes += reply.body.byteLength;
    this.#dropOld();
  }

  #dropOld(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [id, { untilMs }] of this.#entries) {
      if (untilMs > nowMs && this.#entries.size <= ENTRIES_MAX && this.#bytes <= BYTES_MAX) return;
      this.#drop(id);
    }
  }

  #drop(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#bytes -= entry.reply.body.byteLength;
    this.#entries.delete(id);
  }
}

/** What is to be done with a keyed request; `waiters` sent the same while the store was being read. */
export type Admission<W> =
  | { readonly kind: "run" }
  /** The same is running: the waiter is answered together with it. */
  | { readonly kind: "shared" }
  | { readonly kind: "stored"; readonly reply: StoredReply; readonly waiters: readonly W[] }
  | { readonly kind: "conflict"; readonly waiters: readonly W[] }
  | { readonly kind: "crowded" }
  | { readonly kind: "fault"; readonly error: unknown; readonly waiters: readonly W[] };

interface Run<W> {
  readonly requestHash: string;
  readonly waiters: W[];
}

/** One caller that repeats itself more often than this while it waits is not waiting. */
const WAITERS_MAX = 16;

export class KeyedRuns<W> {
  readonly #store: IdempotencyStore;
  readonly #log: Log;
  /** Holds what the store failed to take, so that it does not run twice as long as we live. */
  readonly #fallback: MemoryIdempotencyStore;
  readonly #running = new Map<string, Run<W>>();

  constructor(store: IdempotencyStore | undefined, clock: Clock, log: Log) {
    this.#fallback = new MemoryIdempotencyStore(clock);
    this.#store = store ?? this.#fallback;
    this.#log = log;
  }

  /** Calls `decide` once: at once when the store answers at once. After `run` the owner must call `finish`. */
  admit(id: string, requestHash: string, waiter: W, decide: (admission: Admission<W>) => void): void {
    const running = this.#running.get(id);
    if (running !== undefined) {
      if (running.requestHash !== requestHash) return decide({ kind: "conflict", waiters: [] });
      if (running.waiters.length >= WAITERS_MAX) return decide({ kind: "crowded" });
      running.waiters.push(waiter);
      return decide({ kind: "shared" });
    }
    this.#running.set(id, { requestHash, waiters: [] });
    const found = (stored: StoredReply | undefined): void => {
      if (stored === undefined) return decide({ kind: "run" });
      const waiters = this.#leave(id);
      if (stored.requestHash !== requestHash) decide({ kind: "conflict", waiters });
      else decide({ kind: "stored", reply: stored, waiters });
    };
    const failed = (error: unknown): void => decide({ kind: "fault", error, waiters: this.#leave(id) });
    try {
      const stored = this.#fallback.get(id) ?? this.#store.get(id);
      if (stored instanceof Promise) stored.then(found, failed);
      else found(stored);
    } catch (error) {
      failed(error);
    }
  }

  /** The end of a run: remembers `stored` (undefined when nothing was executed) and returns who else waits for it. */
  async finish(id: string, stored: StoredReply | undefined): Promise<readonly W[]> {
    if (stored !== undefined) {
      try {
        await this.#store.put(id, stored);
      } catch (error) {
        this.#log.error("a reply could not be stored; it is kept in memory", { error });
        this.#fallback.put(id, stored);
      }
    }
    return this.#leave(id);
  }

  #leave(id: string): readonly W[] {
    const waiters = this.#running.get(id)?.waiters ?? [];
    this.#running.delete(id);
    return waiters;
  }
}
