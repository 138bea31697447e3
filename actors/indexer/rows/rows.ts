/** Turns raw blocks into sorted rows: pure, looks nothing up, makes no objects per transaction. */
import { outpointIndexAt, type TransactionSpan, walkBlock } from "../../../bitcoin/block/block-walker.ts";
import { HEADER_LENGTH_BYTES } from "../../../bitcoin/block/header.ts";
import { leadsToRoot } from "../../../bitcoin/block/merkle-lanes.ts";
import { equalBytes, HASH_LENGTH_BYTES } from "../../../bitcoin/bytes.ts";
import { sha256d } from "../../../bitcoin/hash.ts";
import { isIndexedScript } from "../../../bitcoin/script/scripthash.ts";
import { Sha256Lanes } from "../../../bitcoin/sha256-lanes.ts";
import type { Serialization } from "../../../bitcoin/transaction.ts";
import { AMOUNT_AT, FUNDING, OFFSET_EVERY, SPENDING, TRANSACTION, VOUT_AT } from "./layout.ts";
import { type PackedRows, packRows } from "./packed-block.ts";
import { addIndexToKey, KEY_VALUE_BYTES, RowKeys } from "./row-key.ts";
import { RowSorter } from "./sorter.ts";

/** Consecutive blocks to be indexed together. */
export interface RowsJob {
  /** Block i lies from `starts[i]` to `ends[i]`. */
  readonly bytes: Uint8Array;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  readonly firstHeight: number;
  readonly firstTxNumber: number;
  readonly serialization: Serialization;
  readonly secret: Uint8Array;
  /** Also list the script hashes that each block pays. */
  readonly withTouched: boolean;
}

/** What one run of the store is made from. */
export interface RowsResult {
  /** 80 bytes a block. */
  readonly headers: Uint8Array;
  /** 32 bytes a block, raw order. */
  readonly hashes: Uint8Array;
  readonly txCounts: Uint32Array;
  /** 32 bytes a transaction, raw order. */
  readonly txids: Uint8Array;
  /** Where in its block each transaction begins whose number is a multiple of `OFFSET_EVERY`. */
  readonly offsets: Uint32Array;
  /** In the order of `TABLES`. */
  readonly tables: readonly [PackedRows, PackedRows, PackedRows];
  /** Per block its different paid script hashes, 32 bytes each; empty unless asked for. */
  readonly touched: readonly Uint8Array[];
}

const INITIAL_ROOM = 4_096;
/** The genesis block's output is not a coin: its transaction is in the index, its output is not. */
const GENESIS_HEIGHT = 0;

/** Keeps its memory from job to job; use one per thread. Throws where a block is malformed or not what its header names. */
export class RowBuilder {
  readonly #sorter = new RowSorter();
  /** Place i of the one is output i's script hash, of the other transaction i's id. */
  readonly #scriptHashes = new Sha256Lanes(false);
  readonly #txids = new Sha256Lanes(true);
  readonly #merkle = new Sha256Lanes(true);
  #keys: { readonly secret: Uint8Array; readonly of: RowKeys } | undefined;

  // Per output, per input: the transaction (counted from the job's first) and where to find the rest.
  #outputTx = new Uint32Array(INITIAL_ROOM);
  #outputIndex = new Uint32Array(INITIAL_ROOM);
  #outputAmountAt = new Uint32Array(INITIAL_ROOM);
  #outputs = 0;
  #inputTx = new Uint32Array(INITIAL_ROOM);
  #inputIndex = new Uint32Array(INITIAL_ROOM);
  #inputTxids = new Uint8Array(INITIAL_ROOM * HASH_LENGTH_BYTES);
  #inputs = 0;
  #transactions = 0;
  #offsets: number[] = [];

