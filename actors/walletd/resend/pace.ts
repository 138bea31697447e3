/** When one transaction is handed to the node again: soon and not all at once where the node has lost it, else seldom, as others' wallets do. Pure. */
import type { Whereabouts } from "./whereabouts.ts";

const SOON_MS = { least: 1_000, most: 10_000 };
/** As Bitcoin Core's wallet paces it: whoever sends again often tells his peers whose transaction it is. */
const SELDOM_MS = { least: 12 * 3_600_000, most: 36 * 3_600_000 };
const REFUSED_MS = { least: 30_000, most: 3_600_000 };

export class Pace {
  readonly #random: () => number;
  /** Whether its owner would rather have others send it. */
  readonly #isLate: boolean;
  #since: "waiting" | "missing" | undefined;
  #dueMs = Number.POSITIVE_INFINITY;
  #refusals = 0;

  constructor({ random, isLate }: { readonly random: () => number; readonly isLate: boolean }) {
    this.#random = random;
    this.#isLate = isLate;
  }

  get dueMs(): number {
    return this.#dueMs;
  }

  /** True when it is time. */
  isDue(where: Whereabouts, nowMs: number): boolean {
    if (where !== "waiting" && where !== "missing") {
      this.again();
      return false;
    }
    if (this.#since !== where) {
      this.#since = where;
      this.#refusals = 0;
      this.#dueMs = nowMs + this.#between(where === "missing" && !this.#isLate ? SOON_MS : SELDOM_MS);
    }
    return nowMs >= this.#dueMs;
  }

  /** The pause begins anew, by what is seen next. */
  again(): void {
    this.#since = undefined;
    this.#dueMs = Number.POSITIVE_INFINITY;
  }

  /** What the node does not want now it may want later, when its mempool is emptier or another's is mined. */
  refused(nowMs: number): void {
    const pauseMs = Math.min(REFUSED_MS.most, REFUSED_MS.least * 2 ** this.#refusals);
    this.#refusals++;
    this.#dueMs = nowMs + this.#between({ least: pauseMs / 2, most: pauseMs });
  }

  #between({ least, most }: { readonly least: number; readonly most: number }): number {
    return least + this.#random() * (most - least);
  }
}
