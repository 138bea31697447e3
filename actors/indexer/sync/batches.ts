/** Gathers consecutive blocks into batches of a given size: one job for a thread, one run of the store. */
import { HEADER_LENGTH_BYTES } from "../../../bitcoin/block/header.ts";
import type { BlockHash } from "../../../bitcoin/bytes.ts";
import { Reader } from "../../../bitcoin/codec.ts";
import type { LocatedBlock } from "../../../bitcoind/files/block-locator.ts";
import type { RawBlocks, StoredBlocks } from "../../../bitcoind/files/block-reader.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import type { IndexerFailure } from "../errors.ts";

export interface BatchJob {
  readonly hashes: readonly BlockHash[];
  readonly blocks: RawBlocks | StoredBlocks;
  readonly lengthBytes: number;
  readonly firstHeight: number;
  readonly firstTxNumber: number;
  readonly txCount: number;
}

/** A block at hand, or where it lies in a file of this machine. */
export type SourcedBlock =
  | { readonly hash: BlockHash; readonly block: Uint8Array }
  | { readonly hash: BlockHash; readonly located: LocatedBlock; readonly files: BlockFilesRef };

/** Of `BlockFiles` what a thread needs. */
export type BlockFilesRef = Pick<StoredBlocks, "directory" | "key">;

/** However small its blocks, a batch has no more of them: the first years of the chain are a few hundred bytes a block. */
const BLOCKS_MAX = 20_000;

/** The block's own count of transactions, so that batches can be numbered before they are parsed. */
export function txCountOf(block: Uint8Array): number {
  try {
    return new Reader(block, HEADER_LENGTH_BYTES).compactSize();
  } catch (error) {
    throw new TroupeError<IndexerFailure>(
      { code: "INDEXER_BAD_BLOCK", height: -1, reason: "it is cut off" },
      `the node gave ${block.length} bytes that are no block; it is asked again, and if this stays, check the node`,
      { cause: error },
    );
  }
}

/** A batch holds either blocks at hand or blocks in files. */
export async function* batches(
  blocks: AsyncIterable<SourcedBlock>,
  start: { readonly height: number; readonly txNumber: number },
  batchBytes: number,
): AsyncGenerator<BatchJob> {
  let batch = new Batch(start.height, start.txNumber, batchBytes);
  for await (const sourced of blocks) {
    if (!batch.takes(sourced)) {
      yield batch.job();
      batch = batch.next();
    }
    batch.add(sourced);
  }
  if (batch.count > 0) yield batch.job();
}

class Batch {
  readonly #firstHeight: number;
  readonly #firstTxNumber: number;
  readonly #batchBytes: number;
  readonly #hashes: BlockHash[] = [];
  readonly #ends: number[] = [];
  readonly #places: LocatedBlock[] = [];
  #files: BlockFilesRef | undefined;
  #bytes = new Uint8Array(0);
  #lengthBytes = 0;
  #txCount = 0;

  constructor(firstHeight: number, firstTxNumber: number, batchBytes: number) {
    this.#firstHeight = firstHeight;
    this.#firstTxNumber = firstTxNumber;
    this.#batchBytes = batchBytes;
  }

  get count(): number {
    return this.#hashes.length;
  }

  takes(sourced: SourcedBlock): boolean {
    if (this.count === 0) return true;
    const isStored = this.#files !== undefined;
    const length = "block" in sourced ? sourced.block.length : sourced.located.lengthBytes;
    return (
      this.count < BLOCKS_MAX &&
      "block" in sourced !== isStored &&
      this.#lengthBytes + length <= this.#batchBytes
    );
  }

  add(sourced: SourcedBlock): void {
    if ("block" in sourced) {
      const { block } = sourced;
      if (this.count === 0) this.#bytes = new Uint8Array(Math.max(this.#batchBytes, block.length));
      this.#bytes.set(block, this.#lengthBytes);
      this.#lengthBytes += block.length;
      this.#ends.push(this.#lengthBytes);
      this.#txCount += txCountOf(block);
    } else {
      this.#files = sourced.files;
      this.#places.push(sourced.located);
      this.#lengthBytes += sourced.located.lengthBytes;
      this.#txCount += sourced.located.txCount;
    }
    this.#hashes.push(sourced.hash);
  }

  job(): BatchJob {
    const files = this.#files;
    return {
      hashes: this.#hashes,
      blocks:
        files === undefined
          ? { bytes: this.#bytes, starts: startsOf(this.#ends), ends: Uint32Array.from(this.#ends) }
          : { directory: files.directory, key: files.key, places: this.#places },
      lengthBytes: this.#lengthBytes,
      firstHeight: this.#firstHeight,
      firstTxNumber: this.#firstTxNumber,
      txCount: this.#txCount,
    };
  }

  next(): Batch {
    return new Batch(this.#firstHeight + this.count, this.#firstTxNumber + this.#txCount, this.#batchBytes);
  }
}

/** Where blocks begin that stand one after another. */
function startsOf(ends: readonly number[]): Uint32Array {
  const starts = new Uint32Array(ends.length);
  for (let i = 1; i < ends.length; i++) starts[i] = ends[i - 1] as number;
  return starts;
}
