/** Merges a slice of several runs into one: pure bytes to bytes. */
import { compareBytes, equalBytes } from "../../../bitcoin/bytes.ts";
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

/** More rows of one key are not unpacked at once: a script with ten million payments would take half a gigabyte. */
const ROWS_AT_ONCE = 1 << 19;

export class RunMerger {
  readonly #sorter = new RowSorter();
  readonly #rowsAtOnce: number;

  /** `rowsAtOnce` is for tests. */
  constructor(rowsAtOnce = ROWS_AT_ONCE) {
    this.#rowsAtOnce = rowsAtOnce;
  }

  merge(job: MergeJob, table: Table): PackedRows {
    const { rowBytes } = table;
    const reader = new PackedReader(table);
    const rowCount = rowCountOf(job, reader);
    if (job.to - job.from === 1 && rowCount > this.#rowsAtOnce) return this.#mergeHead(job, table, reader);
    const rows = new Uint8Array(rowCount * rowBytes);
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

  /**
   * The narrowest slice there is: nearly all of it is one key. Rows of one key are in the order of the chain, and so
   * are the runs; one after another they are the result, a part at a time.
   */
  #mergeHead(job: MergeJob, table: Table, reader: PackedReader): PackedRows {
    const { rowBytes, keyBytes, txNumberAt: numberAt } = table;
    const rows = new Uint8Array(this.#rowsAtOnce * rowBytes);
    const parts: PackedRows[] = [];
    let length = 0;
    const pack = () => {
      parts.push(packRows(rows, inPlace(length / rowBytes), table));
      length = 0;
    };
    for (const key of keysOf(job, table, reader)) {
      for (const { bytes, ends, txNumberEnd } of job.sources) {
        let start = 0;
        for (const end of ends) {
          reader.open(bytes, start);
          start = end;
          for (let i = reader.lowerBound(key); i < reader.count; i++) {
            reader.copyRow(i, rows, length);
            if (!equalBytes(rows.subarray(length, length + keyBytes), key)) break;
            if (txNumberAt(rows, length + numberAt) >= txNumberEnd) continue;
            length += rowBytes;
            if (length === rows.length) pack();
          }
        }
      }
    }
    pack();
    return joined(parts);
  }
}

/** The different keys of a slice, ascending. */
function keysOf(job: MergeJob, { keyBytes, rowBytes }: Table, reader: PackedReader): Uint8Array[] {
  const keys = new Map<string, Uint8Array>();
  const row = new Uint8Array(rowBytes);
  for (const { bytes, ends } of job.sources) {
    let start = 0;
    for (const end of ends) {
      reader.open(bytes, start);
      start = end;
      for (let i = 0; i < reader.count; i++) {
        reader.copyRow(i, row);
        if (keyHeadAt(row, 0) !== job.from) continue;
        const key = row.slice(0, keyBytes);
        keys.set(key.join(), key);
        // The next row of another key: within a block there may be hundreds of this one.
        while (i + 1 < reader.count && reader.compare(i + 1, key) === 0) i += 1;
      }
    }
  }
  return [...keys.values()].sort(compareBytes);
}

function inPlace(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => i);
}

function joined(parts: readonly PackedRows[]): PackedRows {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.bytes.length, 0));
  const ends: number[] = [];
  let start = 0;
  for (const part of parts) {
    bytes.set(part.bytes, start);
    for (const end of part.ends) ends.push(start + end);
    start += part.bytes.length;
  }
  const rowCount = parts.reduce((sum, part) => sum + part.rowCount, 0);
  return { bytes, ends: Uint32Array.from(ends), rowCount };
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
