/** Where the processor's work is done: blocks to rows, runs to one run. Inline here; in threads by `pool.ts`. */
import { nodeError } from "../../../bitcoind/errors.ts";
import { BlockReader, type RawBlocks, type StoredBlocks } from "../../../bitcoind/files/block-reader.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import type { IndexerFailure } from "../errors.ts";
import { TABLES } from "../rows/layout.ts";
import { type MergeJob, RunMerger } from "../rows/merge.ts";
import { NO_ROWS, type PackedRows } from "../rows/packed-block.ts";
import { RowBuilder, type RowsJob, type RowsResult } from "../rows/rows.ts";

/** The same of blocks that are still in files: whoever does the work reads them. */
export type StoredRowsJob = Omit<RowsJob, keyof RawBlocks> & { readonly stored: StoredBlocks };

export interface Workbench {
  /** How many jobs are worth having under way at once. */
  readonly width: number;
  /** The work is done beside whoever asks for it. */
  readonly hasThreads: boolean;
  build(job: RowsJob | StoredRowsJob): Promise<RowsResult>;
  merge(job: MergeJob): Promise<PackedRows>;
  close(): Promise<void>;
}

/** Does the work where it stands. */
export class InlineWorkbench implements Workbench {
  readonly width = 1;
  readonly hasThreads: boolean = false;
  readonly #builder = new RowBuilder();
  readonly #reader = new BlockReader();
  readonly #merger = new RunMerger();

  async build(job: RowsJob | StoredRowsJob): Promise<RowsResult> {
    return buildRows(this.#builder, this.#reader, job);
  }

  async merge(job: MergeJob): Promise<PackedRows> {
    return mergeRuns(this.#merger, job);
  }

  async close(): Promise<void> {
    // Nothing is held.
  }
}

/** A block that cannot be indexed is the fault of the node or of its files: told with a code, not as a crash. */
export function buildRows(
  builder: RowBuilder,
  reader: BlockReader,
  job: RowsJob | StoredRowsJob,
): RowsResult {
  if (!("stored" in job)) {
    try {
      return builder.build(job);
    } catch (error) {
      throw badBlocks(job, error);
    }
  }
  const { stored, ...rest } = job;
  const raw = reader.read(stored);
  try {
    return builder.build({ ...rest, ...raw });
  } catch (error) {
    throw damagedFiles(job, error);
  }
}

function badBlocks({ ends, firstHeight }: RowsJob, error: unknown): Error {
  const reason = error instanceof Error ? error.message : String(error);
  return new TroupeError<IndexerFailure>(
    { code: "INDEXER_BAD_BLOCK", height: firstHeight, reason },
    `one of the ${ends.length} blocks from height ${firstHeight} on cannot be indexed: ${reason}; check the node`,
    { cause: error },
  );
}

function damagedFiles({ stored, firstHeight }: StoredRowsJob, error: unknown): Error {
  const reason = error instanceof Error ? error.message : String(error);
  const numbers = [...new Set(stored.places.map(({ file }) => file))];
  return nodeError(
    { code: "NODE_BLOCK_FILE_DAMAGED", node: stored.directory, files: numbers, reason },
    `one of the ${stored.places.length} blocks from height ${firstHeight} on is not whole in the node's files ${numbers.join(", ")} in ${stored.directory}: ${reason}`,
    error,
  );
}

export function mergeRuns(merger: RunMerger, job: MergeJob): PackedRows {
  const table = TABLES.find(({ name }) => name === job.table);
  return table === undefined ? NO_ROWS : merger.merge(job, table);
}
