/** What the miners shall get: as asked or as the node estimates, raised at random, within what is sane. */
import type { Bus, Client } from "../../../bus/bus.ts";
import { mempoolContract } from "../../../bus/contracts/mempool.ts";
import type { TakerConfig } from "../config.ts";
import { denials } from "../denials.ts";

/** For a node that has no data yet, as joinmarket-clientserver has it. */
const NO_ESTIMATE_SAT_PER_KVB = 20_000;
const VB_PER_KVB = 1_000;

/** What the owner wants; all by the taker's section when nothing is said. */
export interface WantedFee {
  readonly satPerVb?: number | null | undefined;
  /** Where there is no rate: the node's estimate for so many blocks. */
  readonly feeBlocks?: number | null | undefined;
}

export class Feerate {
  readonly #mempool: Client<typeof mempoolContract>;
  readonly #config: TakerConfig;
  readonly #random: () => number;

  constructor(bus: Bus, config: TakerConfig, random: () => number) {
    this.#mempool = bus.client(mempoolContract);
    this.#config = config;
    this.#random = random;
  }

  /** In satoshi per 1,000 virtual bytes. */
  async satPerKvb({ satPerVb, feeBlocks }: WantedFee): Promise<number> {
    const { fee_blocks, fee_max_sat_per_vb, fee_random_percent } = this.#config;
    const { relaySatPerKvb, mempoolSatPerKvb } = await this.#mempool.relayFees({});
    const lowest = Math.max(relaySatPerKvb, mempoolSatPerKvb);
    const highest = fee_max_sat_per_vb * VB_PER_KVB;
    if (satPerVb !== undefined && satPerVb !== null) {
      const wanted = Math.ceil(satPerVb * VB_PER_KVB);
      if (wanted < lowest || wanted > highest) throw denials.feerate(satPerVb);
      return wanted;
    }
    const { results } = await this.#mempool.feeEstimates({ targets: [feeBlocks ?? fee_blocks] });
    const estimate = Math.max(lowest, results[0] ?? NO_ESTIMATE_SAT_PER_KVB);
    if (estimate > highest) throw denials.feerate(estimate / VB_PER_KVB);
    return Math.min(Math.ceil(estimate * (1 + (fee_random_percent / 100) * this.#random())), highest);
  }

  /** Below this no node takes a transaction. */
  async lowestSatPerKvb(): Promise<number> {
    const { relaySatPerKvb, mempoolSatPerKvb } = await this.#mempool.relayFees({});
    return Math.max(relaySatPerKvb, mempoolSatPerKvb);
  }
}
