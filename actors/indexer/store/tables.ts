/** What is in the index's LMDB: its tables, the keys of packed blocks and the widths of facts by position. */
import type { Database, RootDatabase, Transaction } from "lmdb";
import { HEADER_LENGTH_BYTES } from "../../../bitcoin/block/header.ts";
import { type BlockHash, HASH_LENGTH_BYTES } from "../../../bitcoin/bytes.ts";
import { TABLES } from "../rows/layout.ts";
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
  readonly touched: Numbered;
}

export const HEADERS: PositionTable = Object.freeze({ itemBytes: HEADER_LENGTH_BYTES, itemsPerChunk: 50 });
/** Cumulative number of transactions at the end of the block at each height: u64, little-endian. */
export const COUNTS: PositionTable = Object.freeze({ itemBytes: 8, itemsPerChunk: 508 });
export const TXIDS: PositionTable = Object.freeze({ itemBytes: HASH_LENGTH_BYTES, itemsPerChunk: 127 });

export function openTables(env: RootDatabase): Tables {
  const rows = (name: string): Rows => env.openDB({ name, keyEncoding: "binary", encoding: "binary" });
  const numbered = (name: string): Numbered =>
    env.openDB({ name, keyEncoding: "uint32", encoding: "binary" });
  return {
    meta: env.openDB({ name: "meta", encoding: "string" }),
    rows: TABLES.map(({ name }) => rows(name)) as unknown as Tables["rows"],
    headers: numbered("headers"),
    counts: numbered("counts"),
    txids: numbered("txids"),
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
