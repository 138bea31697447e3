/** Compares the index with the node's blocks and with itself, a piece at a time; it changes nothing and keeps nothing. */
import { HEADER_LENGTH_BYTES } from "../../../bitcoin/block/header.ts";
import { blockHashFromBytes, equalBytes, HASH_LENGTH_BYTES, txidFromBytes } from "../../../bitcoin/bytes.ts";
import { sha256d } from "../../../bitcoin/hash.ts";
import type { Network } from "../../../bitcoin/network.ts";
import type { RawBlocks } from "../../../bitcoind/files/block-reader.ts";
import type { IndexDifference } from "../../../bus/contracts/indexer.ts";
import { hasCode, TroupeError } from "../../../runtime/errors.ts";
import type { IndexerFailure } from "../errors.ts";
import { OFFSET_EVERY, TABLES } from "../rows/layout.ts";
import { PackedReader } from "../rows/packed-block.ts";
import { RowBuilder, type RowsResult } from "../rows/rows.ts";
import type { Snapshot } from "../store/snapshot.ts";
import type { IndexStore } from "../store/store.ts";
import { offsetsOf } from "../store/tables.ts";
import type { BlockSource } from "../sync/block-source.ts";
import { hashesOf, joined } from "../touched.ts";
import { checkRows } from "./block-check.ts";
import type { Findings } from "./findings.ts";
import { RowSum } from "./row-sum.ts";
import { lookThrough, type SliceJob, type SliceResult } from "./stored-slice.ts";

export interface VerifierOptions {
  readonly store: IndexStore;
  readonly source: Pick<BlockSource, "headersAfter" | "blocks" | "spentScripts">;
  readonly network: Network;
}

export interface BlocksJob {
  readonly height: number;
  readonly count: number;
  /** Each row is looked up; one block at a time. */
  readonly isDeep: boolean;
}

export interface BlocksResult {
  readonly blocks: number;
  readonly firstTxNumber: number;
  readonly transactions: number;
  readonly lengthBytes: number;
  /** By table. */
  readonly sums: readonly RowSum[];
}

/** Raw blocks in memory at once. */
const BATCH_BYTES = 8 * 1024 * 1024;
const BATCH_BLOCKS = 500;
const HEADERS_MAX = 2_000;

export class Verifier {
  readonly #options: VerifierOptions;
  #builder: RowBuilder | undefined;

  constructor(options: VerifierOptions) {
    this.#options = options;
  }

  async blocks(job: BlocksJob, findings: Findings, signal: AbortSignal): Promise<BlocksResult> {
    const view = this.#options.store.snapshot();
    try {
      return await this.#blocks(view, job, findings, signal);
    } finally {
      view.release();
    }
  }

  slice(job: SliceJob, findings: Findings): SliceResult {
    const view = this.#options.store.snapshot();
    try {
      return lookThrough(view, job, findings);
    } finally {
      view.release();
    }
  }

