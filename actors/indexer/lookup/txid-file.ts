/** The ids of transactions by their number: chunks of the store, the last used ones kept in memory. */
import { HASH_LENGTH_BYTES } from "../../../bitcoin/bytes.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import type { IndexerFailure } from "../errors.ts";
import type { Snapshot } from "../store/snapshot.ts";
import { TXIDS } from "../store/tables.ts";

/** Of one page each: 16 MB, which are touched as they are used. A power of two. */
const SLOTS = 4_096;
const EMPTY = -1;

export class TxidFile {
  readonly #chunkBytes = TXIDS.itemsPerChunk * TXIDS.itemBytes;
  /** Where `locate` points into. */
  readonly bytes: Uint8Array = new Uint8Array(SLOTS * this.#chunkBytes);
  readonly #chunks = new Int32Array(SLOTS).fill(EMPTY);
  #rollbacks = 0;

  /** Where in `bytes` the id stands, until the next call. */
  locate(view: Snapshot, txNumber: number): number {
    const { rollbacks, txCount } = view.state;
    if (rollbacks !== this.#rollbacks) {
      this.#chunks.fill(EMPTY);
      this.#rollbacks = rollbacks;
    }
    const chunk = Math.floor(txNumber / TXIDS.itemsPerChunk);
    const slot = chunk & (SLOTS - 1);
    if (this.#chunks[slot] !== chunk) {
      const found = view.txidChunk(chunk);
      const last = (txNumber - chunk * TXIDS.itemsPerChunk + 1) * HASH_LENGTH_BYTES;
      if (txNumber >= txCount || found === undefined || found.length < last) throw missing(txNumber, txCount);
      this.bytes.set(found, slot * this.#chunkBytes);
      // The newest chunk grows: it is read again each time.
      const isFull = (chunk + 1) * TXIDS.itemsPerChunk <= txCount;
      this.#chunks[slot] = isFull ? chunk : EMPTY;
    }
    return slot * this.#chunkBytes + (txNumber - chunk * TXIDS.itemsPerChunk) * HASH_LENGTH_BYTES;
  }

  /** Copies the id to `out` at `at`. */
  copy(view: Snapshot, txNumber: number, out: Uint8Array, at: number): void {
    const from = this.locate(view, txNumber);
    // A loop beats `set` with a view for so few bytes.
    for (let i = 0; i < HASH_LENGTH_BYTES; i++) out[at + i] = this.bytes[from + i] as number;
  }
}

function missing(txNumber: number, txCount: number): TroupeError {
  const what = `transaction ${txNumber} of ${txCount} has no id`;
  return new TroupeError<IndexerFailure>(
    { code: "INDEXER_STORE_DAMAGED", what },
    `the index contradicts itself: ${what}; check the disk, then have it built again: supervisor index rebuild`,
  );
}
