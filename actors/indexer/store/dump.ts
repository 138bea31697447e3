/** The logical content of an index as one digest: the same for the same chain and secret, however its runs came to lie. */
import { createHash } from "node:crypto";
import { keyHeadAt, TABLES, txNumberAt } from "../rows/layout.ts";
import { PackedReader } from "../rows/packed-block.ts";
import { RowSorter } from "../rows/sorter.ts";
import { runsFor } from "./format.ts";
import type { Snapshot } from "./snapshot.ts";
import { offsetsOf } from "./tables.ts";

export interface Dump {
  readonly height: number;
  readonly txCount: number;
  /** By table its number of rows. */
  readonly rows: Readonly<Record<string, number>>;
  /** SHA-256 over headers, counts, txids, offsets and all rows in their order; not over where blocks lie on this machine. */
  readonly digest: string;
}

/** Rows are gathered slice by slice of their keys, so that memory stays small. */
const SLICES = 64;
const KEY_HEADS = 0x1_0000_0000;
const ITEMS_PER_READ = 10_000;

export function dumpOf(view: Snapshot): Dump {
  const { height, txCount } = view.state;
  const digest = createHash("sha256");
  for (let at = 0; at <= height; at += ITEMS_PER_READ) {
    const count = Math.min(ITEMS_PER_READ, height + 1 - at);
    digest.update(view.headers(at, count));
    digest.update(new Uint8Array(view.counts(at, count).buffer));
  }
  for (let at = 0; at < txCount; at += ITEMS_PER_READ) {
    digest.update(view.txids(at, Math.min(ITEMS_PER_READ, txCount - at)));
  }
  for (let at = 0; at < offsetsOf(txCount); at += ITEMS_PER_READ) {
    const offsets = view.offsets(at, Math.min(ITEMS_PER_READ, offsetsOf(txCount) - at));
    digest.update(new Uint8Array(offsets.buffer));
  }
  const rows: Record<string, number> = {};
  TABLES.forEach(({ name, rowBytes }, t) => {
    rows[name] = 0;
    for (let slice = 0; slice < SLICES; slice++) {
      const sorted = rowsBetween(view, t, (slice * KEY_HEADS) / SLICES, ((slice + 1) * KEY_HEADS) / SLICES);
      digest.update(sorted);
      rows[name] += sorted.length / rowBytes;
    }
  });
  return { height, txCount, rows, digest: digest.digest("hex") };
}

/** All rows of a table whose first four bytes lie in the range, in order. A merge's frontier may lie within. */
function rowsBetween(view: Snapshot, t: number, from: number, to: number): Uint8Array {
  const frontier = view.state.merge?.table === t ? view.state.merge.from : from;
  const parts =
    frontier > from && frontier < to
      ? [partOf(view, t, from, frontier), partOf(view, t, frontier, to)]
      : [partOf(view, t, from, to)];
  return Buffer.concat(parts);
}

function partOf(view: Snapshot, t: number, from: number, to: number): Uint8Array {
  const table = TABLES[t] as (typeof TABLES)[0];
  const { rowBytes } = table;
  const reader = new PackedReader(table);
  const start = Buffer.alloc(4);
  start.writeUInt32BE(from);
  const rows: Uint8Array[] = [];
  for (const run of runsFor(view.state, t, from)) {
    for (const block of view.blocksFrom(t, run.id, start)) {
      reader.open(block);
      let isBehind = false;
      for (let i = 0; i < reader.count; i++) {
        const row = new Uint8Array(rowBytes);
        reader.copyRow(i, row);
        const head = keyHeadAt(row, 0);
        isBehind = head >= to;
        if (isBehind) break;
        if (head >= from && txNumberAt(row, table.txNumberAt) < run.txNumberEnd) rows.push(row);
      }
      if (isBehind) break;
    }
  }
  const all = Buffer.concat(rows);
  const order = new RowSorter().order(all, rowBytes, rows.length);
  return Buffer.concat([...order].map((row) => all.subarray(row * rowBytes, (row + 1) * rowBytes)));
}
