/** Asks for what is long again and again, in a thread of its own: reading the answers must not slow down those who measure. */
import { parentPort, workerData } from "node:worker_threads";
import { LineClient } from "./line-client.ts";

export interface LongOrder {
  readonly host: string;
  readonly port: number;
  readonly method: string;
  readonly scripthash: string;
}

export interface LongFigures {
  readonly timesMs: readonly number[];
  readonly bytes: number;
  readonly errors: number;
}

const { host, port, method, scripthash } = workerData as LongOrder;
const client = await LineClient.open(host, port);
const timesMs: number[] = [];
let bytes = 0;
let errors = 0;
let isOver = false;
parentPort?.once("message", () => {
  isOver = true;
});
while (!isOver) {
  const startMs = performance.now();
  const line = await client.ask(method, [scripthash]);
  timesMs.push(performance.now() - startMs);
  bytes = line.length;
  if (line.toString("latin1", 0, 60).includes('"error"')) errors += 1;
  // One after the other would only measure how often it can be asked.
  await new Promise((resolve) => setTimeout(resolve, 50));
}
client.close();
parentPort?.postMessage({ timesMs, bytes, errors } satisfies LongFigures);
parentPort?.close();
