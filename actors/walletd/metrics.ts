/** The wallet daemon's instruments: how much happens, never with whose coins. */
import type { Meter } from "@opentelemetry/api";

export class WalletdMetrics {
  readonly #unlocks;
  readonly #signed;
  readonly #resent;

  constructor(meter: Meter, read: () => { readonly open: number; readonly scanning: number }) {
    this.#unlocks = meter.createCounter("troupe_walletd_unlocks_total", {
      description: "Wallets that were opened.",
    });
    this.#signed = meter.createCounter("troupe_walletd_signed_total", {
      description: "Transactions that were signed, by what for.",
    });
    this.#resent = meter.createCounter("troupe_walletd_resent_total", {
      description:
        "Unconfirmed transactions of ours that were handed to the node again: lost by it, or waiting for long.",
    });
    meter
      .createObservableGauge("troupe_walletd_open_wallets", { description: "Wallets that are unlocked." })
      .addCallback((result) => result.observe(read().open));
    meter
      .createObservableGauge("troupe_walletd_scanning_wallets", {
        description: "Unlocked wallets whose coins are still being looked up.",
      })
      .addCallback((result) => result.observe(read().scanning));
  }

  unlocked(): void {
    this.#unlocks.add(1);
  }

  signed(purpose: "send" | "psbt" | "maker" | "taker" | "message"): void {
    this.#signed.add(1, { purpose });
  }

  resent(why: "lost" | "waiting"): void {
    this.#resent.add(1, { why });
  }
}
