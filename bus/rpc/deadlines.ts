/** Deadlines of many calls on one timer: a wheel of 16 ms slots, because a timer per call would cost more than the call. */
import type { Clock, Timer } from "../../runtime/clock.ts";

/** What waits for its time. `slot` belongs to the wheel. */
export interface Expiring {
  slot: number;
  expire(): void;
}

/** Fine enough for deadlines of a second, coarse enough that a busy second is 60 timers. */
const SLOT_MS = 16;
export const NO_SLOT = -1;

export class Deadlines {
  readonly #clock: Clock;
  readonly #slots = new Map<number, Set<Expiring>>();
  #timer: Timer | undefined;
  #timerSlot = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `expire` once when `dueMs` (of the monotonic clock) has passed, at most one slot late. */
  add(dueMs: number, entry: Expiring): void {
    const slot = Math.ceil(dueMs / SLOT_MS);
    let entries = this.#slots.get(slot);
    if (entries === undefined) {
      entries = new Set();
      this.#slots.set(slot, entries);
      if (slot < this.#timerSlot) this.#arm(slot);
    }
    entry.slot = slot;
    entries.add(entry);
  }

  remove(entry: Expiring): void {
    if (entry.slot === NO_SLOT) return;
    // An emptied slot stays until its time: the next call of the same second will want it.
    this.#slots.get(entry.slot)?.delete(entry);
    entry.slot = NO_SLOT;
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerSlot = Number.POSITIVE_INFINITY;
    this.#slots.clear();
  }

  #arm(slot: number): void {
    this.#timer?.cancel();
    this.#timerSlot = slot;
    const delayMs = Math.max(1, Math.ceil(slot * SLOT_MS - this.#clock.monotonicMs()));
    this.#timer = this.#clock.after(delayMs, () => this.#turn(), { background: true });
  }

  #turn(): void {
    this.#timer = undefined;
    this.#timerSlot = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.monotonicMs();
    let next = Number.POSITIVE_INFINITY;
    const due: Set<Expiring>[] = [];
    for (const [slot, entries] of this.#slots) {
      if (slot * SLOT_MS <= nowMs) {
        due.push(entries);
        this.#slots.delete(slot);
      } else if (entries.size === 0) {
        this.#slots.delete(slot);
      } else if (slot < next) {
        next = slot;
      }
    }
    if (next !== Number.POSITIVE_INFINITY) this.#arm(next);
    for (const entries of due) {
      for (const entry of entries) {
        entry.slot = NO_SLOT;
        entry.expire();
      }
    }
  }
}
