/** What it means for who asks the taker that the taker asked others in vain: theirs to ask again, and nothing is broken. */
import { toWireError } from "../../runtime/errors.ts";
import { denials } from "./denials.ts";

/** Of a call that the taker made. One that failed inside is as a rule one whose callee has lost what it leans on itself. */
const AWAY: ReadonlySet<string> = new Set([
  "BUS_UNAVAILABLE",
  "BUS_DEADLINE",
  "BUS_BUSY",
  "BUS_CLOSED",
  "BUS_INTERNAL",
  "MEMPOOL_NODE_AWAY",
]);

/** The same error where it is the taker's own, or the wallet's. */
export function asNotReady(error: unknown): unknown {
  const { code } = toWireError(error);
  return AWAY.has(code) ? denials.notReady(code, error) : error;
}

export async function needingOthers<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw asNotReady(error);
  }
}
