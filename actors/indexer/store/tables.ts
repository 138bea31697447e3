/** What is in the index's LMDB: its tables, the keys of packed blocks and the widths of facts by position. */
import type { Database, RootDatabase, Transaction } from "lmdb";
import { HEADER_LENGTH_BYTES } from "../../../bitcoin/block/header.ts";
import { type BlockHash, HASH_LENGTH_BYTES } from "../../../bitcoin/bytes.ts";
import { OFFSET_EVERY, TABLES } from "../rows/layout.ts";
import { EMPTY_STATE, type StoreState } from "./format.ts";
import type { PositionTable } from "./positions.ts";

export const RUN_ID_BYTES = 4;

/** Reads without a copy: the answer lies in memory that the next answer takes. The package's types leave the moment out. */
interface FastReads<K> {
  getBinaryFast(key: K, options: { readonly transaction: Transaction }): Buffer | undefined;
}

export type Rows = Database<Buffer, Uint8Array> & FastReads<Uint8Array>;
export type Numbered = Database<Buffer, number> & FastReads<number>;

export interface Tables {
  readonly meta: Database<string, string> & FastReads<string>;
  readonly rows: readonly [Rows, Rows, Rows];
  readonly headers: Numbered;
  readonly counts: Numbered;
  readonly txids: Numbered;
  readonly offsets: Numbered;
  readonly places: Numbered;
  readonly touched: Numbered;
}

export const HEADERS: PositionTable = Object.freeze({ itemBytes: HEADER_LENGTH_BYTES, itemsPerChunk: 50 });
/** Cumulative number of transactions at the end of the block at each height: u64, little-endian. */
export const COUNTS: PositionTable = Object.freeze({ itemBytes: 8, itemsPerChunk: 508 });
export const TXIDS: PositionTable = Object.freeze({ itemBytes: HASH_LENGTH_BYTES, itemsPerChunk: 127 });
/** Item i: where in its block transaction `i * OFFSET_EVERY` begins: u32, little-endian. */
export const OFFSETS: PositionTable = Object.freeze({ itemBytes: 4, itemsPerChunk: 1_016 });
/** Where the block at each height lies in the node's files: three u32 (`block-places.ts`). */
export const PLACES: PositionTable = Object.freeze({ itemBytes: 12, itemsPerChunk: 338 });

/** How many offsets are kept of so many transactions. */
export function offsetsOf(txCount: number): number {
  return Math.ceil(txCount / OFFSET_EVERY);
}

/** Opened before the others: it says whether this release knows them. */
export function openMeta(env: RootDatabase): Tables["meta"] {
  return env.openDB({ name: "meta", encoding: "string" });
}

export function openTables(env: RootDatabase, meta = openMeta(env)): Tables {
  const rows = (name: string): Rows => env.openDB({ name, keyEncoding: "binary", encoding: "binary" });
  const numbered = (name: string): Numbered =>
    env.openDB({ name, keyEncoding: "uint32", encoding: "binary" });
  return {
    meta,
    rows: TABLES.map(({ name }) => rows(name)) as unknown as Tables["rows"],
    headers: numbered("headers"),
    counts: numbered("counts"),
    txids: numbered("txids"),
    offsets: numbered("offsets"),
    places: numbered("places"),
    touched: numbered("touched"),
  };
}

export function parseState(text: string | undefined): StoreState {
  return text === undefined
    ? EMPTY_STATE
    : ({ merge: undefined, tipHash: undefined, ...JSON.parse(text) } as StoreState & { tipHash: BlockHash });
}

/** A number in the four bytes that begin the key of each block of a run. */
export function runKey(id: number): Buffer {
  const key = Buffer.alloc(RUN_ID_BYTES);
  key.writeUInt32BE(id);
  return key;
}
