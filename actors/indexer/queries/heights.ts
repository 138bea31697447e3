/** Finds the block of a transaction by its number: the cumulative counts of all blocks, kept in memory (8 bytes a block). */
import type { Snapshot } from "../store/snapshot.ts";

const GROWTH = 1.25;

export class Heights {
  #counts = new Float64Array(1_024);
  #length = 0;
  #rollbacks = -1;

  /** Comes level with the snapshot: reads what is new, or all of it after a rollback. */
  follow(view: Snapshot): void {
    const { height, rollbacks } = view.state;
    if (rollbacks !== this.#rollbacks) this.#length = 0;
    this.#rollbacks = rollbacks;
    const missing = height + 1 - this.#length;
    // A snapshot taken before another's may come after it: what is known of later blocks does not harm it.
    if (missing <= 0) return;
    if (height + 1 > this.#counts.length) {
      const larger = new Float64Array(Math.ceil((height + 1) * GROWTH));
      larger.set(this.#counts.subarray(0, this.#length));
      this.#counts = larger;
    }
    view.counts(this.#length, missing).forEach((count, i) => {
      this.#counts[this.#length + i] = Number(count);
    });
    this.#length = height + 1;
  }

  /** The height of the block that holds this transaction. */
  heightOf(txNumber: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#counts[middle] as number) <= txNumber) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** How many transactions the blocks below `height` have together. */
  txCountBelow(height: number): number {
    return height === 0 ? 0 : (this.#counts[height - 1] as number);
  }
}
