/** What a listener has not yet handled: 4096 events at most, or the last value of each state. */
import type { Delivery } from "../transport.ts";

export const FACT_QUEUE_MAX = 4096;

export class FactQueue {
  readonly #kind: "event" | "state";
  /** Events under a running number, states under their subject; a map keeps the order of arrival. */
  readonly #waiting = new Map<number | string, Delivery>();
  #count = 0;

  constructor(kind: "event" | "state") {
    this.#kind = kind;
  }

  /** False when there was no room: then all that waited is gone too, for a hole in the middle helps nobody. */
  push(delivery: Delivery): boolean {
    const id = this.#kind === "state" ? delivery.subject : this.#count++;
    if (this.#waiting.size >= FACT_QUEUE_MAX && !this.#waiting.has(id)) {
      this.#waiting.clear();
      return false;
    }
    this.#waiting.set(id, delivery);
    return true;
  }

  shift(): Delivery | undefined {
    for (const [id, delivery] of this.#waiting) {
      this.#waiting.delete(id);
      return delivery;
    }
    return undefined;
  }
}
