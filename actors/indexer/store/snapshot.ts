/** Readers' side of the index: everything in it as it was at one moment. */
import type { Transaction } from "lmdb";
import type { BlockPlace } from "../../../bitcoind/files/block-reader.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import type { IndexerFailure } from "../errors.ts";
import { keyHeadAt } from "../rows/layout.ts";
import { countPlaces, unpackPlaces } from "./block-places.ts";
import { EMPTY_STATE, type StoreState } from "./format.ts";
import { type PositionTable, readPositions } from "./positions.ts";
import {
  COUNTS,
  HEADERS,
  type Numbered,
  OFFSETS,
  offsetsOf,
  PLACES,
  parseState,
  type Rows,
  runKey,
  type Tables,
  TXIDS,
} from "./tables.ts";

/** Read at once when all are counted. */
const PLACES_COUNTED = 20_000;

/** What snapshots are taken of. */
export interface SnapshotStore {
  readonly tables: Tables;
  readonly states: StateReader;
  /** LMDB's read transaction of now. */
  readonly transaction: () => Transaction;
}

/** Parses the state only when it is another: snapshots of one state then share one object, by which readers know it. */
export class StateReader {
  #text: Uint8Array = new Uint8Array(0);
  #state: StoreState = EMPTY_STATE;

  read(tables: Tables, transaction: Transaction): StoreState {
    const bytes = tables.meta.getBinaryFast("state", { transaction });
    if (bytes === undefined) return EMPTY_STATE;
    const text = bytes.subarray(0, bytes.length);
    if (Buffer.compare(text, this.#text) !== 0) {
      this.#text = Uint8Array.from(text);
      this.#state = parseState(text.toString());
    }
    return this.#state;
  }
}

/**
 * The index as it was at one moment. It lets go of LMDB's transaction while others have their turn and takes the one of
 * then afterwards: what is kept is never changed below `state.txCount`, only moved to other runs, until a rollback.
 */
export class Snapshot {
  /** The moment: nothing from its `txCount` on belongs to it. */
  readonly state: StoreState;
  readonly #store: SnapshotStore;
  #transaction: Transaction;
  #options: { readonly transaction: Transaction };
  #runsState: StoreState;

