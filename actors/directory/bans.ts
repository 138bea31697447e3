/** Who is not let in for a while: nicks, places and addresses of bots that would not stop. */
import type { Clock } from "../../runtime/clock.ts";

/** The oldest go first: a table that strangers fill must not grow. */
const BANS_MAX = 100_000;

export class Bans {
  readonly #clock: Clock;
  readonly #durationMs: number;
  readonly #untilMs = new Map<string, number>();

  constructor(clock: Clock, durationMs: number) {
    this.#clock = clock;
    this.#durationMs = durationMs;
  }

  get size(): number {
    this.#forgetOld();
    return this.#untilMs.size;
  }

  add(names: readonly string[]): void {
    for (const name of names) {
      this.#untilMs.delete(name);
      this.#untilMs.set(name, this.#clock.monotonicMs() + this.#durationMs);
    }
    this.#forgetOld();
  }

  has(name: string): boolean {
    const untilMs = this.#untilMs.get(name);
    return untilMs !== undefined && untilMs > this.#clock.monotonicMs();
  }

  /** All last equally long, so that the first to end stand first. */
  #forgetOld(): void {
    for (const [name, untilMs] of this.#untilMs) {
      if (this.#untilMs.size <= BANS_MAX && untilMs > this.#clock.monotonicMs()) break;
      this.#untilMs.delete(name);
    }
  }
}
