/** Lines leave one after another with a pause: IRC servers cut whoever is faster. */
import type { Clock, Timer } from "../../../runtime/clock.ts";

/** More than half an hour's worth: what is later than that is of no use to anybody. */
const WAITING_MAX = 1_500;

export class Pace {
  readonly #clock: Clock;
  readonly #pauseMs: number;
  readonly #write: (line: string) => void;
  readonly #waiting: string[] = [];
  #timer: Timer | undefined;

  constructor(clock: Clock, pauseMs: number, write: (line: string) => void) {
    this.#clock = clock;
    this.#pauseMs = pauseMs;
    this.#write = write;
  }

  /** False if so much waits that nothing more is taken. */
  send(lines: readonly string[]): boolean {
    if (this.#waiting.length + lines.length > WAITING_MAX) return false;
    this.#waiting.push(...lines);
    if (this.#timer === undefined) this.#next();
    return true;
  }

  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#waiting.length = 0;
  }

  #next(): void {
    this.#timer = undefined;
    const line = this.#waiting.shift();
    if (line === undefined) return;
    this.#timer = this.#clock.after(this.#pauseMs, () => this.#next(), { background: true });
    this.#write(line);
  }
}
