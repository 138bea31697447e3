/** When a failed child is started again: OTP's counting of restarts plus a back-off. Pure: history and time in, decision out. */
import type { Intensity } from "./spec.ts";

/** Waits between attempts: `firstMs` doubling to `maxMs`, times a random factor of 0.5 to 1. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
  /** A life longer than this forgives all failures before it. */
  readonly healthyMs: number;
  /** So many failures without a healthy life between them are too many, however slowly they came. */
  readonly consecutiveMax: number;
}

export const DEFAULT_BACKOFF: Backoff = Object.freeze({
  firstMs: 200,
  maxMs: 30_000,
  healthyMs: 60_000,
  consecutiveMax: 10,
});

/** A parked child is tried again after this time. */
export const PARKED_RETRY_MS = 300_000;

/** What has to be remembered of a child's failures. */
export interface RestartHistory {
  /** Monotonic times of the restarts within the period, oldest first. */
  readonly stampsMs: readonly number[];
  readonly consecutive: number;
}

export const NO_FAILURES: RestartHistory = Object.freeze({ stampsMs: Object.freeze([]), consecutive: 0 });

export type Verdict =
  | { readonly kind: "restart"; readonly delayMs: number }
  | { readonly kind: "limit"; readonly why: "intensity" | "consecutive" };

/**
 * OTP's rule: keep the stamps not older than the period, add now; more than `count` is the limit.
 * A failed attempt to restart counts like a death.
 */
export function charge(
  history: RestartHistory,
  intensity: Intensity,
  nowMs: number,
): { history: RestartHistory; isLimit: boolean } {
  const stampsMs = history.stampsMs.filter((stampMs) => stampMs >= nowMs - intensity.periodMs);
  stampsMs.push(nowMs);
  return {
    history: { stampsMs, consecutive: history.consecutive + 1 },
    isLimit: stampsMs.length > intensity.count,
  };
}

/** Records a failure of a life that had been up for `upMs` (0 when it never came up) and says what to do. */
export function recordFailure(
  before: RestartHistory,
  rules: { readonly intensity: Intensity; readonly backoff: Backoff },
  nowMs: number,
  upMs: number,
  random: () => number,
): { history: RestartHistory; verdict: Verdict } {
  const forgiven = upMs >= rules.backoff.healthyMs ? { ...before, consecutive: 0 } : before;
  const { history, isLimit } = charge(forgiven, rules.intensity, nowMs);
  if (isLimit) return { history, verdict: { kind: "limit", why: "intensity" } };
  if (history.consecutive >= rules.backoff.consecutiveMax) {
    return { history, verdict: { kind: "limit", why: "consecutive" } };
  }
  return {
    history,
    verdict: { kind: "restart", delayMs: delayMs(history.consecutive, rules.backoff, random) },
  };
}

/** min(max, first * 2^(n-1)) * U[0.5, 1] for the n-th failure in a row. */
export function delayMs(consecutive: number, backoff: Backoff, random: () => number): number {
  const fullMs = Math.min(backoff.maxMs, backoff.firstMs * 2 ** (Math.max(1, consecutive) - 1));
  return fullMs * (0.5 + random() / 2);
}
