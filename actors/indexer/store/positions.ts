/** Facts found by their place alone: items of one width, kept in chunks of one page each. */
import { TroupeError } from "../../../runtime/errors.ts";
import type { IndexerFailure } from "../errors.ts";

export interface PositionTable {
  readonly itemBytes: number;
  /** As many as fit one page of LMDB. */
  readonly itemsPerChunk: number;
}

export interface Chunk {
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** The chunks to write when `items` come to stand from place `first` on; what stood there and behind is gone. */
export function appendedChunks(
  { itemBytes, itemsPerChunk }: PositionTable,
  first: number,
  items: Uint8Array,
  read: (chunk: number) => Uint8Array | undefined,
): Chunk[] {
  const chunkBytes = itemBytes * itemsPerChunk;
  const chunks: Chunk[] = [];
  let number = Math.floor(first / itemsPerChunk);
  let keptBytes = (first % itemsPerChunk) * itemBytes;
  for (let at = 0; at < items.length; number++, keptBytes = 0) {
    const part = items.subarray(at, at + chunkBytes - keptBytes);
    at += part.length;
    if (keptBytes === 0) {
      chunks.push({ number, bytes: part });
      continue;
    }
    const bytes = new Uint8Array(keptBytes + part.length);
    bytes.set((read(number) ?? new Uint8Array(0)).subarray(0, keptBytes));
    bytes.set(part, keptBytes);
    chunks.push({ number, bytes });
  }
  return chunks;
}

/** `count` items from place `first` on, one after another. */
export function readPositions(
  { itemBytes, itemsPerChunk }: PositionTable,
  first: number,
  count: number,
  read: (chunk: number) => Uint8Array | undefined,
): Uint8Array {
  const out = new Uint8Array(count * itemBytes);
  let place = first;
  for (let at = 0; at < out.length; ) {
    const start = (place % itemsPerChunk) * itemBytes;
    const chunk = read(Math.floor(place / itemsPerChunk));
    const part = chunk?.subarray(start, start + out.length - at);
    if (part === undefined || part.length === 0) throw damaged(`place ${place} is missing from its chunk`);
    out.set(part, at);
    at += part.length;
    place += part.length / itemBytes;
  }
  return out;
}

function damaged(what: string): TroupeError {
  return new TroupeError<IndexerFailure>(
    { code: "INDEXER_STORE_DAMAGED", what },
    `the index contradicts itself: ${what}; check the disk, then have it built again: supervisor index rebuild`,
  );
}
