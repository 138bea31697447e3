/** Where the processor's work is done: blocks to rows, runs to one run. Inline here; in threads by `pool.ts`. */
import { TroupeError } from "../../../runtime/errors.ts";
import type { IndexerFailure } from "../errors.ts";
import { TABLES } from "../rows/layout.ts";
import { type MergeJob, RunMerger } from "../rows/merge.ts";
import { NO_ROWS, type PackedRows } from "../rows/packed-block.ts";
import { RowBuilder, type RowsJob, type RowsResult } from "../rows/rows.ts";

export interface Workbench {
  /** How many jobs are worth having under way at once. */
  readonly width: number;
  build(job: RowsJob): Promise<RowsResult>;
  merge(job: MergeJob): Promise<PackedRows>;
  close(): Promise<void>;
}

/** Does the work where it stands. */
export class InlineWorkbench implements Workbench {
  readonly width = 1;
  readonly #builder = new RowBuilder();
  readonly #merger = new RunMerger();

  async build(job: RowsJob): Promise<RowsResult> {
    return buildRows(this.#builder, job);
  }

  async merge(job: MergeJob): Promise<PackedRows> {
    return mergeRuns(this.#merger, job);
  }

  async close(): Promise<void> {
    // Nothing is held.
  }
}

/** A block that cannot be read is the node's fault: told with a code, not as a crash. */
export function buildRows(builder: RowBuilder, job: RowsJob): RowsResult {
  try {
    return builder.build(job);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TroupeError<IndexerFailure>(
      { code: "INDEXER_BAD_BLOCK", height: job.firstHeight, reason },
      `one of the ${job.ends.length} blocks from height ${job.firstHeight} on cannot be indexed: ${reason}; check the node`,
      { cause: error },
    );
  }
}

export function mergeRuns(merger: RunMerger, job: MergeJob): PackedRows {
  const table = TABLES.find(({ name }) => name === job.table);
  return table === undefined ? NO_ROWS : merger.merge(job, table);
}
