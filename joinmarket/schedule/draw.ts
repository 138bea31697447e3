/** Draws a schedule that brings all coins of a wallet to destinations, as JoinMarket's tumbler does. Pure: chance is handed in. */
import { drawNormal, drawShares, drawWait, drawWeighted, type Random } from "../chance.ts";
import {
  ASKED_FOR,
  badSchedule,
  ENTRY_MAKERS_MAX,
  INTERNAL,
  NOT_ROUNDED,
  SCHEDULE_ENTRIES_MAX,
  type ScheduleEntry,
} from "./entry.ts";

export interface DrawOptions {
  /** Destinations in all; those that are not given are asked for in time. */
  readonly destinations: number;
  readonly makers: { readonly mean: number; readonly spread: number };
  readonly makersMin: number;
  /** Through how many mixdepths the coins go. */
  readonly mixdepths: number;
  readonly coinjoins: { readonly mean: number; readonly spread: number };
  readonly coinjoinsMin: number;
  readonly waitMinutes: number;
  readonly firstWaitFactor: number;
  readonly amountSatMin: number;
  readonly roundedPercent: number;
  readonly roundingWeights: readonly number[];
}

export interface DrawWish {
  /** What each mixdepth of the wallet has that can be spent. */
  readonly availableSat: readonly number[];
  readonly destinations: readonly string[];
  readonly options: DrawOptions;
  readonly random: Random;
}

/**
 * First every mixdepth is swept to the next, so that no later coinjoin shows which deposits belong together; then the
 * coins go through a chain of mixdepths in random parts, and leave it at its last ones. Empty when nothing is worth it.
 *
 * @throws JOINMARKET_BAD_SCHEDULE when no schedule fits what is wanted.
 */
export function drawSchedule(wish: DrawWish): ScheduleEntry[] {
  const { availableSat, options } = wish;
  const wanted = Math.max(options.destinations, wish.destinations.length);
  const sources = availableSat.flatMap((sat, mixdepth) =>
    sat > 0 && sat >= options.amountSatMin ? [mixdepth] : [],
  );
  if (sources.length === 0) return [];
  const filled = afterSweeps(sources, availableSat.length);
  const { start, length } = chainThrough(filled, availableSat.length, options.mixdepths);
  if (wanted > length) {
    throw badSchedule(0, `${wanted} destinations need as many mixdepths on the way, and it has ${length}`);
  }
  const sweeps = [...sources].reverse().map((mixdepth) => ({
    mixdepth,
    amount: 0,
    ...drawn(options.waitMinutes * options.firstWaitFactor, wish),
    destination: INTERNAL,
    figures: NOT_ROUNDED,
  }));
  const chain = Array.from({ length }, (_, step) => {
    const mixdepth = (start + step) % availableSat.length;
    return stepOf(mixdepth, length - 1 - step, wanted, wish);
  });
  const entries = [...sweeps, ...chain.flat()].map((entry) => ({ ...entry, completion: 0 as const }));
  if (entries.length > SCHEDULE_ENTRIES_MAX) {
    throw badSchedule(0, `it would have ${entries.length} coinjoins, more than ${SCHEDULE_ENTRIES_MAX}`);
  }
  return entries;
}

/** Which mixdepths have coins after all were swept to the next one, the highest first. */
function afterSweeps(sources: readonly number[], mixdepths: number): readonly number[] {
  const filled = new Set<number>();
  for (const mixdepth of [...sources].reverse()) {
    filled.delete(mixdepth);
    filled.add((mixdepth + 1) % mixdepths);
  }
  return [...filled].sort((a, b) => a - b);
}

/**
 * Where the chain begins, so that it meets all coins: at the lowest such mixdepth. joinmarket-clientserver always begins at
 * the lowest one that has any, and leaves behind what its chain does not meet.
 */
function chainThrough(filled: readonly number[], mixdepths: number, wanted: number) {
  const chains = filled.map((start) => ({
    start,
    needed: 1 + Math.max(...filled.map((one) => (one - start + mixdepths) % mixdepths)),
  }));
  const enough = chains.find(({ needed }) => needed <= wanted);
  const shortest = [...chains].sort((a, b) => a.needed - b.needed)[0] ?? { start: 0, needed: wanted };
  const { start, needed } = enough ?? shortest;
  return { start, length: Math.max(needed, wanted) };
}

/** The coinjoins of one mixdepth of the chain; `after` it as many follow. */
function stepOf(mixdepth: number, after: number, wanted: number, wish: DrawWish) {
  const { options, random, destinations } = wish;
  const isLeaving = after < wanted;
  // Those that are asked for come last, when somebody has had the time to get them.
  const number = wanted - 1 - after;
  const sweep = {
    mixdepth,
    amount: 0,
    ...drawn(options.waitMinutes, wish),
    destination: isLeaving ? (destinations[number] ?? ASKED_FOR) : INTERNAL,
    figures: NOT_ROUNDED,
  };
  if (after === 0) return [sweep];
  const { mean, spread } = options.coinjoins;
  const least = Math.max(options.coinjoinsMin, isLeaving ? 2 : 1);
  const count = Math.max(Math.trunc(drawNormal(mean, spread, random)), least);
  const shares = drawShares(Math.min(count, SCHEDULE_ENTRIES_MAX), random);
  const parts = shares.slice(0, -1).map((amount) => ({
    mixdepth,
    amount,
    ...drawn(options.waitMinutes, wish),
    destination: INTERNAL,
    figures: drawFigures(options, random),
  }));
  return [...parts, sweep];
}

function drawn(meanMinutes: number, { options, random }: DrawWish) {
  const { mean, spread } = options.makers;
  const makers = Math.max(Math.trunc(drawNormal(mean, spread, random)), options.makersMin);
  return {
    makers: Math.min(makers, ENTRY_MAKERS_MAX),
    waitMinutes: Math.round(drawWait(meanMinutes, random) * 100) / 100,
  };
}

function drawFigures({ roundedPercent, roundingWeights }: DrawOptions, random: Random): number {
  if (random() * 100 >= roundedPercent) return NOT_ROUNDED;
  return drawWeighted(roundingWeights, random) + 1;
}
