/** A list of raw blocks served as a node would serve them. */
import type { BlockSource, SourceTip } from "../../../actors/indexer/sync/block-source.ts";
import { HEADER_LENGTH_BYTES } from "../../../bitcoin/block/header.ts";
import { type BlockHash, blockHashFromBytes } from "../../../bitcoin/bytes.ts";
import { sha256d } from "../../../bitcoin/hash.ts";

export class RecordedSource implements BlockSource {
  readonly #blocks: readonly Uint8Array[];
  readonly #hashes: readonly BlockHash[];

  constructor(blocks: readonly Uint8Array[]) {
    this.#blocks = blocks;
    this.#hashes = blocks.map((block) => blockHashFromBytes(sha256d(block.subarray(0, HEADER_LENGTH_BYTES))));
  }

  async tip(): Promise<SourceTip> {
    return { height: this.#blocks.length - 1, hash: this.#hashes.at(-1) as BlockHash };
  }

  async overrules(): Promise<boolean> {
    return true;
  }

  async headersAfter(after: BlockHash | undefined, countMax: number): Promise<Uint8Array | undefined> {
    const height = after === undefined ? -1 : this.#hashes.indexOf(after);
    if (height < 0 && after !== undefined) return undefined;
    const blocks = this.#blocks.slice(height + 1, height + 1 + countMax);
    return Buffer.concat(blocks.map((block) => block.subarray(0, HEADER_LENGTH_BYTES)));
  }

  async *blocks(hashes: readonly BlockHash[]): AsyncGenerator<Uint8Array> {
    for (const hash of hashes) yield this.#blocks[this.#hashes.indexOf(hash)] as Uint8Array;
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
