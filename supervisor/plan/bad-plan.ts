/** What is wrong with the configuration as a whole: a misuse, found before anything is made. */
import { TroupeError } from "../../runtime/errors.ts";

export function badPlan(why: string): TroupeError {
  return new TroupeError({ code: "SUPERVISOR_BAD_PLAN" }, `This cannot be started: ${why}.`);
}
