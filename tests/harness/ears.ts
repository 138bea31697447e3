/** What a test hears of a transport: messages, statuses, and the moment when everything has arrived. */
import type { Delivery, SubscribeOptions, Transport, TransportStatus } from "../../bus/carrier/transport.ts";

export const text = (value: string) => new TextEncoder().encode(value);
export const readText = (delivery: Delivery) => new TextDecoder().decode(delivery.body);

/** A subscription that keeps what it hears. */
export function hear(transport: Transport, pattern: string, options: SubscribeOptions = {}) {
  const deliveries: Delivery[] = [];
  let wake = () => undefined as unknown;
  const subscription = transport.subscribe(pattern, options, (delivery) => {
    deliveries.push(delivery);
    wake();
  });
  return {
    deliveries,
    subscription,
    texts: () => deliveries.map(readText),
    subjects: () => deliveries.map((delivery) => delivery.subject),
    /** Resolves when so many have come. The test's own time limit bounds it. */
    count: async (count: number) => {
      while (deliveries.length < count) {
        await new Promise<void>((resolve) => {
          wake = () => resolve();
        });
      }
    },
  };
}

export function statusOf(transport: Transport) {
  const seen: TransportStatus[] = [];
  const waiting = new Set<() => void>();
  transport.onStatus((status) => {
    seen.push(status);
    for (const check of [...waiting]) check();
  });
  const until = (isWanted: (status: TransportStatus) => boolean) =>
    new Promise<TransportStatus>((resolve) => {
      const check = () => {
        const found = seen.find(isWanted);
        if (found === undefined) return;
        waiting.delete(check);
        resolve(found);
      };
      waiting.add(check);
      check();
    });
  return { seen, until, kind: (kind: TransportStatus["kind"]) => until((status) => status.kind === kind) };
}

/** Everybody's earlier commands have reached the broker, and what they caused has come back. */
export async function settle(...transports: Transport[]): Promise<void> {
  for (const transport of transports) await transport.flush();
  for (const transport of transports) await transport.flush();
}
