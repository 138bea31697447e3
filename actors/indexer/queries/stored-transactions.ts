/** Reads transactions out of the node's block files, by the places that the index knows; each is checked by its id. */
import { spanAfter, spanTxidBytes, type TransactionSpan } from "../../../bitcoin/block/block-walker.ts";
import { HEADER_LENGTH_BYTES } from "../../../bitcoin/block/header.ts";
import { equalBytes, HASH_LENGTH_BYTES } from "../../../bitcoin/bytes.ts";
import { compactSizeLength } from "../../../bitcoin/codec.ts";
import type { Serialization } from "../../../bitcoin/transaction.ts";
import { BLOCK_MAX_BYTES } from "../../../bitcoind/files/block-files.ts";
import type { BlockPlace } from "../../../bitcoind/files/block-reader.ts";
import { FileSlices } from "../../../bitcoind/files/file-slices.ts";
import type { Clock } from "../../../runtime/clock.ts";
import type { Log } from "../../../runtime/log/log.ts";
import { OFFSET_EVERY } from "../rows/layout.ts";
import { offsetsOf } from "../store/tables.ts";
import type { Reading } from "./memory.ts";

export interface StoredTransactionsOptions {
  /** The node's directory with `blk00000.dat`. It need not be there. */
  readonly directory: string;
  readonly serialization: Serialization;
  /** What is read for one transaction: itself and what stands between it and the nearest known offset. A whole block by default. */
  readonly lengthMax?: number;
  /** After a reading that took longer nothing is read for a while: for threads that have others to serve meanwhile. */
  readonly slowMs?: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** So long a block whose bytes were not what they should be, or a slow disk, is left alone. */
const REST_MS = 10_000;
/** Of so many blocks at once it is remembered. */
const DOUBTED_MAX = 1_000;

/** Where a transaction is looked for: `skipped` transactions after the one at `start`, before `end` of its block. */
interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly skipped: number;
}

export class StoredTransactions {
  readonly #options: Required<StoredTransactionsOptions>;
  readonly #files: FileSlices;
  /** By height until when a block's place is not trusted. */
  readonly #doubted = new Map<number, number>();
  #restsUntilMs = Number.NEGATIVE_INFINITY;
  #isTold = false;

  constructor(options: StoredTransactionsOptions) {
    this.#options = { lengthMax: BLOCK_MAX_BYTES, slowMs: Number.POSITIVE_INFINITY, ...options };
    this.#files = new FileSlices(options);
  }

  /**
   * The bytes of a transaction of the block at `height`, valid until the next reading. Nothing where they cannot be had
   * here: the place is not known, the file is gone, or what lies there is something else. The node has them then.
   */
  read(reading: Reading, txNumber: number, height: number): Uint8Array | undefined {
    const { clock, lengthMax, slowMs } = this.#options;
    const startMs = clock.monotonicMs();
    if (startMs < this.#restsUntilMs || startMs < (this.#doubted.get(height) ?? 0)) return undefined;
    const [place] = reading.view.blockPlaces(height, 1);
    if (place === undefined) return undefined;
    const stretch = stretchOf(reading, txNumber, height, place);
    if (stretch.end - stretch.start > lengthMax) return undefined;
    const bytes = this.#files.read(place.file, place.offset + stretch.start, stretch.end - stretch.start);
    const endMs = clock.monotonicMs();
    if (endMs - startMs > slowMs) this.#restsUntilMs = endMs + REST_MS;
    if (bytes === undefined) return undefined;
    const found = this.#checked(reading, txNumber, bytes, stretch.skipped);
    if (found === undefined) this.#doubt(height, place, endMs);
    return found;
  }

  close(): void {
    this.#files.close();
  }

  #checked(
    { txids, view }: Reading,
    txNumber: number,
    bytes: Uint8Array,
    skipped: number,
  ): Uint8Array | undefined {
    let span: TransactionSpan;
    try {
      span = spanAfter(bytes, 0, skipped, this.#options.serialization);
    } catch {
      return undefined;
    }
    const at = txids.locate(view, txNumber);
    const txid = txids.bytes.subarray(at, at + HASH_LENGTH_BYTES);
    return equalBytes(spanTxidBytes(bytes, span), txid) ? bytes.subarray(span.start, span.end) : undefined;
  }

  #doubt(height: number, { file }: BlockPlace, nowMs: number): void {
    this.#files.doubt();
    if (this.#doubted.size >= DOUBTED_MAX) this.#doubted.clear();
    this.#doubted.set(height, nowMs + REST_MS);
    if (this.#isTold) return;
    this.#isTold = true;
    this.#options.log.warn(
      "the node's block files do not hold what the index has found there; the node is asked for such transactions",
      { height, file },
    );
  }
}

/** From the nearest transaction before it of which the offset is known, to the nearest behind it. */
function stretchOf({ heights, view }: Reading, txNumber: number, height: number, place: BlockPlace): Stretch {
  const first = heights.txCountBelow(height);
  const end = heights.txCountBelow(height + 1);
  const sample = Math.floor(txNumber / OFFSET_EVERY);
  const count = Math.min(2, offsetsOf(view.state.txCount) - sample);
  const [before = 0, after = 0] = view.offsets(sample, count);
  const isBeforeInBlock = sample * OFFSET_EVERY >= first;
  return {
    start: isBeforeInBlock ? before : HEADER_LENGTH_BYTES + compactSizeLength(end - first),
    end: (sample + 1) * OFFSET_EVERY < end ? after : place.lengthBytes,
    skipped: txNumber - (isBeforeInBlock ? sample * OFFSET_EVERY : first),
  };
}