  build(job: RowsJob): RowsResult {
    this.#outputs = 0;
    this.#inputs = 0;
    this.#transactions = 0;
    this.#offsets = [];
    const blocks = job.ends.length;
    const headers = new Uint8Array(blocks * HEADER_LENGTH_BYTES);
    const hashes = new Uint8Array(blocks * HASH_LENGTH_BYTES);
    const txCounts = new Uint32Array(blocks);
    const touched: Uint8Array[] = [];
    for (let i = 0; i < blocks; i++) {
      const start = job.starts[i] as number;
      const end = job.ends[i] as number;
      const header = job.bytes.subarray(start, start + HEADER_LENGTH_BYTES);
      const firstOutput = this.#outputs;
      txCounts[i] = this.#walk(job, start, end, job.firstHeight + i === GENESIS_HEIGHT);
      headers.set(header, i * HEADER_LENGTH_BYTES);
      hashes.set(sha256d(header), i * HASH_LENGTH_BYTES);
      this.#checkMerkle(header, txCounts[i] as number, job.firstHeight + i);
      if (job.withTouched) touched.push(this.#touchedSince(firstOutput));
    }
    const keys = this.#keysOf(job.secret);
    const txids = this.#txids.hashes.slice(0, this.#transactions * HASH_LENGTH_BYTES);
    return {
      headers,
      hashes,
      txCounts,
      txids,
      offsets: Uint32Array.from(this.#offsets),
      tables: [this.#funding(job, keys), this.#spending(job, keys), this.#transactionRows(job, keys, txids)],
      touched,
    };
  }

  #keysOf(secret: Uint8Array): RowKeys {
    if (this.#keys === undefined || !equalBytes(this.#keys.secret, secret)) {
      this.#keys = { secret: Uint8Array.from(secret), of: new RowKeys(secret) };
    }
    return this.#keys.of;
  }

  /** Notes every output, input and txid of one block; returns its number of transactions. */
  #walk(job: RowsJob, start: number, end: number, isGenesis: boolean): number {
    const block = job.bytes.subarray(start, end);
    const base = this.#transactions;
    this.#scriptHashes.load(block);
    this.#txids.load(block);
    const count = walkBlock(
      block,
      {
        input: (tx, _index, outpointAt) => {
          if (tx === 0) return; // the coinbase spends nothing
          if (this.#inputs === this.#inputTx.length) this.#growInputs();
          const at = this.#inputs++;
          this.#inputTx[at] = base + tx;
          this.#inputIndex[at] = outpointIndexAt(block, outpointAt);
          copy32(block, outpointAt, this.#inputTxids, at * HASH_LENGTH_BYTES);
        },
        output: (tx, index, amountAt, scriptStart, scriptEnd) => {
          if (isGenesis || !isIndexedScript(block, scriptStart, scriptEnd)) return;
          if (this.#outputs === this.#outputTx.length) this.#growOutputs();
          const at = this.#outputs++;
          this.#outputTx[at] = base + tx;
          this.#outputIndex[at] = index;
          this.#outputAmountAt[at] = start + amountAt;
          this.#scriptHashes.add(at, scriptStart, scriptEnd);
        },
        transaction: (span: TransactionSpan) => {
          const { start, end, bodyStart, bodyEnd } = span;
          if ((job.firstTxNumber + this.#transactions) % OFFSET_EVERY === 0) this.#offsets.push(start);
          // Version, body, locktime: without what SegWit put between them.
          this.#txids.add(this.#transactions++, start, start + 4, bodyStart, bodyEnd, end - 4, end);
        },
      },
      job.serialization,
    );
    this.#scriptHashes.flush();
    this.#txids.flush();
    return count;
  }

  #funding(job: RowsJob, keys: RowKeys): PackedRows {
    const count = this.#outputs;
    const { rowBytes, keyBytes, txNumberAt } = FUNDING;
    const values = keys.of(this.#scriptHashes.hashes, count);
    const rows = new Uint8Array(count * rowBytes);
    const { bytes } = job;
    for (let i = 0, at = 0, from = 0; i < count; i++, at += rowBytes, from += KEY_VALUE_BYTES) {
      for (let b = 0; b < keyBytes; b++) rows[at + b] = values[from + b] as number;
      writeTxNumber(rows, at + txNumberAt, job.firstTxNumber + (this.#outputTx[i] as number));
      const index = this.#outputIndex[i] as number;
      rows[at + VOUT_AT] = index >>> 16;
      rows[at + VOUT_AT + 1] = index >>> 8;
      rows[at + VOUT_AT + 2] = index;
      const amountAt = this.#outputAmountAt[i] as number;
      for (let b = 0; b < 8; b++) rows[at + AMOUNT_AT + b] = bytes[amountAt + 7 - b] as number;
    }
    return packRows(rows, this.#sorter.order(rows, rowBytes, count), FUNDING);
  }

  #spending(job: RowsJob, keys: RowKeys): PackedRows {
    const count = this.#inputs;
    const { rowBytes, keyBytes, txNumberAt } = SPENDING;
    const values = keys.of(this.#inputTxids, count);
    const rows = new Uint8Array(count * rowBytes);
    for (let i = 0, at = 0, from = 0; i < count; i++, at += rowBytes, from += KEY_VALUE_BYTES) {
      for (let b = 0; b < keyBytes; b++) rows[at + b] = values[from + b] as number;
      addIndexToKey(rows, at, this.#inputIndex[i] as number);
      writeTxNumber(rows, at + txNumberAt, job.firstTxNumber + (this.#inputTx[i] as number));
    }
    return packRows(rows, this.#sorter.order(rows, rowBytes, count), SPENDING);
  }

  #transactionRows(job: RowsJob, keys: RowKeys, txids: Uint8Array): PackedRows {
    const count = this.#transactions;
    const { rowBytes, keyBytes, txNumberAt } = TRANSACTION;
    const values = keys.of(txids, count);
    const rows = new Uint8Array(count * rowBytes);
    for (let i = 0, at = 0, from = 0; i < count; i++, at += rowBytes, from += KEY_VALUE_BYTES) {
      for (let b = 0; b < keyBytes; b++) rows[at + b] = values[from + b] as number;
      writeTxNumber(rows, at + txNumberAt, job.firstTxNumber + i);
    }
    return packRows(rows, this.#sorter.order(rows, rowBytes, count), TRANSACTION);
  }

  #checkMerkle(header: Uint8Array, txCount: number, height: number): void {
    const end = this.#transactions * HASH_LENGTH_BYTES;
    const leaves = this.#txids.hashes.subarray(end - txCount * HASH_LENGTH_BYTES, end);
    if (!leadsToRoot(leaves, header.subarray(36, 68), this.#merkle)) {
      throw new Error(`the transactions of the block at height ${height} are not those its header names`);
    }
  }

  #touchedSince(firstOutput: number): Uint8Array {
    const seen = new Set<string>();
    const view = Buffer.from(this.#scriptHashes.hashes.buffer);
    for (let i = firstOutput; i < this.#outputs; i++) {
      seen.add(view.toString("latin1", i * HASH_LENGTH_BYTES, (i + 1) * HASH_LENGTH_BYTES));
    }
    return Uint8Array.from(Buffer.from([...seen].join(""), "latin1"));
  }

  #growOutputs(): void {
    this.#outputTx = doubledWords(this.#outputTx);
    this.#outputIndex = doubledWords(this.#outputIndex);
    this.#outputAmountAt = doubledWords(this.#outputAmountAt);
  }

  #growInputs(): void {
    this.#inputTx = doubledWords(this.#inputTx);
    this.#inputIndex = doubledWords(this.#inputIndex);
    this.#inputTxids = doubled(this.#inputTxids);
  }
}

function writeTxNumber(row: Uint8Array, at: number, number: number): void {
  row[at] = number / 0x1_0000_0000;
  row[at + 1] = number >>> 24;
  row[at + 2] = number >>> 16;
  row[at + 3] = number >>> 8;
  row[at + 4] = number;
}

/** A loop beats `set` with a view for so few bytes. */
function copy32(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number): void {
  for (let i = 0; i < HASH_LENGTH_BYTES; i++) to[toAt + i] = from[fromAt + i] as number;
}

function doubled(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(bytes.length * 2);
  larger.set(bytes);
  return larger;
}

function doubledWords(words: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(words.length * 2);
  larger.set(words);
  return larger;
}
