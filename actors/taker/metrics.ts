/** The taker's instruments: how coinjoins end, and how long each part takes. */
import type { Meter } from "@opentelemetry/api";

export class TakerMetrics {
  readonly #ended;
  readonly #faults;
  readonly #phases;

  constructor(meter: Meter, read: () => { readonly running: number }) {
    this.#ended = meter.createCounter("troupe_taker_runs_total", {
      description: "Coinjoins that have ended, by outcome.",
    });
    this.#faults = meter.createCounter("troupe_taker_maker_faults_total", {
      description: "Makers that failed us, by the phase in which they did.",
    });
    this.#phases = meter.createHistogram("troupe_taker_phase_seconds", {
      description: "How long the parts of a coinjoin take.",
      unit: "s",
    });
    meter
      .createObservableGauge("troupe_taker_running", { description: "Coinjoins on their way." })
      .addCallback((result) => result.observe(read().running));
  }

  ended(outcome: string): void {
    this.#ended.add(1, { outcome });
  }

  fault(phase: string): void {
    this.#faults.add(1, { phase });
  }

  phase(phase: string, tookMs: number): void {
    this.#phases.record(tookMs / 1_000, { phase });
  }
}
