/** A refusal that leaves something behind, such as a wrong try: the change is kept, and then it is thrown. */
import type { TroupeError } from "../../../runtime/errors.ts";

export type Outcome<T> = { readonly value: T } | { readonly refusal: TroupeError };

export function settled<T>(outcome: Outcome<T>): T {
  if ("refusal" in outcome) throw outcome.refusal;
  return outcome.value;
}
