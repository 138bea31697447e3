/** How many connections the system lets this process have. */
import { readFileSync } from "node:fs";

/** For the log, the bus, the index and whatever else of ours needs a descriptor; ElectrumX keeps as many. */
const KEPT_BACK = 350;

/** Undefined where the system does not tell. */
export function connectionsAllowed(): number | undefined {
  let limits: string;
  try {
    limits = readFileSync("/proc/self/limits", "utf8");
  } catch {
    // Not Linux, or confined: the configuration's number stands alone.
    return undefined;
  }
  const soft = /^Max open files +(\d+)/m.exec(limits)?.[1];
  return soft === undefined ? undefined : Math.max(16, Number(soft) - KEPT_BACK);
}
