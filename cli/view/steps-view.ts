/** Steps of a start or a stop, line by line; on a terminal the present one is shown while it lasts. */
import type { Step } from "../../supervisor/admin/protocol.ts";
import { clip, fit, harmless, type Paint, stepTime } from "./terminal.ts";

export class StepsView {
  readonly #stream: NodeJS.WriteStream;
  readonly #paint: Paint;
  #isOpen = false;

  constructor(stream: NodeJS.WriteStream, paint: Paint) {
    this.#stream = stream;
    this.#paint = paint;
  }

  show(step: Step): void {
    if (step.phase === "begin") {
      if (!this.#stream.isTTY) return;
      this.#clear();
      const doing = step.verb === "start" ? "starting" : "stopping";
      this.#stream.write(this.#paint("busy", `  … ${fit(harmless(step.what), 12)} ${doing}`));
      this.#isOpen = true;
      return;
    }
    this.#clear();
    this.#stream.write(`${stepLine(step, this.#paint, this.#stream.columns ?? 100)}\n`);
  }

  /** Ends a line that was left open. */
  close(): void {
    this.#clear();
  }

  #clear(): void {
    if (this.#isOpen) this.#stream.write("\r\u001b[K");
    this.#isOpen = false;
  }
}

/** `  ✓ gateway      started  0.21 s  thread 1 of stage (4243)`. */
export function stepLine(step: Step, paint: Paint, width: number): string {
  const name = fit(harmless(step.what), 12);
  if (step.phase === "failed") {
    return `  ${paint("bad", "✗")} ${name} ${paint("bad", clip(harmless(step.detail ?? "failed"), Math.max(10, width - 18)))}`;
  }
  const verb = step.verb === "start" ? "started" : "stopped";
  const took = step.tookMs === undefined ? "" : fit(stepTime(step.tookMs), 7, "right");
  const detail =
    step.detail === undefined
      ? ""
      : `  ${paint("dim", clip(harmless(step.detail), Math.max(10, width - 36)))}`;
  return `  ${paint("good", "✓")} ${name} ${verb} ${took}${detail}`;
}
