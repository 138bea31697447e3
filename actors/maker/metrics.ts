/** The maker's instruments. */
import type { Meter } from "@opentelemetry/api";

export interface MakerFigures {
  readonly makers: number;
  readonly sessions: number;
  readonly usedCommitments: number;
}

export class MakerMetrics {
  readonly #steps;
  readonly #refusals;
  readonly #earned;

  constructor(meter: Meter, read: () => MakerFigures) {
    this.#steps = meter.createCounter("troupe_maker_steps_total", {
      description: "Steps of coinjoins that were taken, by step.",
    });
    this.#refusals = meter.createCounter("troupe_maker_refusals_total", {
      description: "Steps that takers asked for and were not taken, by step.",
    });
    this.#earned = meter.createCounter("troupe_maker_earned_sat_total", {
      description: "Satoshi earned by coinjoins that were seen.",
    });
    meter
      .createObservableGauge("troupe_maker_wallets", { description: "Wallets that earn." })
      .addCallback((result) => result.observe(read().makers));
    meter
      .createObservableGauge("troupe_maker_sessions", { description: "Takers that are being served." })
      .addCallback((result) => result.observe(read().sessions));
    meter
      .createObservableGauge("troupe_maker_used_commitments", {
        description: "Commitments that are refused because they were used.",
      })
      .addCallback((result) => result.observe(read().usedCommitments));
  }

  taken(step: "fill" | "promised" | "signed" | "seen" | "pushed"): void {
    this.#steps.add(1, { step });
  }

  refused(step: "fill" | "auth" | "tx" | "push"): void {
    this.#refusals.add(1, { step });
  }

  earned(sat: number): void {
    if (sat > 0) this.#earned.add(sat);
  }
}
