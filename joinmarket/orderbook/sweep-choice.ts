/** Picks makers for all coins of a mixdepth: what is mixed depends on who is picked, and who can be picked on the amount. */

import { offerFeeSat } from "../coinjoin/offer-fee.ts";
import { SWEEP_SHORTAGE_SAT_MAX, sweepAmountSat } from "../coinjoin/shape.ts";
import { totalSat } from "../coins/select.ts";
import { type Candidate, type CandidateRules, candidatesFor, fittingFeeSat } from "./candidates.ts";
import { type ChooserRules, chooseMakers } from "./choosers.ts";
import type { BookMaker } from "./orderbook.ts";

export interface SweepWish extends ChooserRules, Omit<CandidateRules, "amountSat"> {
  readonly coins: readonly { readonly valueSat: number }[];
  readonly makers: number;
  /** What the miners get of all participants together. */
  readonly minerFeeSat: number;
}

export interface SweepChoice {
  readonly amountSat: number;
  readonly makers: readonly Candidate[];
}

/** Nothing if there are not so many makers whose sizes fit what their own fees leave. */
export function chooseForSweep(book: readonly BookMaker[], wish: SweepWish): SweepChoice | undefined {
  const inputSat = totalSat(wish.coins);
  let left = roughCandidates(book, wish, inputSat);
  let kept: readonly Candidate[] = [];
  for (;;) {
    const more = chooseMakers(left, wish.makers - kept.length, wish);
    const chosen = [...kept, ...more];
    if (chosen.length < wish.makers) return undefined;
    const amountSat = amountFor(chosen, wish);
    if (amountSat === undefined) return undefined;
    const fitting = chosen.flatMap((candidate) => {
      const feeSat = fittingFeeSat(candidate.offer, { amountSat, limits: wish.limits });
      return feeSat === undefined
        ? []
        : [{ ...candidate, feeSat, costSat: feeSat - candidate.offer.txfeeSat }];
    });
    if (fitting.length === chosen.length) return { amountSat, makers: fitting };
    const asked = new Set(chosen.map(({ nick }) => nick));
    left = left.filter(({ nick }) => !asked.has(nick));
    kept = fitting;
  }
}

/** Those that could fit: for everything there is, or for that without the miners' part. */
function roughCandidates(
  book: readonly BookMaker[],
  wish: SweepWish,
  inputSat: number,
): readonly Candidate[] {
  const whole = candidatesFor(book, { ...wish, amountSat: inputSat });
  const known = new Set(whole.map(({ nick }) => nick));
  const amountSat = Math.max(0, inputSat - wish.minerFeeSat);
  const lessFees = candidatesFor(book, { ...wish, amountSat }).filter(({ nick }) => !known.has(nick));
  return [...whole, ...lessFees];
}

function amountFor(chosen: readonly Candidate[], wish: SweepWish): number | undefined {
  const offers = chosen.map(({ offer: { fee, txfeeSat } }) => ({ fee, txfeeSat }));
  let amountSat: number;
  try {
    amountSat = sweepAmountSat(wish.coins, offers, wish.minerFeeSat);
  } catch {
    // The fees are more than all there is: no choice of makers helps.
    return undefined;
  }
  const inputSat = totalSat(wish.coins);
  const givenSat = offers.reduce((sum, { txfeeSat }) => sum + txfeeSat, 0);
  const minersSat = Math.max(wish.minerFeeSat - givenSat, 0);
  const restSat = () =>
    inputSat - minersSat - amountSat - offers.reduce((sum, { fee }) => sum + offerFeeSat(fee, amountSat), 0);
  // Each fee is rounded by itself: of many makers several may round upwards.
  while (restSat() < -SWEEP_SHORTAGE_SAT_MAX) amountSat--;
  return amountSat > 0 ? amountSat : undefined;
}
