/** How far the first sync is, how fast it goes and how long it will take. */
import type { Clock } from "../../../runtime/clock.ts";

export interface Progress {
  readonly height: number;
  readonly targetHeight: number;
  readonly percent: number;
  readonly txsPerSecond: number;
  readonly megabytesPerSecond: number;
  /** Unknown until something was indexed. */
  readonly secondsLeft: number | undefined;
}

/** Blocks were small once, so what is left is guessed from the newest stretch, not from the whole. */
const STRETCH_MS = 30_000;
/** The size of what is left is reckoned from the last block sizes, growing no further. */
const MEGA = 1e6;

interface Sample {
  readonly atMs: number;
  readonly height: number;
  readonly transactions: number;
  readonly bytes: number;
}

export class ProgressMeter {
  readonly #clock: Clock;
  #samples: Sample[] = [];
  #transactions = 0;
  #bytes = 0;

  constructor(clock: Clock, height: number) {
    this.#clock = clock;
    this.#samples.push({ atMs: clock.monotonicMs(), height, transactions: 0, bytes: 0 });
  }

  add(height: number, transactions: number, bytes: number): void {
    this.#transactions += transactions;
    this.#bytes += bytes;
    const atMs = this.#clock.monotonicMs();
    this.#samples.push({ atMs, height, transactions: this.#transactions, bytes: this.#bytes });
    while (this.#samples.length > 2 && (this.#samples[1] as Sample).atMs < atMs - STRETCH_MS)
      this.#samples.shift();
  }

  read(targetHeight: number): Progress {
    const first = this.#samples[0] as Sample;
    const last = this.#samples.at(-1) as Sample;
    const seconds = (last.atMs - first.atMs) / 1_000;
    const blocks = last.height - first.height;
    const perSecond = (amount: number) => (seconds > 0 ? amount / seconds : 0);
    const blocksLeft = Math.max(0, targetHeight - last.height);
    return {
      height: last.height,
      targetHeight,
      percent: targetHeight <= 0 ? 100 : Math.min(100, (100 * (last.height + 1)) / (targetHeight + 1)),
      txsPerSecond: perSecond(last.transactions - first.transactions),
      megabytesPerSecond: perSecond((last.bytes - first.bytes) / MEGA),
      secondsLeft:
        blocksLeft === 0 ? 0 : blocks > 0 && seconds > 0 ? (blocksLeft * seconds) / blocks : undefined,
    };
  }
}

/** One line for people: `block 120,000 of 800,000 (15.0 %), 190,000 txs/s, 85 MB/s, 12 min left`. */
export function progressText(progress: Progress): string {
  const { height, targetHeight, percent, txsPerSecond, megabytesPerSecond, secondsLeft } = progress;
  const number = (value: number) => Math.round(value).toLocaleString("en");
  const left = secondsLeft === undefined ? "time left unknown" : `${durationText(secondsLeft)} left`;
  return `block ${number(height)} of ${number(targetHeight)} (${percent.toFixed(1)} %), ${number(txsPerSecond)} txs/s, ${number(megabytesPerSecond)} MB/s, ${left}`;
}

/** The same while all blocks of the node are indexed and the node itself has not caught up yet. */
export function nodeProgressText({ height, targetHeight, percent, secondsLeft }: Progress): string {
  const number = (value: number) => value.toLocaleString("en");
  const left = secondsLeft === undefined ? "time left unknown" : `${durationText(secondsLeft)} left`;
  return `block ${number(height)} of ${number(targetHeight)} (${percent.toFixed(1)} %), level with the node, which is still syncing itself, ${left}`;
}

function durationText(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
