/** Compares one block's rows, made anew, with those that are stored for it: each is looked up by its key. */
import { setImmediate as turn } from "node:timers/promises";
import { equalBytes, HASH_LENGTH_BYTES, txidFromBytes } from "../../../bitcoin/bytes.ts";
import { Lookup } from "../lookup/lookup.ts";
import { TABLES, type Table, txNumberAt, VOUT_AT } from "../rows/layout.ts";
import { PackedReader } from "../rows/packed-block.ts";
import type { RowsResult } from "../rows/rows.ts";
import type { Snapshot } from "../store/snapshot.ts";
import type { Findings } from "./findings.ts";

export interface CheckedBlock {
  readonly height: number;
  readonly firstTxNumber: number;
  readonly rows: RowsResult;
}

/** Keys looked up before others get their turn: some milliseconds. */
const LOOKUPS_AT_ONCE = 500;

export async function checkRows(view: Snapshot, block: CheckedBlock, findings: Findings): Promise<void> {
  // Without guides: what is proved is what lies in the store.
  const lookup = new Lookup(0);
  for (const [t, table] of TABLES.entries()) {
    const made = unpacked(block.rows, t, table);
    const { rowBytes, keyBytes } = table;
    let lookups = 0;
    for (let at = 0; at < made.length; ) {
      const key = made.subarray(at, at + keyBytes);
      let end = at + rowBytes;
      while (end < made.length && equalBytes(made.subarray(end, end + keyBytes), key)) end += rowBytes;
      compare(made.subarray(at, end), storedRows(lookup, view, t, key, block), table, block, findings);
      at = end;
      if (++lookups % LOOKUPS_AT_ONCE === 0) await turn();
    }
  }
}

function unpacked(rows: RowsResult, t: number, table: Table): Uint8Array {
  const packed = rows.tables[t as 0 | 1 | 2];
  const out = new Uint8Array(packed.rowCount * table.rowBytes);
  const reader = new PackedReader(table);
  let start = 0;
  let at = 0;
  for (const end of packed.ends) {
    reader.open(packed.bytes, start).copyAll(out, at);
    at += reader.count * table.rowBytes;
    start = end;
  }
  return out;
}

/** The rows of this key that are stored for transactions of this block, in order. */
function storedRows(
  lookup: Lookup,
  view: Snapshot,
  t: number,
  key: Uint8Array,
  { firstTxNumber, rows }: CheckedBlock,
): Uint8Array[] {
  const endTxNumber = firstTxNumber + (rows.txCounts[0] as number);
  const found: Uint8Array[] = [];
  const { txNumberAt: at } = TABLES[t] as Table;
  lookup.rows(view, t, key, (row) => {
    const txNumber = txNumberAt(row, at);
    if (txNumber >= firstTxNumber && txNumber < endTxNumber) found.push(Uint8Array.from(row));
  });
  return found;
}

/** Both in the order of rows. */
function compare(
  made: Uint8Array,
  stored: readonly Uint8Array[],
  table: Table,
  block: CheckedBlock,
  findings: Findings,
): void {
  const { rowBytes, idBytes } = table;
  const left = [...stored];
  for (let at = 0; at < made.length; at += rowBytes) {
    const row = made.subarray(at, at + rowBytes);
    const match = left.findIndex((other) => equalBytes(other.subarray(0, idBytes), row.subarray(0, idBytes)));
    const [found] = match < 0 ? [] : left.splice(match, 1);
    if (found === undefined) findings.add(table.name, block.height, `${named(row, table, block)} is missing`);
    else if (!equalBytes(found, row))
      findings.add(table.name, block.height, `${named(row, table, block)} has another amount`);
  }
  for (const row of left)
    findings.add(table.name, block.height, `${named(row, table, block)} is there, and not in the block`);
}

function named(row: Uint8Array, table: Table, { firstTxNumber, rows }: CheckedBlock): string {
  const position = txNumberAt(row, table.txNumberAt) - firstTxNumber;
  const txid = txidFromBytes(rows.txids, position * HASH_LENGTH_BYTES);
  if (table.name === "transaction") return `transaction ${position}, ${txid},`;
  if (table.name === "spending") return `a spend by transaction ${position}, ${txid},`;
  const index =
    ((row[VOUT_AT] as number) << 16) | ((row[VOUT_AT + 1] as number) << 8) | (row[VOUT_AT + 2] as number);
  return `output ${index} of transaction ${position}, ${txid},`;
}
