/** A chain in one file, in the form of the node's own block files, and the source that reads it. */

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { BlockSource, SourceTip } from "../../actors/indexer/sync/block-source.ts";
import { type BlockHash, blockHashFromBytes, hexToBytes } from "../../bitcoin/bytes.ts";
import { sha256d } from "../../bitcoin/hash.ts";
import { regtest } from "../../bitcoin/network.ts";
import type { MadeBlock } from "./generator.ts";

const RECORD_HEADER_BYTES = 8;
const HEADER_BYTES = 80;

/** Magic, length, block; one after another in the order of the chain. */
export async function writeChain(
  path: string,
  blocks: Iterable<MadeBlock>,
): Promise<{ bytes: number; transactions: number; blocks: number }> {
  const out = createWriteStream(path, { highWaterMark: 8 << 20 });
  const magic = hexToBytes(regtest.magic);
  const sums = { bytes: 0, transactions: 0, blocks: 0 };
  for (const { bytes, transactions } of blocks) {
    const record = Buffer.allocUnsafe(RECORD_HEADER_BYTES + bytes.length);
    record.set(magic);
    record.writeUInt32LE(bytes.length, 4);
    record.set(bytes, RECORD_HEADER_BYTES);
    if (!out.write(record)) await once(out, "drain");
    sums.bytes += bytes.length;
    sums.transactions += transactions;
    sums.blocks += 1;
  }
  out.end();
  await once(out, "close");
  return sums;
}

interface Place {
  readonly offset: number;
  readonly lengthBytes: number;
}

/** Serves the chain of such a file; it never changes. */
export class ChainFileSource implements BlockSource {
  readonly #file: FileHandle;
  readonly #hashes: BlockHash[] = [];
  readonly #headers: Uint8Array[] = [];
  readonly #places: Place[] = [];
  readonly #heights = new Map<BlockHash, number>();

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(path: string): Promise<ChainFileSource> {
    const source = new ChainFileSource(await open(path, "r"));
    const head = Buffer.alloc(RECORD_HEADER_BYTES + HEADER_BYTES);
    const sizeBytes = await source.sizeBytes();
    for (let offset = 0; ; ) {
      const { bytesRead } = await source.#file.read(head, 0, head.length, offset);
      if (bytesRead < head.length) return source;
      const lengthBytes = head.readUInt32LE(4);
      // A chain cut short is a shorter chain.
      if (offset + RECORD_HEADER_BYTES + lengthBytes > sizeBytes) return source;
      const header = Uint8Array.from(head.subarray(RECORD_HEADER_BYTES));
      const hash = blockHashFromBytes(sha256d(header));
      source.#heights.set(hash, source.#hashes.length);
      source.#hashes.push(hash);
      source.#headers.push(header);
      source.#places.push({ offset: offset + RECORD_HEADER_BYTES, lengthBytes });
      offset += RECORD_HEADER_BYTES + lengthBytes;
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  hashAt(height: number): BlockHash | undefined {
    return this.#hashes[height];
  }

  heightOf(hash: BlockHash): number | undefined {
    return this.#heights.get(hash);
  }

  /** All blocks, in the order of the chain. */
  allBlocks(): AsyncGenerator<Uint8Array> {
    return this.blocks(this.#hashes);
  }

  async sizeBytes(): Promise<number> {
    return (await this.#file.stat()).size;
  }

  async tip(): Promise<SourceTip> {
    return { height: this.#hashes.length - 1, hash: this.#hashes.at(-1) as BlockHash };
  }

  async overrules(): Promise<boolean> {
    return true;
  }

  async headersAfter(after: BlockHash | undefined, countMax: number): Promise<Uint8Array | undefined> {
    const height = after === undefined ? -1 : this.#heights.get(after);
    if (height === undefined) return undefined;
    return Buffer.concat(this.#headers.slice(height + 1, height + 1 + countMax));
  }

  /** A part of a block's bytes. */
  async bytesOf(hash: BlockHash, start: number, end: number): Promise<Uint8Array> {
    const { offset } = this.#places[this.#heights.get(hash) ?? -1] as Place;
    const bytes = Buffer.allocUnsafe(end - start);
    await this.#file.read(bytes, 0, bytes.length, offset + start);
    return bytes;
  }

  async *blocks(hashes: readonly BlockHash[]): AsyncGenerator<Uint8Array> {
    for (const hash of hashes) {
      const { offset, lengthBytes } = this.#places[this.#heights.get(hash) ?? -1] as Place;
      const block = Buffer.allocUnsafe(lengthBytes);
      await this.#file.read(block, 0, lengthBytes, offset);
      yield block;
    }
  }

  async spentScripts(): Promise<readonly Uint8Array[]> {
    return [];
  }

  async rawTransactions(): Promise<readonly string[]> {
    return [];
  }

  async waitForChange(): Promise<void> {
    // It never changes.
  }
}
