/** What fees the node and the mempool suggest, kept for as long as they hold. */
import type { Client } from "../../../../bus/bus.ts";
import type { mempoolContract } from "../../../../bus/contracts/mempool.ts";
import type { Clock } from "../../../../runtime/clock.ts";
import { KeptAnswers } from "../asking/kept-answers.ts";
import type { ChainWatcher } from "./chain-feed.ts";

export type FeeMode = "default" | "economical" | "conservative";

export interface RelayFees {
  readonly relaySatPerKvb: number;
  readonly mempoolSatPerKvb: number;
  readonly incrementalSatPerKvb: number;
}

export type FeeHistogram = readonly (readonly [number, number])[];

export interface FeesOptions {
  readonly mempool: Client<typeof mempoolContract>;
  readonly clock: Clock;
}

/** Some nodes change their estimates between blocks too. */
const KEPT_MS = 10_000;
const KEPT_MAX = 1_000;

interface Stamped<A> {
  readonly value: A;
  readonly atMs: number;
}

export class Fees implements ChainWatcher {
  readonly #clock: Clock;
  readonly #estimates: KeptAnswers<Stamped<number | null>>;
  readonly #relay: KeptAnswers<Stamped<RelayFees>>;
  readonly #histogram: KeptAnswers<Stamped<FeeHistogram>>;

  constructor({ mempool, clock }: FeesOptions) {
    this.#clock = clock;
    const terms = { weightOf: () => 1, weightMax: KEPT_MAX };
    this.#estimates = new KeptAnswers({
      ...terms,
      ask: async (key) => {
        const [target = "1", mode] = key.split(" ");
        const { results } = await mempool.feeEstimates({ targets: [Number(target)], mode: mode as FeeMode });
        return this.#stamped(results[0] ?? null);
      },
    });
    this.#relay = new KeptAnswers({ ...terms, ask: async () => this.#stamped(await mempool.relayFees({})) });
    this.#histogram = new KeptAnswers({
      ...terms,
      ask: async () => this.#stamped<FeeHistogram>((await mempool.feeHistogram({})).histogram),
    });
  }

  /** In satoshi per 1,000 vB; null while the node has no data. `target` is one of the buckets. */
  estimate(target: number, mode: FeeMode): Promise<number | null> {
    return this.#fresh(this.#estimates, `${target} ${mode}`);
  }

  relay(): Promise<RelayFees> {
    return this.#fresh(this.#relay, "relay");
  }

  histogram(): Promise<FeeHistogram> {
    return this.#fresh(this.#histogram, "histogram");
  }

  tipChanged(): void {
    this.everythingTouched();
  }

  everythingTouched(): void {
    this.#estimates.clear();
    this.#relay.clear();
    this.#histogram.clear();
  }

  #stamped<A>(value: A): Stamped<A> {
    return { value, atMs: this.#clock.monotonicMs() };
  }

  async #fresh<A>(kept: KeptAnswers<Stamped<A>>, key: string): Promise<A> {
    const known = kept.peek(key);
    if (known !== undefined && this.#clock.monotonicMs() - known.atMs >= KEPT_MS) kept.forget(key);
    return (await kept.of(key)).value;
  }
}

/** The targets that are asked of the node: near ones exactly, far ones in steps, so that few estimates serve all. */
export function feeTargetBucket(blocks: number): number {
  if (blocks <= 1) return 1;
  if (blocks <= 12 || blocks === 25) return blocks;
  if (blocks <= 48) return 2 * Math.floor(blocks / 2);
  return blocks <= 1_008 ? 24 * Math.floor(blocks / 24) : 1_008;
}
