/** Which coins of a mixdepth pay for an amount: JoinMarket's merge algorithms, and the rule that keeps deposits apart. */
import { outOfRange } from "../../bitcoin/errors.ts";

/**
 * default: as few and as large as needed, a single coin if one suffices. gradual, greedy, greediest: more and more
 * of the small ones, so that dust gets less. random: as default, with up to two small coins more.
 */
export type MergeAlgorithm = "default" | "gradual" | "greedy" | "greediest" | "random";

export interface SelectableCoin {
  readonly valueSat: number;
  /** The equal-sized output of a coinjoin, or change of nothing but such: it says nothing of who deposited it. */
  readonly isMixed: boolean;
}

export interface SelectionRules {
  readonly algorithm: MergeAlgorithm;
  /**
   * Deposits are not spent together, as two of them in one transaction tell that they have one owner: either mixed
   * coins pay, or one deposit alone. joinmarket-ng keeps it so in mixdepth 0, where people deposit.
   */
  readonly keepsDepositsApart: boolean;
  /** A number from 0 up to 1, from the system's random source; only `random` asks for it. */
  readonly random: () => number;
}

const EXTRA_COINS_MAX = 2;

/** The coins to spend, in no meaningful order; nothing if they do not suffice. Frozen coins and bonds stay with the caller. */
export function selectCoins<C extends SelectableCoin>(
  coins: readonly C[],
  targetSat: number,
  rules: SelectionRules,
): readonly C[] | undefined {
  if (!Number.isSafeInteger(targetSat) || targetSat <= 0) throw outOfRange(`${targetSat} satoshi to select`);
  const ascending = [...coins].sort((a, b) => a.valueSat - b.valueSat);
  if (!rules.keepsDepositsApart) return merge(ascending, targetSat, rules);
  const mixed = merge(
    ascending.filter((coin) => coin.isMixed),
    targetSat,
    rules,
  );
  if (mixed !== undefined) return mixed;
  const alone = ascending.find((coin) => coin.valueSat >= targetSat);
  return alone === undefined ? undefined : [alone];
}

export function totalSat(coins: readonly { readonly valueSat: number }[]): number {
  return coins.reduce((sum, coin) => sum + coin.valueSat, 0);
}

function merge<C extends SelectableCoin>(
  ascending: readonly C[],
  targetSat: number,
  { algorithm, random }: SelectionRules,
): readonly C[] | undefined {
  if (totalSat(ascending) < targetSat) return undefined;
  switch (algorithm) {
    case "default":
      return fewest(ascending, targetSat);
    case "gradual":
      return smallRun(ascending, targetSat, true);
    case "greedy":
      return manySmall(ascending, targetSat);
    case "greediest":
      return smallRun(ascending, targetSat, false);
    case "random":
      return withExtras(ascending, fewest(ascending, targetSat), random);
  }
}

/** The smallest coin that suffices alone, else the largest ones. */
function fewest<C extends SelectableCoin>(ascending: readonly C[], targetSat: number): readonly C[] {
  const alone = ascending.find((coin) => coin.valueSat >= targetSat);
  if (alone !== undefined) return [alone];
  const chosen: C[] = [];
  let sum = 0;
  for (const coin of ascending.toReversed()) {
    if (sum >= targetSat) break;
    chosen.push(coin);
    sum += coin.valueSat;
  }
  return chosen;
}

/**
 * The shortest run of coins below the target, from the smallest upwards; trimmed, it then loses its small end
 * while it still suffices. If they do not suffice together, the smallest coin that does alone.
 */
function smallRun<C extends SelectableCoin>(
  ascending: readonly C[],
  targetSat: number,
  isTrimmed: boolean,
): readonly C[] {
  const small = ascending.filter((coin) => coin.valueSat < targetSat);
  if (totalSat(small) < targetSat) return fewest(ascending, targetSat);
  const run: C[] = [];
  let sum = 0;
  for (const coin of small) {
    if (sum >= targetSat) break;
    run.push(coin);
    sum += coin.valueSat;
  }
  while (isTrimmed && run[0] !== undefined && sum - run[0].valueSat >= targetSat) {
    sum -= run[0].valueSat;
    run.shift();
  }
  return run;
}

/** The small coins up to the first that overshoots, without those, from the large end, that are not needed after it. */
function manySmall<C extends SelectableCoin>(ascending: readonly C[], targetSat: number): readonly C[] {
  let sum = 0;
  const run: C[] = [];
  for (const coin of ascending) {
    if (sum >= targetSat) break;
    run.push(coin);
    sum += coin.valueSat;
  }
  if (sum === targetSat) return run;
  const last = run.pop();
  const chosen = last === undefined ? [] : [last];
  for (const coin of run.toReversed()) {
    if (sum - coin.valueSat >= targetSat) sum -= coin.valueSat;
    else chosen.push(coin);
  }
  return chosen;
}

function withExtras<C extends SelectableCoin>(
  ascending: readonly C[],
  chosen: readonly C[],
  random: () => number,
): readonly C[] {
  const rest = ascending.filter((coin) => !chosen.includes(coin));
  return [...chosen, ...rest.slice(0, Math.floor(random() * (EXTRA_COINS_MAX + 1)))];
}
