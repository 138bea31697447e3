/** The indexer's instruments. */
import type { Meter } from "@opentelemetry/api";

export interface IndexFigures {
  readonly height: number;
  readonly runs: number;
  readonly storeBytes: number;
}

export class IndexerMetrics {
  readonly #blocks;
  readonly #rollbacks;
  readonly #transactions;

  constructor(meter: Meter, read: () => IndexFigures) {
    this.#blocks = meter.createCounter("troupe_indexer_blocks_total", {
      description: "Blocks added to the index, by how they came.",
    });
    this.#rollbacks = meter.createCounter("troupe_indexer_blocks_rolled_back_total", {
      description: "Blocks that were rolled back.",
    });
    this.#transactions = meter.createCounter("troupe_indexer_transactions_total", {
      description: "Transactions added to the index.",
    });
    meter
      .createObservableGauge("troupe_indexer_height", { description: "The height of the index." })
      .addCallback((result) => result.observe(read().height));
    meter
      .createObservableGauge("troupe_indexer_runs", {
        description: "Runs of sorted rows that a question has to look into.",
      })
      .addCallback((result) => result.observe(read().runs));
    meter
      .createObservableGauge("troupe_indexer_store_bytes", {
        description: "The size of the index on disk.",
        unit: "By",
      })
      .addCallback((result) => result.observe(read().storeBytes));
  }

  added(mode: "live" | "bulk", blocks: number, transactions: number): void {
    this.#blocks.add(blocks, { mode });
    this.#transactions.add(transactions);
  }

  rolledBack(blocks: number): void {
    this.#rollbacks.add(blocks);
  }
}
