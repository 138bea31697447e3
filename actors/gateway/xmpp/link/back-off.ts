/** How long to wait before the next try to reach the server: longer after each failure, and longest where trying is no remedy. */
import type { LinkFault } from "./xmpp-link.ts";

const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;
const JITTER = 0.2;

/** Only the operator can mend these. */
const HOPELESS: ReadonlySet<LinkFault> = new Set(["refused", "unknown-domain", "conflict", "insecure"]);

export class BackOff {
  readonly #random: () => number;
  #failures = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Not all components of a server that restarts come back in the same moment. */
  nextMs(fault: LinkFault): number {
    const plainMs = HOPELESS.has(fault) ? LONGEST_MS : Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#failures);
    this.#failures += 1;
    return Math.round(plainMs * (1 - JITTER + 2 * JITTER * this.#random()));
  }

  succeeded(): void {
    this.#failures = 0;
  }
}
