/** Readers' side of the index: everything in it as it was at one moment. */
import type { Transaction } from "lmdb";
import { TroupeError } from "../../../runtime/errors.ts";
import type { IndexerFailure } from "../errors.ts";
import { keyHeadAt } from "../rows/layout.ts";
import type { StoreState } from "./format.ts";
import { type PositionTable, readPositions } from "./positions.ts";
import {
  COUNTS,
  HEADERS,
  type Numbered,
  parseState,
  type Rows,
  runKey,
  type Tables,
  TXIDS,
} from "./tables.ts";

/** The index as it was at one moment. */
export class Snapshot {
  readonly state: StoreState;
  readonly #tables: Tables;
  readonly #transaction: Transaction;

  constructor(tables: Tables, transaction: Transaction) {
    this.#tables = tables;
    this.#transaction = transaction;
    this.state = parseState(tables.meta.get("state", { transaction }));
  }

  release(): void {
    this.#transaction.done();
  }

  headers(height: number, count: number): Uint8Array {
    return this.#positions(this.#tables.headers, HEADERS, height, count, this.state.height + 1);
  }

  txids(first: number, count: number): Uint8Array {
    return this.#positions(this.#tables.txids, TXIDS, first, count, this.state.txCount);
  }

  /** Cumulative counts of the blocks at `height` and after. */
  counts(height: number, count: number): BigUint64Array {
    const bytes = this.#positions(this.#tables.counts, COUNTS, height, count, this.state.height + 1);
    const aligned = new BigUint64Array(count);
    new Uint8Array(aligned.buffer).set(bytes);
    return aligned;
  }

  /** How many transactions the blocks up to `height` have together. */
  txCountThrough(height: number): number {
    return height < 0 ? 0 : Number(this.counts(height, 1)[0]);
  }

  /** The script hashes that the block at `height` touched, 32 bytes each; nothing where they are not kept. */
  touched(height: number): Uint8Array | undefined {
    return this.#tables.touched.get(height, { transaction: this.#transaction });
  }

  /** The packed block of a run that would hold `key`, and those behind it. */
  *blocksFrom(t: number, runId: number, key: Uint8Array): Generator<Buffer> {
    const rows = this.#tables.rows[t] as Rows;
    const start = Buffer.concat([runKey(runId), key]);
    const transaction = this.#transaction;
    let first: Uint8Array | undefined;
    for (const entry of rows.getRange({ start, reverse: true, limit: 1, transaction })) {
      // Before the run's first block stands another run's last.
      if (keyHeadAt(entry.key, 0) === runId) {
        first = entry.key;
        yield entry.value;
      }
    }
    const behind = { start: first ?? start, exclusiveStart: first !== undefined, transaction };
    for (const { value } of rows.getRange({ ...behind, end: runKey(runId + 1) })) yield value;
  }

  /** The same with their keys, each a run's number and the row that the block begins with. */
  *entriesFrom(t: number, runId: number, key: Uint8Array): Generator<{ key: Uint8Array; value: Buffer }> {
    const rows = this.#tables.rows[t] as Rows;
    const at = Buffer.concat([runKey(runId), key]);
    const transaction = this.#transaction;
    let start: Uint8Array = at;
    for (const before of rows.getKeys({ start: at, reverse: true, limit: 1, transaction })) {
      if (keyHeadAt(before, 0) === runId) start = before;
    }
    yield* rows.getRange({ start, end: runKey(runId + 1), transaction });
  }

  #positions(db: Numbered, table: PositionTable, first: number, count: number, end: number): Uint8Array {
    if (first < 0 || count < 0 || first + count > end) {
      throw new TroupeError<IndexerFailure>(
        { code: "INDEXER_RANGE", what: `${count} from ${first}, of ${end}` },
        `the index holds ${end} of these, so it cannot give ${count} from ${first}`,
      );
    }
    const read = (chunk: number) => db.get(chunk, { transaction: this.#transaction });
    return readPositions(table, first, count, read);
  }
}
