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

/** From a question answered out of memory to the longest history. */
const QUERY_BOUNDS_S = [
  0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
];
const BATCH_BOUNDS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 2_016];

/** The instruments of a thread that answers questions. */
export class QueryMetrics {
  readonly #duration;
  readonly #items;
  /** Plain numbers: labels that are hashed for each would cost as much as reading one. */
  readonly #read = { files: 0, node: 0 };

  constructor(meter: Meter, read: () => { readonly longQuestions: number; readonly guideBytes: number }) {
    this.#duration = meter.createHistogram("troupe_indexer_query_seconds", {
      description: "How long the index took for an answer, without the bus.",
      unit: "s",
      advice: { explicitBucketBoundaries: QUERY_BOUNDS_S },
    });
    this.#items = meter.createHistogram("troupe_indexer_query_items", {
      description: "Scripts, transactions, outpoints or headers asked for at once.",
      advice: { explicitBucketBoundaries: BATCH_BOUNDS },
    });
    meter
      .createObservableCounter("troupe_indexer_raw_transactions_total", {
        description:
          "Confirmed transactions given out whole, by where they were read: the node's files, or the node.",
      })
      .addCallback((result) => {
        for (const from of ["files", "node"] as const) result.observe(this.#read[from], { from });
      });
    meter
      .createObservableGauge("troupe_indexer_long_questions", {
        description: "Questions that are answered a slice at a time, and those that wait for that.",
      })
      .addCallback((result) => result.observe(read().longQuestions));
    meter
      .createObservableGauge("troupe_indexer_guide_bytes", {
        description: "Memory that tells where rows stand in the runs.",
        unit: "By",
      })
      .addCallback((result) => result.observe(read().guideBytes));
  }

  read(from: "files" | "node", transactions: number): void {
    this.#read[from] += transactions;
  }

  answered(method: string, items: number, durationMs: number): void {
    this.#duration.record(durationMs / 1_000, { method });
    this.#items.record(items, { method });
  }
}
