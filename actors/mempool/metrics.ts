/** The mempool's instruments. */
import type { Meter } from "@opentelemetry/api";
import type { Changes } from "./view/changes.ts";

export interface MempoolFigures {
  readonly transactions: number;
  readonly sizeVb: number;
  readonly memoryBytes: number;
  readonly leftOut: number;
}

export class MempoolMetrics {
  readonly #added;
  readonly #removed;
  readonly #broadcasts;

  constructor(meter: Meter, read: () => MempoolFigures) {
    this.#added = meter.createCounter("troupe_mempool_added_total", {
      description: "Transactions that became known while unconfirmed.",
    });
    this.#removed = meter.createCounter("troupe_mempool_removed_total", {
      description: "Transactions that are no longer unconfirmed, by why.",
    });
    this.#broadcasts = meter.createCounter("troupe_mempool_broadcasts_total", {
      description: "Transactions that were sent to the network, by what the node said.",
    });
    meter
      .createObservableGauge("troupe_mempool_transactions", { description: "Unconfirmed transactions." })
      .addCallback((result) => result.observe(read().transactions));
    meter
      .createObservableGauge("troupe_mempool_virtual_bytes", {
        description: "Virtual size of all unconfirmed transactions.",
      })
      .addCallback((result) => result.observe(read().sizeVb));
    meter
      .createObservableGauge("troupe_mempool_memory_bytes", {
        description: "Memory that the unconfirmed transactions take, estimated.",
        unit: "By",
      })
      .addCallback((result) => result.observe(read().memoryBytes));
    meter
      .createObservableGauge("troupe_mempool_left_out", {
        description: "Transactions of the node that are not in our view.",
      })
      .addCallback((result) => result.observe(read().leftOut));
  }

  changed(changes: Changes): void {
    if (changes.addedCount > 0) this.#added.add(changes.addedCount);
    for (const { why } of changes.departures()) this.#removed.add(1, { why });
  }

  broadcast(verdict: "accepted" | "refused"): void {
    this.#broadcasts.add(1, { verdict });
  }
}
