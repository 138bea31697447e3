/** Finds rows by key in the runs of one snapshot. */
import { keyHeadAt, TABLES, type Table, txNumberAt } from "../rows/layout.ts";
import { PackedReader } from "../rows/packed-block.ts";
import { runsFor } from "../store/format.ts";
import type { Snapshot } from "../store/snapshot.ts";

/** Readers by table; they are reused from call to call, so a lookup's callback must not look up in the same table. */
export class Lookup {
  readonly #view: Snapshot;
  readonly #readers = new Map<Table, PackedReader>();

  constructor(view: Snapshot) {
    this.#view = view;
  }

  /**
   * Calls `found` with each row of this key, in the order of the chain; the row's bytes are used again for the next.
   * Ends early when `found` returns false. Only runs that hold transactions from `txNumberFrom` on are looked into.
   */
  rows(table: Table, key: Uint8Array, found: (row: Uint8Array) => boolean, txNumberFrom = 0): void {
    const t = TABLES.indexOf(table as (typeof TABLES)[0]);
    const row = new Uint8Array(table.rowBytes);
    for (const run of runsFor(this.#view.state, t, keyHeadAt(key, 0))) {
      if (run.txNumberEnd <= txNumberFrom) continue;
      if (!this.#inRun(table, t, run.id, run.txNumberEnd, key, row, found)) return;
    }
  }

  #inRun(
    table: Table,
    t: number,
    runId: number,
    txNumberEnd: number,
    key: Uint8Array,
    row: Uint8Array,
    found: (row: Uint8Array) => boolean,
  ): boolean {
    const reader = this.#readerOf(table);
    for (const block of this.#view.blocksFrom(t, runId, key)) {
      reader.open(block);
      let i = reader.lowerBound(key);
      for (; i < reader.count && reader.compare(i, key) === 0; i++) {
        reader.copyRow(i, row);
        // Rows behind the run's end were rolled back.
        if (txNumberAt(row, table.txNumberAt) < txNumberEnd && !found(row)) return false;
      }
      if (i < reader.count) break;
    }
    return true;
  }

  #readerOf(table: Table): PackedReader {
    let reader = this.#readers.get(table);
    if (reader === undefined) {
      reader = new PackedReader(table);
      this.#readers.set(table, reader);
    }
    return reader;
  }
}
