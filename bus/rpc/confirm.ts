/** Makes sure that the broker took our subscriptions: it refuses late and in passing, beside the confirmation. */
import type { Clock } from "../../runtime/clock.ts";
import { hasCode } from "../../runtime/errors.ts";
import type { Transport } from "../carrier/transport.ts";

/** How long a broker that went away meanwhile may take to come back before it counts as a refusal to start. */
const RECONNECT_MAX_MS = 30_000;

/**
 * Subscribes, waits until the broker has seen it, and returns the patterns that it refused. A carrier that goes down
 * meanwhile subscribes again by itself when it is back: that is waited for. Rejects with `BUS_UNAVAILABLE` when it stays away.
 */
export async function confirmSubscriptions(
  { transport, clock }: { readonly transport: Transport; readonly clock: Clock },
  subscribe: () => void,
): Promise<ReadonlySet<string>> {
  const denied = new Set<string>();
  const unlisten = transport.onStatus((status) => {
    if (status.kind === "denied" && status.operation === "subscribe") denied.add(status.subject);
  });
  const lastTryMs = clock.monotonicMs() + RECONNECT_MAX_MS;
  try {
    subscribe();
    while (!(await isSeen(transport))) {
      const patienceMs = lastTryMs - clock.monotonicMs();
      const isBack = patienceMs > 0 && (await comesUp(transport, clock, patienceMs));
      if (!isBack) await transport.flush();
    }
    // The refusal comes before the confirmation but may be told a turn later.
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    unlisten();
  }
  return denied;
}

/** False when the carrier went down before the broker had confirmed. */
async function isSeen(transport: Transport): Promise<boolean> {
  try {
    await transport.flush();
    return true;
  } catch (error) {
    if (hasCode(error, "BUS_UNAVAILABLE")) return false;
    throw error;
  }
}

function comesUp(transport: Transport, clock: Clock, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (isUp: boolean) => {
      timer.cancel();
      unlisten();
      resolve(isUp);
    };
    const timer = clock.after(withinMs, () => end(transport.isUp));
    const unlisten = transport.onStatus(({ kind }) => {
      if (kind === "up" || kind === "closed") end(kind === "up");
    });
    if (transport.isUp) end(true);
  });
}
