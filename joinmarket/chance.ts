/** What makers and schedules are drawn with: by weight, by distribution, in shares, from random numbers that are handed in. Pure. */

/** From 0 up to 1. */
export type Random = () => number;

/** Of a normal distribution. */
export function drawNormal(mean: number, spread: number, random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random()));
  return mean + spread * radius * Math.cos(2 * Math.PI * random());
}

/** The time until the next of events that know nothing of each other. */
export function drawWait(mean: number, random: Random): number {
  return -mean * Math.log(1 - random());
}

/** The place of one of these weights; the first when they are all nothing. */
export function drawWeighted(weights: readonly number[], random: Random): number {
  let point = random() * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [at, weight] of weights.entries()) {
    point -= weight;
    if (point < 0) return at;
  }
  // Weights so small that their sum is nothing, or the last bits of it: the last that has any.
  return Math.max(
    weights.findLastIndex((weight) => weight > 0),
    0,
  );
}

/** What is left for the sweep at the end must be worth one, whatever amounts before it were raised. */
const LAST_SHARE_MIN = 0.05;
const DRAWS_MAX = 1_000;

/** Shares of 1 between random cuts; the last is more than a twentieth. */
export function drawShares(count: number, random: Random): number[] {
  for (let draw = 0; draw < DRAWS_MAX; draw++) {
    const cuts = Array.from({ length: count - 1 }, random).sort((a, b) => b - a);
    const shares = [1, ...cuts].map((cut, at) => cut - (cuts[at] ?? 0));
    const isWhole = shares.every((share) => share > 0);
    if (isWhole && (shares.at(-1) ?? 0) > LAST_SHARE_MIN) return shares;
  }
  // So many shares hardly ever leave so much: then all are alike.
  return Array.from({ length: count }, () => 1 / count);
}
