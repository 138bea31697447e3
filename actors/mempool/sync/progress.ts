/** How far the first reading of the node's mempool is, how fast it goes and how long it will take. */
import type { Clock } from "../../../runtime/clock.ts";

export interface Progress {
  readonly transactions: number;
  readonly targetTransactions: number;
  readonly txsPerSecond: number;
  /** Unknown until something was read. */
  readonly secondsLeft: number | undefined;
}

export class ProgressMeter {
  readonly #clock: Clock;
  readonly #startMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startMs = clock.monotonicMs();
  }

  read(transactions: number, targetTransactions: number): Progress {
    const seconds = (this.#clock.monotonicMs() - this.#startMs) / 1_000;
    const txsPerSecond = seconds > 0 ? transactions / seconds : 0;
    const left = Math.max(0, targetTransactions - transactions);
    const secondsLeft = left === 0 ? 0 : txsPerSecond > 0 ? left / txsPerSecond : undefined;
    return { transactions, targetTransactions, txsPerSecond, secondsLeft };
  }
}

/** One line for people: `mempool 12,000 of 50,000, 9,000/s, 4 s left`. */
export function progressText(progress: Progress): string {
  const number = (value: number) => Math.round(value).toLocaleString("en");
  const { transactions, targetTransactions, txsPerSecond, secondsLeft } = progress;
  const left = secondsLeft === undefined ? "time left unknown" : `${number(Math.ceil(secondsLeft))} s left`;
  return `mempool ${number(transactions)} of ${number(targetTransactions)}, ${number(txsPerSecond)}/s, ${left}`;
}
