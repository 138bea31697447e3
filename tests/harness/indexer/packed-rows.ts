/** Rows to packed blocks and back, whole tables at once. */
import type { Table } from "../../../actors/indexer/rows/layout.ts";
import { PackedReader, type PackedRows, packRows } from "../../../actors/indexer/rows/packed-block.ts";
import { RowSorter } from "../../../actors/indexer/rows/sorter.ts";

/** Sorts as the indexer does. */
export function pack(rows: readonly Uint8Array[], table: Table): PackedRows {
  const all = Buffer.concat(rows);
  return packRows(all, new RowSorter().order(all, table.rowBytes, rows.length), table);
}

export function unpack({ bytes, ends }: PackedRows, table: Table): Buffer[] {
  const reader = new PackedReader(table);
  const rows: Buffer[] = [];
  let start = 0;
  for (const end of ends) {
    reader.open(bytes, start);
    for (let i = 0; i < reader.count; i++) {
      const row = Buffer.alloc(table.rowBytes);
      reader.copyRow(i, row);
      rows.push(row);
    }
    start = end;
  }
  return rows;
}
