/** How far a look at the index or its making is: one line that is written over on a terminal, now and then a line elsewhere. */
import type { Clock } from "../../runtime/clock.ts";
import { clip, duration } from "../view/terminal.ts";

/** How far something that takes long is. */
export interface Progress {
  readonly phase: "blocks" | "rows" | "differences" | "indexed";
  readonly done: number;
  readonly total: number;
}

const TERMINAL_MS = 250;
const PIPE_MS = 30_000;

const NAMES: Readonly<Record<Progress["phase"], string>> = Object.freeze({
  blocks: "blocks made anew",
  rows: "stored rows summed up",
  differences: "blocks that differ, row by row",
  indexed: "blocks indexed",
});

export class ProgressView {
  readonly #stream: NodeJS.WriteStream | undefined;
  readonly #clock: Clock;
  #phase: Progress["phase"] | undefined;
  #phaseSinceMs = 0;
  #shownMs = Number.NEGATIVE_INFINITY;
  #isOpen = false;

  /** Without a stream nothing is shown. */
  constructor(stream: NodeJS.WriteStream | undefined, clock: Clock) {
    this.#stream = stream;
    this.#clock = clock;
  }

  show(progress: Progress): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    const nowMs = this.#clock.monotonicMs();
    if (progress.phase !== this.#phase) {
      this.#phase = progress.phase;
      this.#phaseSinceMs = nowMs;
      // A pipe hears of a phase when it has lasted.
      this.#shownMs = stream.isTTY ? Number.NEGATIVE_INFINITY : nowMs;
    }
    if (nowMs - this.#shownMs < (stream.isTTY ? TERMINAL_MS : PIPE_MS)) return;
    this.#shownMs = nowMs;
    const line = progressLine(progress, nowMs - this.#phaseSinceMs);
    if (!stream.isTTY) {
      stream.write(`${line}\n`);
      return;
    }
    stream.write(`\r\u001b[K${clip(line, (stream.columns ?? 80) - 1)}`);
    this.#isOpen = true;
  }

  /** Takes the line away. */
  close(): void {
    if (this.#isOpen) this.#stream?.write("\r\u001b[K");
    this.#isOpen = false;
  }
}

/** `120,000 of 800,000 blocks made anew (15.0 %), 350/s, 12m 05s left`. */
export function progressLine({ phase, done, total }: Progress, tookMs: number): string {
  const share = total === 0 ? 1 : done / total;
  const percent = `${(100 * share).toFixed(1)} %`;
  const left = share > 0 && tookMs > 0 ? `, ${duration((tookMs * (1 - share)) / share)} left` : "";
  // A share of the keys says nothing to people as a number.
  if (phase === "rows") return `${NAMES.rows}: ${percent}${left}`;
  const rate = tookMs > 0 ? `, ${Math.round((done * 1_000) / tookMs).toLocaleString("en")}/s` : "";
  return `${done.toLocaleString("en")} of ${total.toLocaleString("en")} ${NAMES[phase]} (${percent})${rate}${left}`;
}
