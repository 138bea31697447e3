/** The seed of everything random in a test: the same in every run, so that a red test means a change of ours; `TROUPE_SEED=random` looks for new ones. */

import { Randomness } from "../../bench/chain/randomness.ts";
import type { Random } from "../../runtime/chance/system-random.ts";

/** @throws RangeError when `TROUPE_SEED` is neither a number nor `random`. */
function seedOf(wanted: string): number {
  const seed = wanted === "random" ? Date.now() % 2 ** 31 : Number(wanted);
  if (!Number.isSafeInteger(seed))
    throw new RangeError(`TROUPE_SEED is a whole number or "random", not "${wanted}"`);
  return seed;
}

export const SEED = seedOf(process.env["TROUPE_SEED"] ?? "1");

/** What stands for the system's random source in an actor under test. */
export function seededRandom(): Random {
  const drawn = new Randomness(SEED);
  return () => drawn.fraction();
}
