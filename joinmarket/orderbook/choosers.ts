/** How makers are picked from those that can be asked: by their bonds, by lot, by price. */
import { drawWeighted, type Random } from "../chance.ts";
import type { Candidate } from "./candidates.ts";

export const CHOOSER_NAMES = ["bonds", "random", "cheapest", "weighted"] as const;
export type ChooserName = (typeof CHOOSER_NAMES)[number];

export interface ChooserRules {
  readonly chooser: ChooserName;
  /** With `bonds`: how many picks of a hundred are by lot among all, so that makers without a bond are heard too. */
  readonly uniformPercent: number;
  /** With `bonds`: whoever has no bond must work for nothing, or is not asked, as joinmarket-ng does. */
  readonly isBondlessFree: boolean;
  /** From 0 up to 1. */
  readonly random: Random;
}

/** How many times the wanted makers count as cheap when prices are weighted. */
const WEIGHTED_DEPTH = 3;

/** Up to `count` of them, each once; fewer when there are not so many. */
export function chooseMakers(
  candidates: readonly Candidate[],
  count: number,
  rules: ChooserRules,
): readonly Candidate[] {
  switch (rules.chooser) {
    case "bonds":
      return byBonds(candidates, count, rules);
    case "random":
      return picked(candidates, count, rules.random, () => 1);
    case "cheapest":
      return byCost(candidates).slice(0, count);
    case "weighted":
      return byWeightedCost(candidates, count, rules.random);
  }
}

function byBonds(candidates: readonly Candidate[], count: number, rules: ChooserRules): readonly Candidate[] {
  const { uniformPercent, isBondlessFree, random } = rules;
  const allowed = candidates.filter(
    ({ bondValue, feeSat }) => bondValue > 0 || !isBondlessFree || feeSat === 0,
  );
  const left = [...allowed];
  const chosen: Candidate[] = [];
  while (chosen.length < count && left.length > 0) {
    const isUniform = random() * 100 < uniformPercent || left.every(({ bondValue }) => bondValue === 0);
    const at = drawWeighted(
      left.map(({ bondValue }) => (isUniform ? 1 : bondValue)),
      random,
    );
    chosen.push(...left.splice(at, 1));
  }
  return chosen;
}

/** The dearer the rarer: by the exponential of what they cost above the cheapest, in units of the usual spread. */
function byWeightedCost(
  candidates: readonly Candidate[],
  count: number,
  random: Random,
): readonly Candidate[] {
  const sorted = byCost(candidates);
  const lowest = sorted[0]?.costSat ?? 0;
  const reference = sorted[Math.min(WEIGHTED_DEPTH * count, sorted.length - 1)]?.costSat ?? lowest;
  const spread = reference - lowest;
  return picked(sorted, count, random, ({ costSat }) =>
    spread === 0 ? 1 : Math.exp(-(costSat - lowest) / spread),
  );
}

function byCost(candidates: readonly Candidate[]): readonly Candidate[] {
  return [...candidates].sort((a, b) => a.costSat - b.costSat);
}

function picked(
  candidates: readonly Candidate[],
  count: number,
  random: Random,
  weigh: (candidate: Candidate) => number,
): readonly Candidate[] {
  const left = [...candidates];
  const chosen: Candidate[] = [];
  while (chosen.length < count && left.length > 0)
    chosen.push(...left.splice(drawWeighted(left.map(weigh), random), 1));
  return chosen;
}
