/** Gathers what is found different: the first few in words, of the rest the number. */
import { INDEXER_DIFFERENCES_MAX, type IndexDifference } from "../../../bus/contracts/indexer.ts";

export class Findings {
  readonly #named: IndexDifference[] = [];
  #count = 0;

  add(where: IndexDifference["where"], height: number | null, what: string): void {
    this.#count += 1;
    if (this.#named.length < INDEXER_DIFFERENCES_MAX) this.#named.push({ where, height, what });
  }

  get count(): number {
    return this.#count;
  }

  get answer(): { differences: IndexDifference[]; differenceCount: number } {
    return { differences: this.#named, differenceCount: this.#count };
  }
}
