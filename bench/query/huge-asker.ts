/** Asks for the longest history again and again, in a thread of its own: reading the reply must not slow down those who measure. */
import { parentPort, workerData } from "node:worker_threads";
import { connectNats } from "../../bus/carrier/nats.ts";
import { ConnectedBus } from "../../bus/connected-bus.ts";
import { indexerContract } from "../../bus/contracts/indexer.ts";
import { silentLog } from "../../bus/fake.ts";

export interface HugeOrder {
  readonly server: string;
  readonly seed: string;
  readonly scripthash: string;
}

export interface HugeFigures {
  readonly entries: number;
  readonly timesMs: readonly number[];
}

const { server, seed, scripthash } = workerData as HugeOrder;
const transport = await connectNats({ servers: [server], user: "gateway", seed, connectTimeoutMs: 10_000 });
const bus = new ConnectedBus(transport, { log: silentLog() });
const client = bus.client(indexerContract);
const timesMs: number[] = [];
let entries = 0;
let isOver = false;
parentPort?.once("message", () => {
  isOver = true;
});
do {
  const startMs = performance.now();
  const { results } = await client.histories({ scripthashes: [scripthash] });
  entries = results[0]?.length ?? 0;
  timesMs.push(performance.now() - startMs);
  // The first is told at once: from then on it runs.
  if (timesMs.length === 1) parentPort?.postMessage({ entries, timesMs } satisfies HugeFigures);
} while (!isOver);
await bus.close();
parentPort?.postMessage({ entries, timesMs } satisfies HugeFigures);
parentPort?.close();
