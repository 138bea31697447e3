/** The index on disk, in LMDB: opening it and all that is written. One writer; any number of readers, here or in other threads. */
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { open, type RootDatabase } from "lmdb";
import { HEADER_LENGTH_BYTES } from "../../../bitcoin/block/header.ts";
import { blockHashFromBytes, bytesToHex, HASH_LENGTH_BYTES, hexToBytes } from "../../../bitcoin/bytes.ts";
import { sha256d } from "../../../bitcoin/hash.ts";
import type { BlockPlace } from "../../../bitcoind/files/block-reader.ts";
import { assert, TroupeError } from "../../../runtime/errors.ts";
import type { IndexerFailure } from "../errors.ts";
import { keyHeadAt, TABLES, type Table } from "../rows/layout.ts";
import type { MergeJob } from "../rows/merge.ts";
import { PACKED_BYTES_MAX, PackedReader, type PackedRows } from "../rows/packed-block.ts";
import { randomSecret } from "../rows/row-key.ts";
import type { RowsResult } from "../rows/rows.ts";
import { packPlaces } from "./block-places.ts";
import {
  FORMAT_VERSION,
  type MergeState,
  type Run,
  rolledBack,
  type StoreFormat,
  type StoreState,
} from "./format.ts";
import { appendedChunks, type PositionTable } from "./positions.ts";
import { Snapshot, type SnapshotStore, StateReader } from "./snapshot.ts";
import {
  COUNTS,
  HEADERS,
  type Numbered,
  OFFSETS,
  offsetsOf,
  openMeta,
  openTables,
  PLACES,
  parseState,
  type Rows,
  RUN_ID_BYTES,
  runKey,
  type Tables,
  TXIDS,
} from "./tables.ts";
import { type Noted, WriteOrder } from "./write-order.ts";

export interface StoreOptions {
  readonly directory: string;
  readonly network: string;
  readonly readOnly?: boolean;
  /** For tests that compare two stores; random otherwise. */
  readonly secret?: Uint8Array;
}

/** What is kept of added blocks beside their rows. */
export interface KeptWithBlocks {
  /** For so many blocks below the tip the touched script hashes stay. */
  readonly touchedBlocks?: number;
  /** Where each lies in the node's files, where that is known of all. */
  readonly places?: readonly BlockPlace[] | undefined;
}

/** Where a block of the index lies in the node's files; nothing where that is not known any more. */
export interface PlacedBlock {
  readonly height: number;
  readonly place: BlockPlace | undefined;
}

const KEY_HEADS = 0x1_0000_0000;
/** Blocks deleted in one transaction. */
const DELETE_MAX = 4_000;

export class IndexStore {
  readonly #env: RootDatabase;
  readonly #writes: WriteOrder;
  readonly #tables: Tables;
  readonly #snapshots: SnapshotStore;
  readonly #file: string;
  readonly secret: Uint8Array;
  #state: StoreState;

