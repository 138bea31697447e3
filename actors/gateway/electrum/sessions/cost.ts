/** What clients cost, in the units of ElectrumX: it adds up, goes down with time, and slows then cuts who takes too much. */

export interface CostLimits {
  /** Below it nobody is slowed; 0 for no limits at all. */
  readonly soft: number;
  /** At it the client is cut. */
  readonly hard: number;
  /** Parallel requests of a client that costs little. */
  readonly concurrency: number;
  /** How long each request waits right below the hard limit. */
  readonly throttleMaxMs: number;
}

/** What a connection costs before it has said anything. */
export const CONNECTION_COST = 5;
/** Every refusal; and as much more for what was not even JSON. */
export const ERROR_COST = 100;
export const PARSE_ERROR_COST = 1_000;

/** A cost that goes down by itself. */
export class Account {
  #cost = 0;
  #atMs: number;

  constructor(nowMs: number) {
    this.#atMs = nowMs;
  }

  charge(cost: number): void {
    this.#cost += cost;
  }

  /** Brought up to date with `perSecond` as it was since the last look. */
  cost(nowMs: number, perSecond: number): number {
    this.#cost = Math.max(0, this.#cost - ((nowMs - this.#atMs) / 1000) * perSecond);
    this.#atMs = nowMs;
    return this.#cost;
  }
}

/** 10,000 s from the hard limit to nothing; slower for who has many subscriptions, which cost us all the time. */
export function decayPerSecond({ hard }: CostLimits, subscriptions: number): number {
  return hard / (10_000 + 5 * subscriptions);
}

export interface Allowance {
  /** 0: the client is cut. */
  readonly concurrency: number;
  readonly delayMs: number;
}

export function allowanceFor(limits: CostLimits, cost: number): Allowance {
  const { soft, hard, concurrency, throttleMaxMs } = limits;
  if (soft === 0 || hard === 0) return { concurrency, delayMs: 0 };
  if (cost >= hard) return { concurrency: 0, delayMs: throttleMaxMs };
  if (cost <= soft) return { concurrency, delayMs: 0 };
  const share = (cost - soft) / (hard - soft);
  return { concurrency: Math.ceil((1 - share) * concurrency), delayMs: share * throttleMaxMs };
}
