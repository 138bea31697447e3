/** How a bond stands among those of the market. Pure. */
import type { TakerOffer } from "../../bus/contracts/taker.ts";

export interface Standing {
  /** From 1 on; null for a bond that weighs nothing. */
  readonly rank: number | null;
  /** Makers with bonds, this one among them. */
  readonly bonds: number;
  /** Of all bonds' weight: so often it is picked where makers are picked by their bonds. */
  readonly share: number;
}

export function standingOf(
  value: number,
  offers: readonly TakerOffer[],
  ownNicks: ReadonlySet<string>,
): Standing {
  const others = new Map<string, number>();
  for (const { nick, bondValue } of offers) {
    if (bondValue > 0 && !ownNicks.has(nick)) others.set(nick, bondValue);
  }
  const weights = [...others.values()];
  const sum = weights.reduce((total, weight) => total + weight, value);
  return {
    rank: value > 0 ? 1 + weights.filter((weight) => weight > value).length : null,
    bonds: weights.length + (value > 0 ? 1 : 0),
    share: sum === 0 ? 0 : value / sum,
  };
}