  async #blocks(
    view: Snapshot,
    { height, count, isDeep }: BlocksJob,
    findings: Findings,
    signal: AbortSignal,
  ): Promise<BlocksResult> {
    const { state } = view;
    if (height > state.height) {
      const what = `there is no block at height ${height}; the tip is ${state.height}`;
      throw new TroupeError<IndexerFailure>({ code: "INDEXER_RANGE", what }, what);
    }
    const wanted = Math.min(isDeep ? 1 : Math.min(count, BATCH_BLOCKS), state.height + 1 - height);
    await this.#mustBeLevel(view, signal);
    const headers = await this.#trueHeaders(view, height, wanted, signal);
    const raw = await this.#fetch(headers, signal);
    const counts = this.#countsFrom(view, height, raw.ends.length, findings);
    const firstTxNumber = counts[0] as number;
    this.#builder ??= new RowBuilder();
    const rows = this.#builder.build({
      ...raw,
      firstHeight: height,
      firstTxNumber,
      serialization: this.#options.network.serialization,
      secret: this.#options.store.secret,
      withTouched: isDeep,
    });
    this.#compareHeaders(view, height, headers.subarray(0, rows.headers.length), findings);
    const areCountsGood = this.#compareCounts(height, counts, rows, findings);
    if (areCountsGood) {
      this.#compareTxids(view, height, firstTxNumber, rows, findings);
      this.#compareOffsets(view, height, firstTxNumber, rows, findings);
    }
    this.#comparePlaces(view, height, raw, findings);
    if (height + rows.txCounts.length > state.height) this.#compareState(view, findings);
    if (isDeep && areCountsGood) {
      await checkRows(view, { height, firstTxNumber, rows }, findings);
      await this.#compareTouched(view, height, rows, findings, signal);
    }
    // What differs because the chain turned meanwhile is no fault of the store.
    if (findings.count > 0) await this.#mustBeLevel(view, signal);
    const transactions = rows.txCounts.reduce((sum, each) => sum + each, 0);
    return {
      blocks: rows.txCounts.length,
      firstTxNumber,
      transactions,
      lengthBytes: raw.ends.at(-1) as number,
      sums: sumsOf(rows),
    };
  }

  async #mustBeLevel({ state }: Snapshot, signal: AbortSignal): Promise<void> {
    if ((await this.#options.source.headersAfter(state.tipHash, 1, signal)) === undefined) throw notLevel();
  }

  /** The node's headers from `height` on. It is found by a header below that node and index share: the nearest may be damaged here. */
  async #trueHeaders(
    view: Snapshot,
    height: number,
    count: number,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { source } = this.#options;
    let below = height - 1;
    for (let step = 1; below >= 0; step *= 2) {
      const found = await source.headersAfter(hashAt(view, below), 1, signal);
      if (found !== undefined) break;
      below = Math.max(-1, below - step);
    }
    const parts: Uint8Array[] = [];
    let last = below < 0 ? undefined : hashAt(view, below);
    let missing = height - 1 - below + count;
    while (missing > 0) {
      const headers = await source.headersAfter(last, Math.min(missing, HEADERS_MAX), signal);
      if (headers === undefined || headers.length === 0) throw notLevel();
      parts.push(headers);
      missing -= headers.length / HEADER_LENGTH_BYTES;
      last = blockHashFromBytes(sha256d(headers.subarray(-HEADER_LENGTH_BYTES)));
    }
    const start = (height - 1 - below) * HEADER_LENGTH_BYTES;
    return Buffer.concat(parts).subarray(start, start + count * HEADER_LENGTH_BYTES);
  }

  /** The first blocks of these headers, as many as are kept in memory at once. */
  async #fetch(headers: Uint8Array, signal: AbortSignal): Promise<RawBlocks> {
    const hashes = Array.from({ length: headers.length / HEADER_LENGTH_BYTES }, (_, i) =>
      blockHashFromBytes(sha256d(headers.subarray(i * HEADER_LENGTH_BYTES, (i + 1) * HEADER_LENGTH_BYTES))),
    );
    const blocks: Uint8Array[] = [];
    const ends: number[] = [];
    let length = 0;
    for await (const block of this.#options.source.blocks(hashes, signal)) {
      blocks.push(block);
      length += block.length;
      ends.push(length);
      if (length >= BATCH_BYTES) break;
    }
    return {
      bytes: Buffer.concat(blocks),
      starts: Uint32Array.from([0, ...ends.slice(0, -1)]),
      ends: Uint32Array.from(ends),
    };
  }

  /** The stored numbers of transactions below `height` and through each block from there on. */
  #countsFrom(view: Snapshot, height: number, blocks: number, findings: Findings): number[] {
    const first = Math.max(0, height - 1);
    const stored = guarded("counts", height, findings, () => view.counts(first, height + blocks - first));
    const numbers = Array.from(stored ?? new BigUint64Array(height + blocks - first), Number);
    return height === 0 ? [0, ...numbers] : numbers;
  }

  #compareHeaders(view: Snapshot, height: number, headers: Uint8Array, findings: Findings): void {
    const stored = guarded("headers", height, findings, () =>
      view.headers(height, headers.length / HEADER_LENGTH_BYTES),
    );
    if (stored === undefined) return;
    for (let at = 0; at < headers.length; at += HEADER_LENGTH_BYTES) {
      const end = at + HEADER_LENGTH_BYTES;
      if (equalBytes(stored.subarray(at, end), headers.subarray(at, end))) continue;
      findings.add(
        "headers",
        height + at / HEADER_LENGTH_BYTES,
        "the header is not that of the node's block",
      );
    }
  }

  #compareCounts(height: number, counts: readonly number[], rows: RowsResult, findings: Findings): boolean {
    let isGood = true;
    rows.txCounts.forEach((txCount, i) => {
      const stored = (counts[i + 1] as number) - (counts[i] as number);
      if (stored === txCount) return;
      isGood = false;
      findings.add("counts", height + i, `the block has ${txCount} transactions, stored are ${stored}`);
    });
    return isGood;
  }

  #compareTxids(
    view: Snapshot,
    height: number,
    firstTxNumber: number,
    { txids, txCounts }: RowsResult,
    findings: Findings,
  ): void {
    const stored = guarded("txids", height, findings, () =>
      view.txids(firstTxNumber, txids.length / HASH_LENGTH_BYTES),
    );
    if (stored === undefined || equalBytes(stored, txids)) return;
    let at = 0;
    txCounts.forEach((txCount, i) => {
      for (let position = 0; position < txCount; position++, at += HASH_LENGTH_BYTES) {
        const end = at + HASH_LENGTH_BYTES;
        if (equalBytes(stored.subarray(at, end), txids.subarray(at, end))) continue;
        const is = txidFromBytes(stored, at);
        findings.add(
          "txids",
          height + i,
          `transaction ${position} is ${txidFromBytes(txids, at)}, stored is ${is}`,
        );
      }
    });
  }

  #compareOffsets(
    view: Snapshot,
    height: number,
    firstTxNumber: number,
    { offsets, txCounts }: RowsResult,
    findings: Findings,
  ): void {
    const first = offsetsOf(firstTxNumber);
    const stored = guarded("offsets", height, findings, () => view.offsets(first, offsets.length));
    if (stored === undefined) return;
    let block = 0;
    let blockStart = firstTxNumber;
    offsets.forEach((offset, i) => {
      const txNumber = (first + i) * OFFSET_EVERY;
      while (txNumber >= blockStart + (txCounts[block] as number)) blockStart += txCounts[block++] as number;
      if (stored[i] === offset) return;
      const what = `transaction ${txNumber - blockStart} begins at byte ${offset}, stored is ${stored[i]}`;
      findings.add("offsets", height + block, what);
    });
  }

  /** What lies at a place in a file of this machine is checked whenever it is read; here, that it is so long a block. */
  #comparePlaces(view: Snapshot, height: number, { starts, ends }: RawBlocks, findings: Findings): void {
    const stored = guarded("places", height, findings, () => view.blockPlaces(height, ends.length));
    stored?.forEach((place, i) => {
      const lengthBytes = (ends[i] as number) - (starts[i] as number);
      if (place === undefined || place.lengthBytes === lengthBytes) return;
      const what = `the block has ${lengthBytes} bytes, and is said to have ${place.lengthBytes} in the node's file ${place.file}`;
      findings.add("places", height + i, what);
    });
  }

  #compareState(view: Snapshot, findings: Findings): void {
    const { height, tipHash, txCount } = view.state;
    const header = guarded("headers", height, findings, () => hashAt(view, height));
    if (header !== undefined && header !== tipHash) {
      findings.add("state", height, `the tip is said to be ${tipHash}, and its header is ${header}`);
    }
    const counted = guarded("counts", height, findings, () => view.txCountThrough(height));
    if (counted !== undefined && counted !== txCount) {
      findings.add(
        "state",
        height,
        `there are said to be ${txCount} transactions, and counted are ${counted}`,
      );
    }
  }

  async #compareTouched(
    view: Snapshot,
    height: number,
    rows: RowsResult,
    findings: Findings,
    signal: AbortSignal,
  ): Promise<void> {
    const stored = view.touched(height);
    if (stored === undefined) return;
    const spent = await this.#options.source.spentScripts(blockHashFromBytes(rows.hashes), signal);
    // A block that has left the node's chain may have lost what would be needed.
    if (
      spent === undefined ||
      equalBytes(stored, joined(rows.touched[0] ?? new Uint8Array(0), hashesOf(spent)))
    )
      return;
    findings.add("touched", height, "the script hashes that the block touches are not those that are stored");
  }
}

