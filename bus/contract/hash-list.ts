/** Lists of hashes, of which news of a block has thousands: looked at in one go, where one by one would cost more than the rest of the message. */
import { z } from "zod";

/** 64 digits, as people and contracts write hashes. */
export const Hash: z.ZodString = z.string().regex(/^[0-9a-f]{64}$/);

const HASH_DIGITS = 64;
const DIGITS = /^[0-9a-f]*$/;

/** The same schema as `z.array(Hash).max(max)`, in what it takes, in what it refuses and in how it is told to others. */
export function hashList(max: number): z.ZodArray<z.ZodString> {
  const list = z.array(Hash).max(max);
  const { run } = list._zod;
  list._zod.run = (payload, context) => {
    // Whatever is not plainly right is refused in zod's own words.
    return isPlain(payload.value, max) ? payload : run(payload, context);
  };
  return list;
}

function isPlain(given: unknown, max: number): boolean {
  if (!Array.isArray(given) || given.length > max) return false;
  for (const hash of given) if (typeof hash !== "string" || hash.length !== HASH_DIGITS) return false;
  return DIGITS.test(given.join(""));
}
