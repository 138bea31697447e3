/** The last blocks of the chain, as far back as answers and reorganisations may need them. */
import type { BlockHash } from "../../../bitcoin/bytes.ts";

export interface ChainBlock {
  readonly height: number;
  readonly hash: BlockHash;
}

/** Reorganisations deeper than this are told as a change of everything. */
const KEPT = 150;

export class RecentChain {
  /** The tip last. */
  #blocks: ChainBlock[] = [];

  get tip(): ChainBlock | undefined {
    return this.#blocks.at(-1);
  }

  find(hash: string): ChainBlock | undefined {
    return this.#blocks.findLast((block) => block.hash === hash);
  }

  hashAt(height: number): BlockHash | undefined {
    return this.#blocks.findLast((block) => block.height === height)?.hash;
  }

  /** Forgets what came before. */
  beginAt(tip: ChainBlock): void {
    this.#blocks = [tip];
  }

  /** Keeps the blocks up to `fork`, one of ours, and appends the others. */
  follow(fork: ChainBlock, connected: readonly ChainBlock[]): void {
    const kept = this.#blocks.filter(({ height }) => height <= fork.height);
    this.#blocks = [...kept, ...connected].slice(-KEPT);
  }
}
