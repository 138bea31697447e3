/** Actors that a troupe may do without: where one does not run there is nothing of it to tell. */
import { hasCode } from "../../../../../runtime/errors.ts";

/** Undefined when nobody answers. */
export async function unlessAway<T>(asked: () => Promise<T>): Promise<T | undefined> {
  try {
    return await asked();
  } catch (error) {
    if (hasCode(error, "BUS_UNAVAILABLE") || hasCode(error, "BUS_DEADLINE")) return undefined;
    throw error;
  }
}
