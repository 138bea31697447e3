/** Gathers consecutive blocks into batches of a given size: one job for a thread, one run of the store. */
import { HEADER_LENGTH_BYTES } from "../../../bitcoin/block/header.ts";
import type { BlockHash } from "../../../bitcoin/bytes.ts";
import { Reader } from "../../../bitcoin/codec.ts";

export interface BatchJob {
  readonly hashes: readonly BlockHash[];
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
  readonly lengthBytes: number;
  readonly firstHeight: number;
  readonly firstTxNumber: number;
  readonly txCount: number;
}

/** However small its blocks, a batch has no more of them: the first years of the chain are a few hundred bytes a block. */
const BLOCKS_MAX = 20_000;

/** The block's own count of transactions, so that batches can be numbered before they are parsed. */
export function txCountOf(block: Uint8Array): number {
  return new Reader(block, HEADER_LENGTH_BYTES).compactSize();
}

export async function* batches(
  blocks: AsyncIterable<{ readonly hash: BlockHash; readonly block: Uint8Array }>,
  start: { readonly height: number; readonly txNumber: number },
  batchBytes: number,
): AsyncGenerator<BatchJob> {
  let firstHeight = start.height;
  let firstTxNumber = start.txNumber;
  let bytes = new Uint8Array(batchBytes);
  let ends: number[] = [];
  let hashes: BlockHash[] = [];
  let length = 0;
  let txCount = 0;
  const take = (): BatchJob => {
    const job = {
      hashes,
      bytes,
      ends: Uint32Array.from(ends),
      lengthBytes: length,
      firstHeight,
      firstTxNumber,
      txCount,
    };
    firstHeight += ends.length;
    firstTxNumber += txCount;
    ends = [];
    hashes = [];
    length = 0;
    txCount = 0;
    return job;
  };
  for await (const { hash, block } of blocks) {
    if (ends.length > 0 && (length + block.length > batchBytes || ends.length === BLOCKS_MAX)) {
      yield take();
      bytes = new Uint8Array(Math.max(batchBytes, block.length));
    } else if (ends.length === 0 && block.length > bytes.length) {
      bytes = new Uint8Array(block.length);
    }
    bytes.set(block, length);
    length += block.length;
    ends.push(length);
    hashes.push(hash);
    txCount += txCountOf(block);
  }
  if (ends.length > 0) yield take();
}
