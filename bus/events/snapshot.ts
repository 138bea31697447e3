/** Follows one instance without races: listen first, then take a snapshot, then pass over what the snapshot already holds. */
import { type Clock, sleep, systemClock } from "../../runtime/clock.ts";
import type { Bus, EventMeta, Listener } from "../bus.ts";
import type { Contract, EventBody, EventName } from "../contract/contract.ts";
import { type Snapshot, snapshotContract } from "../contracts/builtin.ts";

/** A place in the publisher's sequence, with whatever copy of its state belongs there. */
export interface Placed {
  readonly epoch: string;
  readonly seq: number;
}

export interface FollowTerms<C extends Contract, S extends Placed> {
  /** The publisher's instance; `main` unless told otherwise. */
  readonly instance?: string;
  /**
   * Fetches a snapshot: a request whose reply holds the publisher's `epoch` and `seq`, read in the same
   * turn as the state. Without it the built-in one is used, which holds the last value of every state.
   */
  readonly snapshot?: () => Promise<S>;
  /** Begin anew from here. Must not wait. */
  readonly reset: (snapshot: S) => void;
  /** What to do with each event after the snapshot, in the publisher's order. Must not wait. */
  readonly apply: { readonly [V in EventName<C>]?: (body: EventBody<C, V>, meta: EventMeta) => void };
  readonly onError?: (error: unknown) => void;
  readonly clock?: Clock;
}

export interface Follower {
  /** How many snapshots have been taken. */
  readonly resyncs: number;
  /** True while the copy is as new as the last message heard. */
  readonly isLive: boolean;
  stop(): Promise<void>;
}

interface Heard {
  readonly stream: string;
  readonly meta: EventMeta;
  readonly apply: () => void;
}

const BUFFER_MAX = 4096;
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 5_000;
/** At the start somebody waits for us and may know better what to do. */
const FIRST_FAILURES_MAX = 3;

/** Resolves when the first snapshot is in place. */
export async function followState<C extends Contract, S extends Placed = Snapshot>(
  bus: Bus,
  contract: C,
  terms: FollowTerms<C, S>,
): Promise<Follower> {
  const follower = new StateFollower(bus, contract, terms);
  try {
    await follower.start();
  } catch (error) {
    await follower.stop();
    throw error;
  }
  return follower;
}

class StateFollower<C extends Contract, S extends Placed> implements Follower {
  resyncs = 0;
  readonly #bus: Bus;
  readonly #contract: C;
  readonly #terms: FollowTerms<C, S>;
  readonly #instance: string;
  readonly #clock: Clock;
  readonly #takeSnapshot: () => Promise<S>;
  readonly #listeners: Listener[] = [];
  readonly #stopped = new AbortController();
  /** What was heard while a snapshot was on its way. */
  #buffer: Heard[] = [];
  #place: Placed | undefined;
  readonly #last = new Map<string, number>();
  /** A copy is on its way; what is heard waits for it. */
  #isBuffering = true;
  #isLooping = false;
  /** Something was lost since the snapshot was asked for. */
  #isStale = false;
  #running: Promise<void> | undefined;

  constructor(bus: Bus, contract: C, terms: FollowTerms<C, S>) {
    this.#bus = bus;
    this.#contract = contract;
    this.#terms = terms;
    this.#instance = terms.instance ?? "main";
    this.#clock = terms.clock ?? systemClock;
    const builtin = bus.client(snapshotContract(contract), this.#instance);
    // Without a `snapshot` of its own, S is the built-in `Snapshot`.
    this.#takeSnapshot = terms.snapshot ?? (() => builtin.snapshot({}) as Promise<unknown> as Promise<S>);
  }

  get isLive(): boolean {
    return !this.#isBuffering;
  }

  async start(): Promise<void> {
    // No snapshot before all subscriptions stand: a gap told meanwhile must not start one.
    this.#isLooping = true;
    for (const event of Object.keys(this.#terms.apply) as EventName<C>[]) {
      const apply = this.#terms.apply[event];
      if (apply === undefined) continue;
      const hear = (body: EventBody<C, typeof event>, meta: EventMeta): void =>
        this.#hear({ stream: `${event}/${meta.key ?? ""}`, meta, apply: () => apply(body, meta) });
      const options = { instance: this.#instance, onGap: () => this.#resync() };
      this.#listeners.push(await this.#bus.onEvent(this.#contract, event, hear, options));
    }
    await this.#sync();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#listeners.splice(0).map((listener) => listener.stop()));
    await this.#running;
  }

  #hear(heard: Heard): void {
    if (!this.#isBuffering) return this.#apply(heard);
    if (this.#buffer.push(heard) <= BUFFER_MAX) return;
    this.#buffer = [];
    this.#isStale = true;
  }

  #apply(heard: Heard): void {
    const { meta, stream } = heard;
    const place = this.#place;
    const isOurLife = place !== undefined && meta.epoch === place.epoch;
    if (isOurLife && meta.seq <= place.seq) return;
    if (!isOurLife || meta.previous > Math.max(this.#last.get(stream) ?? 0, place.seq)) {
      this.#buffer.push(heard);
      return this.#resync();
    }
    this.#last.set(stream, meta.seq);
    heard.apply();
  }

  /** Several listeners lose their place in the same turn: one snapshot serves them all. */
  #resync(): void {
    if (this.#stopped.signal.aborted) return;
    this.#isBuffering = true;
    this.#isStale = true;
    if (this.#isLooping) return;
    this.#isLooping = true;
    queueMicrotask(() => {
      this.#running = this.#sync().catch((error: unknown) => this.#terms.onError?.(error));
    });
  }

  /** Takes snapshots until one holds and nothing was lost while it was taken, or we are stopped. */
  async #sync(): Promise<void> {
    this.#isLooping = true;
    try {
      for (let failures = 0; this.#isBuffering && !this.#stopped.signal.aborted; ) {
        this.#isStale = false;
        try {
          const snapshot = await this.#takeSnapshot();
          if (!this.#isStale) this.#begin(snapshot);
        } catch (error) {
          if (this.#stopped.signal.aborted) return;
          if (this.#place === undefined && failures >= FIRST_FAILURES_MAX) throw error;
          this.#terms.onError?.(error);
          const delayMs = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** failures++);
          await sleep(this.#clock, delayMs, this.#stopped.signal).catch(() => undefined);
        }
      }
    } finally {
      this.#isLooping = false;
    }
  }

  #begin(snapshot: S): void {
    this.#place = snapshot;
    this.#last.clear();
    this.resyncs++;
    const heard = this.#buffer;
    this.#buffer = [];
    this.#isBuffering = false;
    this.#terms.reset(snapshot);
    for (const [index, item] of heard.entries()) {
      if (this.#isBuffering) {
        this.#buffer.push(...heard.slice(index));
        return;
      }
      if (item.meta.epoch === snapshot.epoch) this.#apply(item);
    }
    // The last words heard are of another life: either an older one, or we hold the copy of a dead one.
    if (heard.length > 0 && heard.at(-1)?.meta.epoch !== snapshot.epoch) this.#resync();
  }
}
