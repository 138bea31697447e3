/** The ledger's instruments: figures of all accounts together, never of one. */
import type { Meter } from "@opentelemetry/api";
import type { LedgerReconciliation } from "../../bus/contracts/ledger/objects.ts";

export interface LedgerFigures {
  readonly users: number;
  readonly openOrders: number;
  readonly notices: number;
  readonly isSpending: boolean;
}

export class LedgerMetrics {
  readonly #payments;
  readonly #reconciliations;

  constructor(meter: Meter, read: () => LedgerFigures) {
    this.#payments = meter.createCounter("troupe_ledger_payments_total", {
      description: "Payments to outside, by what became of them.",
    });
    this.#reconciliations = meter.createCounter("troupe_ledger_reconciliations_total", {
      description: "How often the books were compared with the wallet, by whether they agreed.",
    });
    meter
      .createObservableGauge("troupe_ledger_users", { description: "Accounts of people." })
      .addCallback((result) => result.observe(read().users));
    meter
      .createObservableGauge("troupe_ledger_open_orders", { description: "Orders that are not over." })
      .addCallback((result) => result.observe(read().openOrders));
    meter
      .createObservableGauge("troupe_ledger_notices", {
        description: "Notices that nobody acknowledged yet.",
      })
      .addCallback((result) => result.observe(read().notices));
    meter
      .createObservableGauge("troupe_ledger_spending", {
        description: "1 while payments are carried out, 0 while they are stopped.",
      })
      .addCallback((result) => result.observe(read().isSpending ? 1 : 0));
  }

  paid(outcome: "sent" | "failed"): void {
    this.#payments.add(1, { outcome });
  }

  reconciled({ isSound }: LedgerReconciliation): void {
    this.#reconciliations.add(1, { outcome: isSound ? "sound" : "breach" });
  }
}
