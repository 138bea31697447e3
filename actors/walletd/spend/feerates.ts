/** What a transaction shall pay: from the node's estimates, raised at random, between what it takes and what is sane. */
import type { Bus, Client } from "../../../bus/bus.ts";
import { mempoolContract } from "../../../bus/contracts/mempool.ts";
import type { WalletFee } from "../../../bus/contracts/walletd/values.ts";
import { denials } from "../denials.ts";
import type { WalletSettings } from "../wallets/wallet-settings.ts";

/** joinmarket-clientserver's, for a node that has no data yet. */
const NO_ESTIMATE_SAT_PER_KVB = 20_000;

export class Feerates {
  readonly #mempool: Client<typeof mempoolContract>;
  /** From 0 up to 1. */
  readonly #random: () => number;

  constructor(bus: Bus, random: () => number) {
    this.#mempool = bus.client(mempoolContract);
    this.#random = random;
  }

  /** In satoshi per 1,000 virtual bytes, whole. */
  async satPerKvb(fee: WalletFee, { feeRandom, feeMaxSatPerVb }: WalletSettings): Promise<number> {
    const { relaySatPerKvb, mempoolSatPerKvb } = await this.#mempool.relayFees({});
    const lowest = Math.max(relaySatPerKvb, mempoolSatPerKvb);
    if ("satPerVb" in fee) {
      const rate = Math.ceil(Number((fee.satPerVb * 1_000).toFixed(3)));
      if (rate < lowest || fee.satPerVb > feeMaxSatPerVb) {
        throw denials.fee(fee.satPerVb, lowest / 1_000, feeMaxSatPerVb);
      }
      return rate;
    }
    const { results } = await this.#mempool.feeEstimates({ targets: [fee.blocks] });
    const estimate = Math.max(lowest, results[0] ?? NO_ESTIMATE_SAT_PER_KVB);
    if (estimate > feeMaxSatPerVb * 1_000) {
      throw denials.fee(estimate / 1_000, lowest / 1_000, feeMaxSatPerVb);
    }
    const raised = Math.ceil(estimate * (1 + feeRandom * this.#random()));
    return Math.min(raised, feeMaxSatPerVb * 1_000);
  }

  /** What each step of a replacement must pay more, in satoshi per 1,000 virtual bytes. */
  async incrementSatPerKvb(): Promise<number> {
    return (await this.#mempool.relayFees({})).incrementalSatPerKvb;
  }
}
