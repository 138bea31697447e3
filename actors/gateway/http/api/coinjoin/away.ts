/** Makers and takers may be off, or just being started again: what is asked of them then has no answer, and no fault. */
import { hasCode } from "../../../../../runtime/errors.ts";

const AWAY = ["BUS_UNAVAILABLE", "BUS_DEADLINE", "BUS_CLOSED"] as const;

/** Undefined: nobody answers. */
export async function orAway<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (!AWAY.some((code) => hasCode(error, code))) throw error;
    return undefined;
  }
}
