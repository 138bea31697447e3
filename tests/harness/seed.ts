/** The seed of everything random in a test: the same in every run, so that a red test means a change of ours; `TROUPE_SEED=random` looks for new ones. */

/** @throws RangeError when `TROUPE_SEED` is neither a number nor `random`. */
function seedOf(wanted: string): number {
  const seed = wanted === "random" ? Date.now() % 2 ** 31 : Number(wanted);
  if (!Number.isSafeInteger(seed))
    throw new RangeError(`TROUPE_SEED is a whole number or "random", not "${wanted}"`);
  return seed;
}

export const SEED = seedOf(process.env["TROUPE_SEED"] ?? "1");
