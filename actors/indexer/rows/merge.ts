/** Merges a slice of several runs into one: pure bytes to bytes. */
import { keyHeadAt, type Table, txNumberAt } from "./layout.ts";
import { PackedReader, type PackedRows, packRows } from "./packed-block.ts";
import { RowSorter } from "./sorter.ts";

/** The packed blocks of one run that may hold rows of the slice. */
export interface MergeSource {
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
  /** Rows of transactions from this number on were rolled back and are left out. */
  readonly txNumberEnd: number;
}

/** Rows whose first four bytes are at least `from` and below `to` (which may be 2^32), of runs in the order of the chain. */
export interface MergeJob {
  readonly table: Table["name"];
  readonly sources: readonly MergeSource[];
  readonly from: number;
  readonly to: number;
}

export class RunMerger {
  readonly #sorter = new RowSorter();

  merge(job: MergeJob, table: Table): PackedRows {
    const { rowBytes } = table;
    const reader = new PackedReader(table);
    const rows = new Uint8Array(rowCountOf(job, reader) * rowBytes);
    let length = 0;
    for (const { bytes, ends, txNumberEnd } of job.sources) {
      let start = 0;
      for (const end of ends) {
        reader.open(bytes, start);
        reader.copyAll(rows, length);
        length = keepWanted(rows, length, reader.count, job, table, txNumberEnd);
        start = end;
      }
    }
    return packRows(rows, this.#sorter.order(rows, rowBytes, length / rowBytes), table);
  }
}

function rowCountOf(job: MergeJob, reader: PackedReader): number {
  let count = 0;
  for (const { bytes, ends } of job.sources) {
    let start = 0;
    for (const end of ends) {
      count += reader.open(bytes, start).count;
      start = end;
    }
  }
  return count;
}

/** Closes the gaps of unwanted rows among the `count` just copied to `start`; returns the new length. */
function keepWanted(
  rows: Uint8Array,
  start: number,
  count: number,
  { from, to }: MergeJob,
  { rowBytes, txNumberAt: numberAt }: Table,
  txNumberEnd: number,
): number {
  const end = start + count * rowBytes;
  let kept = start;
  for (let at = start; at < end; at += rowBytes) {
    const head = keyHeadAt(rows, at);
    if (head < from || head >= to || txNumberAt(rows, at + numberAt) >= txNumberEnd) continue;
    if (kept !== at) rows.copyWithin(kept, at, at + rowBytes);
    kept += rowBytes;
  }
  return kept;
}
