/** Asks an actor over the bus how it is: whether it does its work, not only whether its event loop turns. */
import type { Bus } from "../bus/bus.ts";
import { healthContract } from "../bus/contracts/builtin.ts";
import { hasCode } from "../runtime/errors.ts";
import type { Probe } from "./life.ts";

const INTERVAL_MS = 10_000;
const MISSES_MAX = 3;
const DEADLINE_MS = 1_000;
/** Longer than the longest pause before an actor dials again. */
const RECONNECT_GRACE_MS = 10_000;

export interface ProbeOptions {
  readonly intervalMs?: number;
  readonly missesMax?: number;
  readonly reconnectGraceMs?: number;
}

/**
 * `bus` gives the supervisor's own connection, or undefined while it has none. What counts against an actor: it lets a
 * question wait, or it is gone from the bus although it has answered before and had the time to come back. A bus that is
 * down is nobody's fault, and who never served anything cannot be asked.
 */
export function busProbe(
  bus: () => Pick<Bus, "isUp" | "upForMs" | "client"> | undefined,
  actor: string,
  instance: string,
  options: ProbeOptions = {},
): Probe {
  const contract = healthContract(actor);
  const reconnectGraceMs = options.reconnectGraceMs ?? RECONNECT_GRACE_MS;
  let hasAnswered = false;
  return {
    intervalMs: options.intervalMs ?? INTERVAL_MS,
    missesMax: options.missesMax ?? MISSES_MAX,
    async ask() {
      const connection = bus();
      if (connection?.isUp !== true) return "unknown";
      try {
        await connection.client(contract, instance).health({}, { deadlineMs: DEADLINE_MS, retries: 0 });
        hasAnswered = true;
        return "ok";
      } catch (error) {
        if (!connection.isUp) return "unknown";
        if (hasCode(error, "BUS_DEADLINE")) return "miss";
        const isGone = hasCode(error, "BUS_UNAVAILABLE") && hasAnswered;
        return isGone && connection.upForMs >= reconnectGraceMs ? "miss" : "unknown";
      }
    },
  };
}
