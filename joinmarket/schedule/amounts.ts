/** What an entry of a schedule mixes, of what its mixdepth has: shares, rounding, and what is too small. Pure. */
import { isShare, isSweep, NOT_ROUNDED, type ScheduleEntry } from "./entry.ts";

/** To so many significant figures, as joinmarket-clientserver rounds. */
export function roundedSat(amountSat: number, figures: number): number {
  const digits = String(amountSat).length;
  if (figures >= digits) return amountSat;
  const unit = 10 ** (digits - figures);
  const whole = Math.floor(amountSat / unit);
  const twiceRest = 2 * (amountSat - whole * unit);
  // A half goes to the even neighbour, as in Python.
  const isUp = twiceRest > unit || (twiceRest === unit && whole % 2 === 1);
  return (whole + (isUp ? 1 : 0)) * unit;
}

export interface Means {
  /** What the mixdepth has now. */
  readonly availableSat: number;
  /** What it had when the first entry of this mixdepth came. */
  readonly baseSat: number;
  /** No coinjoin is smaller. */
  readonly amountSatMin: number;
  /** What is kept for makers and miners. */
  readonly feesSat: number;
}

/** "nothing": so little is there, or would be left for the mixdepth's last entry, that this one is left out. */
export type EntryAmount =
  | { readonly kind: "all" }
  | { readonly kind: "some"; readonly sat: number }
  | { readonly kind: "nothing" };

export function amountOf(
  entry: ScheduleEntry,
  { availableSat, baseSat, amountSatMin, feesSat }: Means,
): EntryAmount {
  if (availableSat < amountSatMin || availableSat <= feesSat) return { kind: "nothing" };
  if (isSweep(entry)) return { kind: "all" };
  if (!isShare(entry)) return { kind: "some", sat: entry.amount };
  const exactSat = Math.floor(entry.amount * baseSat);
  const sat = Math.max(
    entry.figures === NOT_ROUNDED ? exactSat : roundedSat(exactSat, entry.figures),
    amountSatMin,
  );
  // The last entry of the mixdepth takes what is left, and has to be worth a coinjoin too.
  return sat + feesSat + amountSatMin > availableSat ? { kind: "nothing" } : { kind: "some", sat };
}
