/** Where a schedule brings coins if all goes well: what each entry mixes, what arrives, and what is left where. Pure. */
import { amountOf } from "./amounts.ts";
import { INTERNAL, isSweep, type ScheduleEntry } from "./entry.ts";

export interface FlowRules {
  readonly amountSatMin: number;
  /** What makers and miners get of an entry that mixes about so much. */
  feesSat(entry: ScheduleEntry, amountSat: number): number;
}

export interface Flow {
  /** By entry; 0 where nothing is mixed. */
  readonly amountsSat: readonly number[];
  /** By entry; what its mixdepth has when it comes. */
  readonly hadSat: readonly number[];
  readonly arrivedSat: ReadonlyMap<string, number>;
  readonly leftSat: readonly number[];
}

/** Entries that are done are left out: what they moved is where it is. */
export function flowOf(
  entries: readonly ScheduleEntry[],
  availableSat: readonly number[],
  { amountSatMin, feesSat }: FlowRules,
): Flow {
  const leftSat = [...availableSat];
  const arrivedSat = new Map<string, number>();
  const bases = new Map<number, number>();
  const hadSat: number[] = [];
  const amountsSat = entries.map((entry) => {
    const { mixdepth, destination } = entry;
    const hasSat = leftSat[mixdepth] ?? 0;
    hadSat.push(hasSat);
    if (entry.completion !== 0) return 0;
    const baseSat = bases.get(mixdepth) ?? hasSat;
    const fees = feesSat(
      entry,
      isSweep(entry) ? hasSat : Math.min(hasSat, entry.amount < 1 ? entry.amount * baseSat : entry.amount),
    );
    const amount = amountOf(entry, { availableSat: hasSat, baseSat, amountSatMin, feesSat: fees });
    if (isSweep(entry)) bases.delete(mixdepth);
    else bases.set(mixdepth, baseSat);
    if (amount.kind === "nothing") return 0;
    const sat = amount.kind === "all" ? hasSat - fees : amount.sat;
    if (sat + fees > hasSat) return 0;
    leftSat[mixdepth] = hasSat - fees - sat;
    if (destination === INTERNAL) {
      const next = (mixdepth + 1) % leftSat.length;
      leftSat[next] = (leftSat[next] ?? 0) + sat;
    } else {
      arrivedSat.set(destination, (arrivedSat.get(destination) ?? 0) + sat);
    }
    return sat;
  });
  return { amountsSat, hadSat, arrivedSat, leftSat };
}
