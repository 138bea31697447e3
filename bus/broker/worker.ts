/** Thread entry of the embedded broker: so that no work of the supervisor delays a message, and a fault in here does not end the supervisor. */

import type { BusUser } from "../carrier/transport.ts";
import { type ChildRole, serveParent } from "../child/child-side.ts";
import { Broker } from "./broker.ts";

/** Public keys only: no seed ever reaches the broker. */
export interface BrokerBoot {
  readonly host?: string;
  /** 0 lets the system choose; a restart is given the port it had. */
  readonly port: number;
  readonly users: readonly BusUser[];
}

export interface BrokerReady {
  readonly port: number;
}

serveParent<BrokerBoot, BrokerReady>((): ChildRole<BrokerBoot, BrokerReady> => {
  let broker: Broker | undefined;
  return {
    async start(boot) {
      broker = await Broker.listen(boot);
      return { port: broker.port };
    },
    async stop() {
      await broker?.close();
    },
    metrics: () => Promise.resolve(broker === undefined ? "" : metricsText(broker)),
  };
});

function metricsText(broker: Broker): string {
  const stats = broker.stats();
  const gauges: [name: string, help: string, value: number][] = [
    ["troupe_broker_connections", "Clients connected.", stats.connections],
    ["troupe_broker_subscriptions", "Subscriptions of all clients.", stats.subscriptions],
    ["troupe_broker_pending_bytes", "Bytes that clients have not read yet.", stats.pendingBytes],
  ];
  const counters: [name: string, help: string, value: number][] = [
    ["troupe_broker_messages_in_total", "Messages received.", stats.messagesIn],
    ["troupe_broker_messages_out_total", "Messages delivered.", stats.messagesOut],
    ["troupe_broker_bytes_in_total", "Bytes of messages received.", stats.bytesIn],
    ["troupe_broker_bytes_out_total", "Bytes of messages delivered.", stats.bytesOut],
    ["troupe_broker_slow_consumers_total", "Clients cut off because they did not read.", stats.slowConsumers],
    ["troupe_broker_auth_failures_total", "Attempts to log in that were refused.", stats.authFailures],
    ["troupe_broker_cut_off_total", "Connections ended for any other fault of theirs.", stats.cutOff],
  ];
  const lines =
    (type: string) =>
    ([name, help, value]: [string, string, number]) =>
      `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${value}\n`;
  return [...gauges.map(lines("gauge")), ...counters.map(lines("counter"))].join("");
}
