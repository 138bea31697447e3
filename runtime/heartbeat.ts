/** A heartbeat that needs no messages: the worker counts in shared memory, the watcher measures how long the count has stood still. */
import type { Clock } from "./clock.ts";

/** How often a healthy event loop beats. Eight beats fit in the shortest warning. */
export const BEAT_INTERVAL_MS = 250;

/** Four bytes that both sides see. Passed by reference in `workerData`, never transferred. */
export function createBeat(): SharedArrayBuffer {
  return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
}

/** Beats until stopped. It does not keep the thread alive: a thread with nothing left to do must be able to end. */
export function startBeat(beat: SharedArrayBuffer, clock: Clock): { stop(): void } {
  const count = new Int32Array(beat);
  let timer = clock.after(0, next, { background: true });
  function next(): void {
    Atomics.add(count, 0, 1);
    timer = clock.after(BEAT_INTERVAL_MS, next, { background: true });
  }
  return { stop: () => timer.cancel() };
}

/**
 * How long something has been silent, by the reckoning of a watcher that may have slept itself.
 * A look counts at most `stepMaxMs` of the time since the last look, so that a laptop that was closed
 * for an hour, or a watcher stopped with SIGSTOP, does not accuse everybody it watches.
 */
export class SilenceMeter {
  readonly #clock: Clock;
  readonly #stepMaxMs: number;
  #silentMs = 0;
  #lookedMs: number;

  constructor(clock: Clock, stepMaxMs = 2_000) {
    this.#clock = clock;
    this.#stepMaxMs = stepMaxMs;
    this.#lookedMs = clock.monotonicMs();
  }

  /** A sign of life. */
  heard(): void {
    this.#silentMs = 0;
    this.#lookedMs = this.#clock.monotonicMs();
  }

  look(): number {
    const nowMs = this.#clock.monotonicMs();
    this.#silentMs += Math.min(nowMs - this.#lookedMs, this.#stepMaxMs);
    this.#lookedMs = nowMs;
    return this.#silentMs;
  }
}

/** Reads a beat from outside. */
export class BeatWatch {
  readonly #count: Int32Array;
  readonly #silence: SilenceMeter;
  #last = 0;

  constructor(beat: SharedArrayBuffer, clock: Clock, stepMaxMs?: number) {
    this.#count = new Int32Array(beat);
    this.#silence = new SilenceMeter(clock, stepMaxMs);
  }

  /** The age of the last beat, as far as this watcher can tell. */
  ageMs(): number {
    const count = Atomics.load(this.#count, 0);
    if (count !== this.#last) {
      this.#last = count;
      this.#silence.heard();
    }
    return this.#silence.look();
  }
}
