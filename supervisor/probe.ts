/** Asks an actor over the bus how it is: whether it does its work, not only whether its event loop turns. */
import type { Bus } from "../bus/bus.ts";
import { healthContract } from "../bus/contracts/builtin.ts";
import { hasCode } from "../runtime/errors.ts";
import type { Probe } from "./life.ts";

const INTERVAL_MS = 10_000;
const MISSES_MAX = 3;

/** `bus` gives the supervisor's own connection, or undefined while it has none. A silent bus is held against no actor. */
export function busProbe(
  bus: () => Bus | undefined,
  actor: string,
  instance: string,
  options: { readonly intervalMs?: number; readonly missesMax?: number } = {},
): Probe {
  const contract = healthContract(actor);
  return {
    intervalMs: options.intervalMs ?? INTERVAL_MS,
    missesMax: options.missesMax ?? MISSES_MAX,
    async ask() {
      const connection = bus();
      if (connection?.isUp !== true) return "unknown";
      try {
        await connection.client(contract, instance).health({}, { retries: 0 });
        return "ok";
      } catch (error) {
        const isSilent = hasCode(error, "BUS_DEADLINE") || hasCode(error, "BUS_UNAVAILABLE");
        return isSilent && connection.isUp ? "miss" : "unknown";
      }
    },
  };
}