function sumsOf(rows: RowsResult): RowSum[] {
  return TABLES.map((table, t) => {
    const sum = new RowSum();
    const { bytes, ends } = rows.tables[t as 0 | 1 | 2];
    const reader = new PackedReader(table);
    let start = 0;
    for (const end of ends) {
      const { count } = reader.open(bytes, start);
      const unpacked = new Uint8Array(count * table.rowBytes);
      reader.copyAll(unpacked, 0);
      for (let at = 0; at < unpacked.length; at += table.rowBytes) sum.add(unpacked, at, table.rowBytes);
      start = end;
    }
    return sum;
  });
}

function notLevel(): TroupeError {
  return new TroupeError<IndexerFailure>(
    { code: "INDEXER_NOT_LEVEL" },
    "the index and the node are not on the same chain just now; ask again when the index is level",
  );
}

function hashAt(view: Snapshot, height: number) {
  return blockHashFromBytes(sha256d(view.headers(height, 1)));
}

/** What the store itself says of its damage is a finding like any other. */
function guarded<T>(
  where: IndexDifference["where"],
  height: number,
  findings: Findings,
  read: () => T,
): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!hasCode(error, "INDEXER_STORE_DAMAGED") && !hasCode(error, "INDEXER_RANGE")) throw error;
    findings.add(where, height, (error as Error).message.slice(0, 200));
    return undefined;
  }
}
