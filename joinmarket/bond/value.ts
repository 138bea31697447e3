/** What a fidelity bond is worth to takers: the interest that its coins forgo, raised to a power so that splitting does not pay. */
import { outOfRange } from "../../bitcoin/errors.ts";

/** A year of the Gregorian calendar, 365.2425 days. */
const YEAR_S = 31_556_952;
const INTEREST_RATE = 0.015;
const EXPONENT = 1.3;

export interface BondCoin {
  readonly valueSat: number;
  /** The time of the block that confirmed it. */
  readonly confirmedS: number;
  readonly locktime: number;
}

/**
 * joinmarket-clientserver takes the tip's median time for `nowS`. After the locktime the value falls as fast as it
 * once rose; it never is negative.
 */
export function bondValue(
  { valueSat, confirmedS, locktime }: BondCoin,
  nowS: number,
  interestRate = INTEREST_RATE,
  exponent = EXPONENT,
): number {
  if (![valueSat, confirmedS, locktime, nowS].every((number) => Number.isFinite(number) && number >= 0)) {
    throw outOfRange("a bond's amount and times are numbers from 0 upwards");
  }
  const gained = interestOver(locktime - confirmedS, interestRate);
  const lost = interestOver(Math.max(0, nowS - locktime), interestRate);
  const share = Math.max(0, Math.min(1, gained) - Math.min(1, lost));
  return (valueSat * share) ** exponent;
}

function interestOver(durationS: number, rate: number): number {
  return Math.exp((rate * durationS) / YEAR_S) - 1;
}
