/** The node's fee estimates, kept until the next block: they hardly change in between, and thousands of clients ask. */
import type { BlockHash } from "../../../bitcoin/bytes.ts";
import type { EstimateMode } from "../../../bitcoind/questions/mempool.ts";
import { estimateTarget } from "../view/fee-histogram.ts";

export interface EstimatesOptions {
  readonly ask: (targetBlocks: number, mode: EstimateMode) => Promise<bigint | undefined>;
  readonly tipHash: () => BlockHash | undefined;
}

export class Estimates {
  readonly #options: EstimatesOptions;
  #tipHash: BlockHash | undefined;
  /** At most one question under way for each target and mode. */
  #answers = new Map<string, Promise<bigint | undefined>>();

  constructor(options: EstimatesOptions) {
    this.#options = options;
  }

  /** In satoshi per 1,000 vB; nothing while the node has no data. */
  async satPerKvb(targetBlocks: number, mode: EstimateMode): Promise<bigint | undefined> {
    const tipHash = this.#options.tipHash();
    if (tipHash !== this.#tipHash) {
      this.#tipHash = tipHash;
      this.#answers = new Map();
    }
    const target = estimateTarget(targetBlocks);
    const key = `${target} ${mode}`;
    const answers = this.#answers;
    const known = answers.get(key);
    if (known !== undefined) return known;
    const asked = this.#options.ask(target, mode);
    answers.set(key, asked);
    // A failure is not kept: the next one who asks may have more luck.
    asked.catch(() => answers.delete(key));
    return asked;
  }
}
