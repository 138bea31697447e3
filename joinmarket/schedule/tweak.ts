/** Changes an entry that has failed, so that the next try has better chances: as JoinMarket's tumbler does. Pure. */
import { drawShares, type Random } from "../chance.ts";
import { isShare, isSweep, type ScheduleEntry } from "./entry.ts";

export interface TweakRules {
  readonly makersMin: number;
  /** Too few could be asked, or went along. */
  readonly isShortOfMakers: boolean;
  readonly random: Random;
}

/**
 * A sweep is tried with one maker fewer; of a mixdepth that is left in parts all parts to come are drawn anew, for offers
 * have sizes. joinmarket-clientserver does not ask fewer makers for a part, and so never gets through a market that is too
 * small for it. Where coins go is never changed.
 */
export function tweaked(
  entries: readonly ScheduleEntry[],
  at: number,
  { makersMin, isShortOfMakers, random }: TweakRules,
): ScheduleEntry[] {
  const failed = entries[at];
  if (failed === undefined) return [...entries];
  const end = sweepAfter(entries, at);
  const fewer = Math.min(failed.makers, Math.max(makersMin, failed.makers - 1));
  if (!isShare(failed) || end === undefined) return entries.with(at, { ...failed, makers: fewer });
  const usedShare = sharesBefore(entries, at);
  const shares = drawShares(end - at + 1, random).map((share) => share * (1 - usedShare));
  const makers = isShortOfMakers ? fewer : failed.makers;
  return entries
    .with(at, { ...failed, makers })
    .map((entry, place) =>
      place >= at && place < end ? { ...entry, amount: shares[place - at] ?? entry.amount } : entry,
    );
}

/** The sweep that ends the parts of this mixdepth; none in schedules that were written by hand without one. */
function sweepAfter(entries: readonly ScheduleEntry[], at: number): number | undefined {
  const mixdepth = entries[at]?.mixdepth;
  for (let place = at; entries[place]?.mixdepth === mixdepth; place++) {
    const entry = entries[place];
    if (entry === undefined) return undefined;
    if (isSweep(entry)) return place;
    if (!isShare(entry)) return undefined;
  }
  return undefined;
}

/** What of the mixdepth has gone already since it was last swept. */
function sharesBefore(entries: readonly ScheduleEntry[], at: number): number {
  const mixdepth = entries[at]?.mixdepth;
  let used = 0;
  for (let place = at - 1; entries[place]?.mixdepth === mixdepth; place--) {
    const entry = entries[place];
    if (entry === undefined || isSweep(entry)) break;
    if (isShare(entry)) used += entry.amount;
  }
  return used;
}