  constructor(options: StoreOptions) {
    const { directory, network, readOnly = false } = options;
    this.#file = join(directory, "data.mdb");
    if (readOnly && !existsSync(this.#file)) {
      throw new TroupeError<IndexerFailure>(
        { code: "INDEXER_STORE_MISSING" },
        "there is no index in the data directory yet; the indexer makes it when it starts",
      );
    }
    if (!readOnly) mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#env = open({
      path: directory,
      noSubdir: false,
      maxDbs: 16,
      readOnly,
      encoding: "binary",
      // Writes are batched here. LMDB's own batches end the process when one fails, before anybody can say why.
      eventTurnBatching: false,
    });
    this.#writes = new WriteOrder(this.#env);
    const meta = openMeta(this.#env);
    const found = this.#foundFormat(meta, network, readOnly);
    this.#tables = openTables(this.#env, meta);
    this.#snapshots = {
      tables: this.#tables,
      states: new StateReader(),
      transaction: () => {
        // LMDB's binding goes on with its last moment until a timer has run, or until it has written itself. Whoever has heard
        // of another's block since must find it.
        if (readOnly) this.#env.resetReadTxn();
        return this.#env.useReadTransaction();
      },
    };
    const format = found ?? this.#begin(network, options.secret);
    this.secret = hexToBytes(format.secret);
    this.#state = parseState(this.#tables.meta.get("state"));
  }

  /** What the writer has committed; readers use a `Snapshot`. */
  get state(): StoreState {
    return this.#state;
  }

  get sizeBytes(): number {
    return statSync(this.#file).size;
  }

  /** A view that does not change while it is held. Release it soon: it keeps freed pages from being used again. */
  snapshot(): Snapshot {
    return new Snapshot(this.#snapshots);
  }

  /** Adds the blocks that follow the tip, all or nothing. */
  append(added: RowsResult, kept: KeptWithBlocks = {}): Promise<void> {
    return this.#writes.inTurn(() => this.#append(added, kept));
  }

  /**
   * Notes where blocks lie in the node's files, or that it is not known any more. Whoever has looked for them says how many
   * rollbacks there had been then: after another one these heights may have other blocks, and nothing is noted.
   */
  place(blocks: readonly PlacedBlock[], rollbacks: number): Promise<void> {
    return this.#writes.inTurn(async () => {
      const { height, rollbacks: now } = this.#state;
      if (now !== rollbacks) return;
      const chunks = new Map<number, Buffer>();
      for (const { height: at, place } of blocks) {
        assert(at <= height, "only blocks of the index have a place");
        const number = Math.floor(at / PLACES.itemsPerChunk);
        let chunk = chunks.get(number);
        if (chunk === undefined) {
          const stored = this.#tables.places.getBinary(number);
          assert(stored !== undefined, "each block of the index has room for its place");
          chunk = Buffer.from(stored);
          chunks.set(number, chunk);
        }
        chunk.set(packPlaces(1, [place]), (at % PLACES.itemsPerChunk) * PLACES.itemBytes);
      }
      await this.#writes.commit((written) => {
        for (const [number, chunk] of chunks) written(this.#tables.places.put(number, chunk));
      });
    });
  }

  async #append(added: RowsResult, { touchedBlocks = 0, places }: KeptWithBlocks): Promise<void> {
    const state = this.#state;
    const blocks = added.txCounts.length;
    const height = state.height + blocks;
    const counts = new DataView(new ArrayBuffer(blocks * COUNTS.itemBytes));
    let txCount = state.txCount;
    added.txCounts.forEach((count, i) => {
      txCount += count;
      counts.setBigUint64(i * COUNTS.itemBytes, BigInt(txCount), true);
    });
    assert(
      added.txids.length === (txCount - state.txCount) * HASH_LENGTH_BYTES &&
        added.headers.length === blocks * HEADER_LENGTH_BYTES &&
        added.offsets.length === offsetsOf(txCount) - offsetsOf(state.txCount) &&
        (places === undefined || places.length === blocks),
      "rows of blocks agree with their number of transactions",
    );
    const run: Run = {
      id: state.runNext,
      level: 0,
      txNumberFirst: state.txCount,
      txNumberEnd: txCount,
      blocks: added.tables.map(({ ends }) => ends.length) as unknown as Run["blocks"],
    };
    const tipHash = blockHashFromBytes(added.hashes, (blocks - 1) * HASH_LENGTH_BYTES);
    const { headers, txids, offsets, touched } = this.#tables;
    const offsetBytes = new Uint8Array(
      added.offsets.buffer,
      added.offsets.byteOffset,
      added.offsets.byteLength,
    );
    await this.#commit(
      { ...state, height, tipHash, txCount, runNext: run.id + 1, runs: [...state.runs, run] },
      (written) => {
        const put = (db: Numbered, table: PositionTable, first: number, items: Uint8Array) => {
          const chunks = appendedChunks(table, first, items, (chunk) => db.getBinary(chunk));
          for (const { number, bytes } of chunks) written(db.put(number, viewOf(bytes)));
        };
        added.tables.forEach((packed, t) => {
          this.#putBlocks(t, run.id, packed, written);
        });
        put(headers, HEADERS, state.height + 1, added.headers);
        put(this.#tables.counts, COUNTS, state.height + 1, new Uint8Array(counts.buffer));
        put(txids, TXIDS, state.txCount, added.txids);
        put(offsets, OFFSETS, offsetsOf(state.txCount), offsetBytes);
        put(this.#tables.places, PLACES, state.height + 1, packPlaces(blocks, places));
        added.touched.forEach((hashes, i) => {
          written(touched.put(state.height + 1 + i, viewOf(hashes)));
          const gone = state.height + 1 + i - touchedBlocks;
          if (gone >= 0) written(touched.remove(gone));
        });
      },
    );
  }

  /** Forgets the blocks above `height`, whatever their number: runs get a limit or are dropped, nothing is rewritten. */
  rollback(height: number): Promise<void> {
    return this.#writes.inTurn(() => this.#rollback(height));
  }

  async #rollback(height: number): Promise<void> {
    const state = this.#state;
    assert(height >= -1 && height < state.height, "a rollback goes down");
    const view = this.snapshot();
    let next: StoreState;
    try {
      const hash = height < 0 ? undefined : blockHashFromBytes(sha256d(view.headers(height, 1)));
      next = rolledBack(state, height, hash, height < 0 ? 0 : view.txCountThrough(height));
    } finally {
      view.release();
    }
    await this.#commit(next, (written) => {
      for (let gone = height + 1; gone <= state.height; gone++) written(this.#tables.touched.remove(gone));
    });
  }

  /** Begins to merge neighbouring runs into one, unless a rollback has changed one of them before it is their turn. */
  beginMerge(sources: readonly Run[]): Promise<void> {
    return this.#writes.inTurn(() => this.#beginMerge(sources));
  }

  async #beginMerge(sources: readonly Run[]): Promise<void> {
    const state = this.#state;
    if (!sources.every((run) => state.runs.includes(run))) return;
    const [first] = sources;
    const last = sources.at(-1);
    assert(state.merge === undefined && first !== undefined && last !== undefined, "one merge at a time");
    const target: Run = {
      id: state.runNext,
      level: first.level + 1,
      txNumberFirst: first.txNumberFirst,
      txNumberEnd: last.txNumberEnd,
      blocks: [0, 0, 0],
    };
    const merge: MergeState = { target, sources, table: 0, from: 0 };
    const runs = state.runs.filter((run) => !sources.includes(run));
    await this.#commit({ ...state, runs, merge, runNext: target.id + 1 }, () => {});
  }

  /**
   * The slice of the merge under way that follows `after` (or stands at the frontier), of about `sliceBytes` packed
   * bytes; nothing where `after` was the last. Several may be read before the first is committed. Pages that are not in
   * memory are fetched beside this thread: the commits that run meanwhile do not wait for the disk.
   */
  async readMergeSlice(sliceBytes: number, after?: MergeJob): Promise<MergeJob | undefined> {
    const { merge } = this.#state;
    assert(merge !== undefined, "a merge is under way");
    const start = after === undefined ? merge : placeAfter(after);
    if (start === undefined) return undefined;
    const { table: t, from } = start;
    const rows = this.#tables.rows[t] as Rows;
    const blocks = merge.sources.reduce((sum, run) => sum + (run.blocks[t] as number), 0);
    const slices = Math.max(1, Math.ceil((blocks * PACKED_BYTES_MAX) / sliceBytes));
    let to = Math.min(KEY_HEADS, from + Math.ceil(KEY_HEADS / slices));
    let keys = merge.sources.map(({ id }) => this.#blocksBetween(t, id, from, to));
    // A script with a million payments is one key: the slice around it is made as narrow as it can be.
    const blocksMax = 2 * (sliceBytes / PACKED_BYTES_MAX + keys.length);
    while (to - from > 1 && keys.reduce((sum, { length }) => sum + length, 0) > blocksMax) {
      to = from + Math.ceil((to - from) / 2);
      keys = keys.map((ofRun) => ofRun.filter((key, i) => i === 0 || keyHeadAt(key, RUN_ID_BYTES) < to));
    }
    await new Promise<void>((resolve) => rows.prefetch(keys.flat() as Buffer[], resolve));
    const sources = keys.map((ofRun, i) => ({
      ...this.#gather(rows, ofRun),
      txNumberEnd: (merge.sources[i] as Run).txNumberEnd,
    }));
    return { table: (TABLES[t] as Table).name, sources, from, to };
  }

  /** Puts a merged slice in place of what it was made from. A rollback may have changed the runs meanwhile, or ended the merge. */
  commitMergeSlice(job: MergeJob, packed: PackedRows): Promise<void> {
    return this.#writes.inTurn(() => this.#commitMergeSlice(job, packed));
  }

  async #commitMergeSlice(job: MergeJob, packed: PackedRows): Promise<void> {
    const state = this.#state;
    const { merge } = state;
    if (merge === undefined) return;
    const t = merge.table;
    assert(TABLES[t]?.name === job.table && merge.from === job.from, "slices are merged in their order");
    const obsolete = merge.sources.flatMap((run) => this.#blocksDoneBy(t, run.id, job.to));
    const blocks = [...merge.target.blocks] as [number, number, number];
    blocks[t] = (blocks[t] as number) + packed.ends.length;
    const target: Run = { ...merge.target, blocks };
    const isTableDone = job.to === KEY_HEADS;
    const isDone = isTableDone && t === TABLES.length - 1;
    const next: StoreState = isDone
      ? { ...state, merge: undefined, runs: inOrder([...state.runs, target]) }
      : {
          ...state,
          merge: { ...merge, target, table: isTableDone ? t + 1 : t, from: isTableDone ? 0 : job.to },
        };
    await this.#commit(next, (written) => {
      this.#putBlocks(t, target.id, packed, written);
      for (const key of obsolete) written((this.#tables.rows[t] as Rows).remove(key));
    });
  }

  /** Deletes some blocks of runs that were dropped; returns whether more are left. */
  sweep(): Promise<boolean> {
    return this.#writes.inTurn(() => this.#sweep());
  }

  async #sweep(): Promise<boolean> {
    const [id] = this.#state.dropped;
    if (id === undefined) return false;
    const doomed: [Rows, Uint8Array][] = [];
    for (const rows of this.#tables.rows) {
      const range = { start: runKey(id), end: runKey(id + 1), limit: DELETE_MAX - doomed.length };
      for (const key of rows.getKeys(range)) doomed.push([rows, key]);
      if (doomed.length >= DELETE_MAX) break;
    }
    const isLast = doomed.length < DELETE_MAX;
    const dropped = isLast ? this.#state.dropped.slice(1) : this.#state.dropped;
    await this.#commit({ ...this.#state, dropped }, (written) => {
      for (const [rows, key] of doomed) written(rows.remove(key));
    });
    return dropped.length > 0;
  }

  close(): Promise<void> {
    return this.#writes.close();
  }

  /** The new state and what belongs to it, in one transaction of LMDB. Until that is committed the old one is true. */
  async #commit(next: StoreState, write: (written: Noted) => void): Promise<void> {
    await this.#writes.commit((written) => {
      write(written);
      written(this.#tables.meta.put("state", JSON.stringify(next)));
    });
    this.#state = next;
  }

  #putBlocks(t: number, runId: number, { bytes, ends }: PackedRows, written: Noted): void {
    const table = TABLES[t] as Table;
    const rows = this.#tables.rows[t] as Rows;
    const reader = new PackedReader(table);
    const row = new Uint8Array(table.rowBytes);
    let start = 0;
    for (const end of ends) {
      reader.open(bytes, start).copyRow(0, row);
      const key = new Uint8Array(RUN_ID_BYTES + table.idBytes);
      key.set(runKey(runId));
      key.set(row.subarray(0, table.idBytes), RUN_ID_BYTES);
      written(rows.put(key, viewOf(bytes.subarray(start, end))));
      start = end;
    }
  }

  /** Keys of a run's blocks that may hold rows of the range: the last one that begins before it too. */
  #blocksBetween(t: number, runId: number, from: number, to: number): Uint8Array[] {
    const rows = this.#tables.rows[t] as Rows;
    const start = Buffer.concat([runKey(runId), runKey(from)]);
    const end = to === KEY_HEADS ? runKey(runId + 1) : Buffer.concat([runKey(runId), runKey(to)]);
    const keys: Uint8Array[] = [];
    for (const key of rows.getKeys({ start, reverse: true, limit: 1 })) {
      // Before the run's first block stands another run's last.
      if (keyHeadAt(key, 0) === runId) keys.push(key);
    }
    const behind = { start: (keys[0] as Buffer | undefined) ?? start, exclusiveStart: keys.length > 0, end };
    for (const key of rows.getKeys(behind)) keys.push(key);
    return keys;
  }

  /** The blocks of these keys, one after another. */
  #gather(rows: Rows, keys: readonly Uint8Array[]): { bytes: Uint8Array; ends: Uint32Array } {
    const bytes = new Uint8Array(keys.length * PACKED_BYTES_MAX);
    const ends = new Uint32Array(keys.length);
    const transaction = this.#env.useReadTransaction();
    let length = 0;
    keys.forEach((key, i) => {
      const block = rows.getBinaryFast(key, { transaction });
      assert(block !== undefined, "a run's blocks stay until its merge is committed");
      // The answer's own end lies far behind the value's.
      bytes.set(block.subarray(0, block.length), length);
      length += block.length;
      ends[i] = length;
    });
    transaction.done();
    return { bytes: bytes.subarray(0, length), ends };
  }

  /** Keys of the blocks that hold nothing from `to` on: all below it but the last, whose end is not known. */
  #blocksDoneBy(t: number, runId: number, to: number): Uint8Array[] {
    const keys = this.#blocksBetween(t, runId, 0, to);
    if (to !== KEY_HEADS) keys.pop();
    return keys;
  }

  #foundFormat(meta: Tables["meta"], network: string, readOnly: boolean): StoreFormat | undefined {
    try {
      return foundFormat(meta, network, readOnly);
    } catch (error) {
      // Nothing was written, so nothing can be lost by a failure.
      this.#env.close().catch(() => {});
      throw error;
    }
  }

  #begin(network: string, secret = randomSecret()): StoreFormat {
    const format = { version: FORMAT_VERSION, network, secret: bytesToHex(secret) };
    this.#tables.meta.putSync("format", JSON.stringify(format));
    return format;
  }
}

