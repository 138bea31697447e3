/** How long a schedule still takes: its waits, and a guess for coinjoins and blocks. Pure. */
import type { ScheduleEntry } from "../../../joinmarket/schedule/entry.ts";

/** Gathering offers and talking to makers, over Tor. */
const COINJOIN_S = 90;

export interface Pace {
  readonly confirmations: number;
  readonly blockSeconds: number;
}

/** Of all entries from this one on, of which nothing is done. */
export function secondsFor(entries: readonly ScheduleEntry[], from: number, pace: Pace): number {
  const open = entries.slice(from).filter(({ completion }) => completion === 0);
  const waits = open.slice(0, -1).reduce((sum, { waitMinutes }) => sum + waitMinutes * 60, 0);
  return Math.round(open.length * (COINJOIN_S + blocksFor(pace)) + waits);
}

function blocksFor({ confirmations, blockSeconds }: Pace): number {
  return confirmations * blockSeconds;
}
