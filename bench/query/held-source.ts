/** A chain file of which only the beginning is served, until the rest is let go. */
import type { BlockSource, SourceTip } from "../../actors/indexer/sync/block-source.ts";
import type { BlockHash } from "../../bitcoin/bytes.ts";
import { sleep, systemClock } from "../../runtime/clock.ts";
import type { ChainFileSource } from "../chain/chain-file.ts";

const POLL_MS = 50;

export class HeldSource implements BlockSource {
  readonly #chain: ChainFileSource;
  /** The height of the last block that is served. */
  height: number;

  constructor(chain: ChainFileSource, height: number) {
    this.#chain = chain;
    this.height = height;
  }

  async tip(): Promise<SourceTip> {
    return { height: this.height, hash: this.#chain.hashAt(this.height) as BlockHash };
  }

  async headersAfter(after: BlockHash | undefined, countMax: number): Promise<Uint8Array | undefined> {
    const height = after === undefined ? -1 : this.#chain.heightOf(after);
    if (height === undefined) return undefined;
    return this.#chain.headersAfter(after, Math.max(0, Math.min(countMax, this.height - height)));
  }

  async overrules(): Promise<boolean> {
    return true;
  }

  blocks(hashes: readonly BlockHash[]): AsyncGenerator<Uint8Array> {
    return this.#chain.blocks(hashes);
  }

  async spentScripts(): Promise<readonly Uint8Array[]> {
    return [];
  }

  async rawTransactions(): Promise<readonly string[]> {
    return [];
  }

  async waitForChange(_timeoutMs: number, signal: AbortSignal): Promise<void> {
    // A stop ends it early.
    await sleep(systemClock, POLL_MS, signal).catch(() => {});
  }
}