/** Nothing in an index that has just been made. Read before the tables are opened: another format may have other ones. */
function foundFormat(meta: Tables["meta"], network: string, readOnly: boolean): StoreFormat | undefined {
  const text = meta.get("format");
  if (text === undefined) {
    assert(!readOnly, "an index that is only read has a format");
    return undefined;
  }
  const format = JSON.parse(text) as StoreFormat;
  if (format.version !== FORMAT_VERSION) {
    throw new TroupeError<IndexerFailure>(
      { code: "INDEXER_STORE_OTHER_FORMAT", expected: FORMAT_VERSION, found: format.version },
      `the index has format ${format.version} and this release reads format ${FORMAT_VERSION}; have it built again: supervisor index rebuild`,
    );
  }
  if (format.network !== network) {
    throw new TroupeError<IndexerFailure>(
      { code: "INDEXER_STORE_OTHER_NETWORK", expected: network, found: format.network },
      `the index is of the network ${format.network}, not ${network}; give each network its own data directory`,
    );
  }
  return format;
}

function inOrder(runs: readonly Run[]): readonly Run[] {
  return runs.toSorted((a, b) => a.txNumberFirst - b.txNumberFirst);
}

/** Where the slice behind this one begins: in the next table after the last of one, nowhere after the last of all. */
function placeAfter({ table, to }: MergeJob): { table: number; from: number } | undefined {
  const t = TABLES.findIndex(({ name }) => name === table);
  if (to < KEY_HEADS) return { table: t, from: to };
  return t + 1 < TABLES.length ? { table: t + 1, from: 0 } : undefined;
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