  constructor(store: SnapshotStore) {
    this.#store = store;
    this.#transaction = store.transaction();
    this.#options = { transaction: this.#transaction };
    this.state = store.states.read(store.tables, this.#transaction);
    this.#runsState = this.state;
  }

  /** Where the rows lie now. */
  get runsState(): StoreState {
    return this.#runsState;
  }

  /** Lets go of the store, for good or until `resume`. A transaction that is held keeps freed pages from being used again. */
  release(): void {
    this.#transaction.done();
  }

  /** After `release`: the same moment again. False if it is gone, because blocks were rolled back; nothing is held then. */
  resume(): boolean {
    const { tables, states, transaction } = this.#store;
    this.#transaction = transaction();
    this.#options = { transaction: this.#transaction };
    this.#runsState = states.read(tables, this.#transaction);
    if (this.#runsState.rollbacks === this.state.rollbacks) return true;
    this.release();
    return false;
  }

  headers(height: number, count: number): Uint8Array {
    return this.#positions(this.#store.tables.headers, HEADERS, height, count, this.state.height + 1);
  }

  txids(first: number, count: number): Uint8Array {
    return this.#positions(this.#store.tables.txids, TXIDS, first, count, this.state.txCount);
  }

  /** Cumulative counts of the blocks at `height` and after. */
  counts(height: number, count: number): BigUint64Array {
    const bytes = this.#positions(this.#store.tables.counts, COUNTS, height, count, this.state.height + 1);
    const aligned = new BigUint64Array(count);
    new Uint8Array(aligned.buffer).set(bytes);
    return aligned;
  }

  /** How many transactions the blocks up to `height` have together. */
  txCountThrough(height: number): number {
    return height < 0 ? 0 : Number(this.counts(height, 1)[0]);
  }

  /** Where in their blocks the transactions `first * OFFSET_EVERY` and so on begin. */
  offsets(first: number, count: number): Uint32Array {
    const { offsets } = this.#store.tables;
    const bytes = this.#positions(offsets, OFFSETS, first, count, offsetsOf(this.state.txCount));
    return Uint32Array.from(new Uint32Array(bytes.buffer, bytes.byteOffset, count));
  }

  /** Where the blocks at `height` and after lie in the node's files; nothing for one of which it is not known. */
  blockPlaces(height: number, count: number): (BlockPlace | undefined)[] {
    const { places } = this.#store.tables;
    return unpackPlaces(this.#positions(places, PLACES, height, count, this.state.height + 1));
  }

  /** How many blocks have a place. */
  placedBlocks(): number {
    const { places } = this.#store.tables;
    const blocks = this.state.height + 1;
    let count = 0;
    for (let first = 0; first < blocks; first += PLACES_COUNTED) {
      const items = Math.min(PLACES_COUNTED, blocks - first);
      count += countPlaces(this.#positions(places, PLACES, first, items, blocks));
    }
    return count;
  }

  /** As many ids as one chunk holds, in memory that the next answer of the store takes. */
  txidChunk(chunk: number): Uint8Array | undefined {
    const bytes = this.#store.tables.txids.getBinaryFast(chunk, this.#options);
    return bytes?.subarray(0, bytes.length);
  }

  /** The script hashes that the block at `height` touched, 32 bytes each; nothing where they are not kept. */
  touched(height: number): Uint8Array | undefined {
    return this.#store.tables.touched.get(height, this.#options);
  }

  /** The packed block of this key. It lies in memory that the next answer of the store takes. */
  block(t: number, key: Uint8Array): Uint8Array | undefined {
    const bytes = (this.#store.tables.rows[t] as Rows).getBinaryFast(key, this.#options);
    return bytes?.subarray(0, bytes.length);
  }

  /** The key of the packed block that would hold the first row of `rowKey`, or of the run's first block. */
  blockKeyBefore(t: number, runId: number, rowKey: Uint8Array): Buffer | undefined {
    const run = runKey(runId);
    const start = Buffer.concat([run, rowKey]);
    const range = { start, reverse: true, limit: 1, ...this.#options };
    for (const key of (this.#store.tables.rows[t] as Rows).getKeys(range)) {
      // Before the run's first block stands another run's last.
      if (keyHeadAt(key, 0) === runId) return key as Buffer;
    }
    return this.blockKeyAfter(t, runId, run);
  }

  /** The same with their keys, each a run's number and the row that the block begins with. */
  *entriesFrom(t: number, runId: number, key: Uint8Array): Generator<{ key: Uint8Array; value: Buffer }> {
    const rows = this.#store.tables.rows[t] as Rows;
    const at = Buffer.concat([runKey(runId), key]);
    let start: Uint8Array = at;
    for (const before of rows.getKeys({ start: at, reverse: true, limit: 1, ...this.#options })) {
      if (keyHeadAt(before, 0) === runId) start = before;
    }
    yield* rows.getRange({ start, end: runKey(runId + 1), ...this.#options });
  }

  blockKeyAfter(t: number, runId: number, key: Buffer): Buffer | undefined {
    const range = { start: key, exclusiveStart: true, end: runKey(runId + 1), limit: 1, ...this.#options };
    for (const next of (this.#store.tables.rows[t] as Rows).getKeys(range)) return next as Buffer;
    return undefined;
  }

  /** The packed block that would hold the first row of `rowKey`, and those behind it, each until the next is asked for. */
  *blocksFrom(t: number, runId: number, rowKey: Uint8Array): Generator<Uint8Array> {
    let key = this.blockKeyBefore(t, runId, rowKey);
    for (; key !== undefined; key = this.blockKeyAfter(t, runId, key)) {
      const block = this.block(t, key);
      if (block !== undefined) yield block;
    }
  }

  /** Up to `limit` keys of packed blocks of a run, behind one of them or from the first on. */
  blockKeys(t: number, runId: number, behind: Buffer | undefined, limit: number): Buffer[] {
    const start = behind ?? runKey(runId);
    const range = { start, exclusiveStart: behind !== undefined, end: runKey(runId + 1), limit };
    return [...(this.#store.tables.rows[t] as Rows).getKeys({ ...range, ...this.#options })] as Buffer[];
  }

  #positions(db: Numbered, table: PositionTable, first: number, count: number, end: number): Uint8Array {
    if (first < 0 || count < 0 || first + count > end) {
      throw new TroupeError<IndexerFailure>(
        { code: "INDEXER_RANGE", what: `${count} from ${first}, of ${end}` },
        `the index holds ${end} of these, so it cannot give ${count} from ${first}`,
      );
    }
    // Each is copied out of the memory that the next answer takes, before there is one.
    const read = (chunk: number) => {
      const bytes = db.getBinaryFast(chunk, this.#options);
      return bytes?.subarray(0, bytes.length);
    };
    return readPositions(table, first, count, read);
  }
}
