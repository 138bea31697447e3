/** Looks through a slice of one table as it is stored: are its blocks whole, its rows in order and in their run, and what is their sum? */
import { bytesToHex, compareBytes, equalBytes } from "../../../bitcoin/bytes.ts";
import type { IndexDifference } from "../../../bus/contracts/indexer.ts";
import { keyHeadAt, TABLES, type Table, txNumberAt } from "../rows/layout.ts";
import { isWholeBlock, PackedReader } from "../rows/packed-block.ts";
import { type Run, runsFor } from "../store/format.ts";
import type { Snapshot } from "../store/snapshot.ts";
import { RUN_ID_BYTES } from "../store/tables.ts";
import type { Findings } from "./findings.ts";
import { RowSum } from "./row-sum.ts";

export interface SliceJob {
  /** Place in `TABLES`. */
  readonly table: number;
  readonly from: number;
  /** Range i holds the transactions from starts[i] up to the next. */
  readonly starts: readonly number[];
  readonly txNumberEnd: number;
}

const KEY_HEADS = 0x1_0000_0000;
/** Packed blocks that one slice reads: about 1 MB, some tens of milliseconds. */
const SLICE_BLOCKS = 250;

export interface SliceResult {
  readonly to: number;
  readonly sums: readonly RowSum[];
}

export function lookThrough(view: Snapshot, job: SliceJob, findings: Findings): SliceResult {
  const to = endOf(view, job);
  const sums = job.starts.map(() => new RowSum());
  for (const run of runsFor(view.state, job.table, job.from))
    new RunSlice(view, run, job, to, findings).read(sums);
  return { to, sums };
}

/** Keys are spread evenly, so a share of them is a share of the blocks. A merge's frontier ends a slice: behind it stand other runs. */
function endOf({ state }: Snapshot, { table, from }: SliceJob): number {
  const { merge } = state;
  const runs = merge === undefined ? state.runs : [...state.runs, ...merge.sources, merge.target];
  const blocks = runs.reduce((sum, run) => sum + (run.blocks[table] as number), 0);
  const step = Math.max(1, Math.floor(KEY_HEADS / Math.max(1, blocks / SLICE_BLOCKS)));
  const to = Math.min(KEY_HEADS, from + step);
  const frontier = merge?.table === table ? merge.from : 0;
  return frontier > from && frontier < to ? frontier : to;
}

class RunSlice {
  readonly #view: Snapshot;
  readonly #run: Run;
  readonly #job: SliceJob;
  readonly #to: number;
  readonly #findings: Findings;
  readonly #table: Table;
  #before: Uint8Array | undefined;

  constructor(view: Snapshot, run: Run, job: SliceJob, to: number, findings: Findings) {
    this.#view = view;
    this.#run = run;
    this.#job = job;
    this.#to = to;
    this.#findings = findings;
    this.#table = TABLES[job.table] as Table;
  }

  read(sums: readonly RowSum[]): void {
    const { table, from } = this.#job;
    const reader = new PackedReader(this.#table);
    const start = Buffer.alloc(4);
    start.writeUInt32BE(from);
    for (const { key, value } of this.#view.entriesFrom(table, this.#run.id, start)) {
      if (keyHeadAt(key, RUN_ID_BYTES) >= this.#to) return;
      if (!isWholeBlock(value, this.#table)) {
        this.#tell(`a packed block of run ${this.#run.id} at ${place(key)} is not whole`);
        continue;
      }
      this.#readBlock(key, reader.open(value), sums);
    }
  }

  #readBlock(key: Uint8Array, reader: PackedReader, sums: readonly RowSum[]): void {
    const { rowBytes, idBytes } = this.#table;
    const rows = new Uint8Array(reader.count * rowBytes);
    reader.copyAll(rows, 0);
    if (!equalBytes(key.subarray(RUN_ID_BYTES), rows.subarray(0, idBytes))) {
      this.#tell(`a packed block of run ${this.#run.id} at ${place(key)} begins with another row`);
    }
    for (let at = 0; at < rows.length; at += rowBytes) {
      const row = rows.subarray(at, at + rowBytes);
      if (this.#before !== undefined && compareBytes(this.#before, row) >= 0) {
        this.#tell(`rows of run ${this.#run.id} are out of order at ${place(key)}`);
      }
      this.#before = row;
      this.#count(row, sums);
    }
  }

  #count(row: Uint8Array, sums: readonly RowSum[]): void {
    const { starts, from, txNumberEnd } = this.#job;
    const { id, txNumberFirst } = this.#run;
    const head = keyHeadAt(row, 0);
    if (head < from || head >= this.#to) return;
    const txNumber = txNumberAt(row, this.#table.txNumberAt);
    if (txNumber < txNumberFirst) {
      this.#tell(`a row of transaction ${txNumber} stands in run ${id}, which begins with ${txNumberFirst}`);
      return;
    }
    // Rows behind a run's end were rolled back and are waiting for the next merge.
    if (txNumber >= Math.min(this.#run.txNumberEnd, txNumberEnd)) return;
    sums[rangeOf(starts, txNumber)]?.add(row, 0, row.length);
  }

  #tell(what: string): void {
    this.#findings.add(this.#table.name as IndexDifference["where"], null, what);
  }
}

/** The last range that begins at or before the number; -1 before the first. */
function rangeOf(starts: readonly number[], txNumber: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((starts[middle] as number) <= txNumber) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function place(key: Uint8Array): string {
  return bytesToHex(key.subarray(RUN_ID_BYTES, RUN_ID_BYTES + 6));
}
