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
    const gauge = (name: string, description: string, of: (figures: IndexFigures) => number): void => {
      meter.createObservableGauge(name, { description }).addCallback((result) => result.observe(of(read())));
    };
    gauge("troupe_indexer_height", "The height of the index.", ({ height }) => height);
    gauge("troupe_indexer_runs", "Runs that a question has to look into.", ({ runs }) => runs);
    gauge("troupe_indexer_store_bytes", "The size of the index on disk.", ({ storeBytes }) => storeBytes);
  }

  added(mode: "live" | "bulk", blocks: number, transactions: number): void {
    this.#blocks.add(blocks, { mode });
    this.#transactions.add(transactions);
  }

  rolledBack(blocks: number): void {
    this.#rollbacks.add(blocks);
  }
}
