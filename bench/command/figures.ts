/** How measured times are told: rounded, and as what most and nearly all stayed below. */

export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Of times in ascending order. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  const at = Math.min(sorted.length - 1, Math.floor(sorted.length * share));
  return round(sorted[at] ?? Number.NaN);
}

export function spread(times: readonly number[]) {
  const sorted = times.toSorted((a, b) => a - b);
  return {
    min: percentile(sorted, 0),
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    max: percentile(sorted, 1),
  };
}
