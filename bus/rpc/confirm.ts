/** Makes sure that the broker took our subscriptions: it refuses late and in passing, beside the confirmation. */
import type { Transport } from "../carrier/transport.ts";

/** Subscribes, waits until the broker has seen it, and returns the patterns that it refused. */
export async function confirmSubscriptions(
  transport: Transport,
  subscribe: () => void,
): Promise<ReadonlySet<string>> {
  const denied = new Set<string>();
  const unlisten = transport.onStatus((status) => {
    if (status.kind === "denied" && status.operation === "subscribe") denied.add(status.subject);
  });
  try {
    subscribe();
    await transport.flush();
    // The refusal comes before the confirmation but may be told a turn later.
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    unlisten();
  }
  return denied;
}
