/** Lines that came a moment ago by another way: bots send the same words through every directory. */
import type { Clock } from "../../../runtime/clock.ts";

const FRESH_MS = 30_000;
/** The oldest go first; what comes again after them is only work, as nothing here may be believed twice. */
const LINES_MAX = 4_096;

export class RecentLines {
  readonly #clock: Clock;
  readonly #lines = new Map<string, { readonly way: object; readonly atMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** False for a line that came by another way lately. By the same way a peer may well say a thing twice. */
  isFirst(line: string, way: object): boolean {
    const atMs = this.#clock.monotonicMs();
    const before = this.#lines.get(line);
    if (before !== undefined && before.way !== way && atMs - before.atMs < FRESH_MS) return false;
    this.#lines.delete(line);
    this.#lines.set(line, { way, atMs });
    for (const [oldest, { atMs: then }] of this.#lines) {
      if (this.#lines.size <= LINES_MAX && atMs - then < FRESH_MS) break;
      this.#lines.delete(oldest);
    }
    return true;
  }

  /** It was not what it seemed: who sends it truly later must not be taken for an echo. */
  drop(line: string): void {
    this.#lines.delete(line);
  }
}
