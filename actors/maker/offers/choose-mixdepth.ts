/** Which mixdepth serves a taker, of those that can. */
import type { MakerConfig } from "../config.ts";

export interface MixdepthFunds {
  readonly mixdepth: number;
  readonly availableSat: number;
}

/** All that can, the best first. `all` is the whole wallet: gaps are counted around it. */
export function rankMixdepths(
  all: readonly MixdepthFunds[],
  neededSat: number,
  choice: MakerConfig["mixdepth_choice"],
): readonly number[] {
  const able = all.filter(({ availableSat }) => availableSat >= neededSat);
  if (choice === "largest") {
    return able.toSorted((a, b) => b.availableSat - a.availableSat).map(({ mixdepth }) => mixdepth);
  }
  const ascending = able.map(({ mixdepth }) => mixdepth).toSorted((a, b) => a - b);
  if (choice === "lowest" || ascending.length < 2) return ascending;
  const count = Math.max(...all.map(({ mixdepth }) => mixdepth)) + 1;
  const gaps = ascending.map((mixdepth, at) => {
    const before = ascending[at - 1] ?? (ascending.at(-1) ?? 0) - count;
    return mixdepth - before;
  });
  const first = gaps.indexOf(Math.max(...gaps));
  return [...ascending.slice(first), ...ascending.slice(0, first)];
}
