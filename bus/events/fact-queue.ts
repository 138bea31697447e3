/** What a listener has not yet handled: 4096 events at most, or the last value of each state. */
import type { Delivery } from "../carrier/transport.ts";

export const FACT_QUEUE_MAX = 4096;

export class FactQueue {
  readonly #kind: "event" | "state";
  #events: Delivery[] = [];
  /** Where the first event stands; the places before it are spent. */
  #head = 0;
  /** By subject, in the order in which each began to wait. */
  readonly #states = new Map<string, Delivery>();

  constructor(kind: "event" | "state") {
    this.#kind = kind;
  }

  /** False when there was no room: then all that waited is gone too, for a hole in the middle helps nobody. */
  push(delivery: Delivery): boolean {
    if (this.#kind === "state") {
      if (this.#states.size < FACT_QUEUE_MAX || this.#states.has(delivery.subject)) {
        this.#states.set(delivery.subject, delivery);
        return true;
      }
      this.#states.clear();
      return false;
    }
    if (this.#events.length - this.#head < FACT_QUEUE_MAX) {
      this.#events.push(delivery);
      return true;
    }
    this.#events = [];
    this.#head = 0;
    return false;
  }

  shift(): Delivery | undefined {
    if (this.#kind === "state") {
      for (const [subject, delivery] of this.#states) {
        this.#states.delete(subject);
        return delivery;
      }
      return undefined;
    }
    const delivery = this.#events[this.#head++];
    // Half of the array is spent, or all of it: the rest moves to the front.
    if (this.#head * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#head);
      this.#head = 0;
    }
    return delivery;
  }
}
