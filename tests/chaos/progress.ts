/** Lines for whoever waits: how far, how fast, how long still. */
import { performance } from "node:perf_hooks";

const EVERY_MS = 10_000;

export class Progress {
  readonly #total: number;
  readonly #noun: string;
  readonly #say: (line: string) => void;
  readonly #startedMs = performance.now();
  #done = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `noun`: what there are so many of. */
  constructor(total: number, noun: string, say: (line: string) => void) {
    this.#total = total;
    this.#noun = noun;
    this.#say = say;
  }

  start(): void {
    this.#timer = setInterval(() => this.#tell(), EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  step(count = 1): void {
    this.#done += count;
  }

  #tell(): void {
    const perSecond = (this.#done * 1_000) / (performance.now() - this.#startedMs);
    const leftS = perSecond === 0 ? undefined : Math.ceil((this.#total - this.#done) / perSecond);
    const left = leftS === undefined ? "" : `, about ${Math.floor(leftS / 60)} min ${leftS % 60} s left`;
    this.#say(`${this.#done} of ${this.#total} ${this.#noun}, ${perSecond.toFixed(1)} a second${left}`);
  }
}
