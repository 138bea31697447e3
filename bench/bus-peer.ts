/** One side of the bus benchmark, in a worker thread: an echo, or a requester that measures. */
import { parentPort, workerData } from "node:worker_threads";
import { connectNats } from "../bus/nats.ts";
import type { Delivery, Transport } from "../bus/transport.ts";

export interface PeerData {
  readonly role: "responder" | "requester";
  readonly server: string;
  readonly user: string;
  readonly seed: string;
}

/** What the requester is told to do. */
export interface Round {
  readonly payloadBytes: number;
  readonly sequential: number;
  readonly concurrent: number;
  readonly inFlight: number;
}

export interface Figures {
  readonly p50Us: number;
  readonly p99Us: number;
  readonly sequentialPerSecond: number;
  readonly concurrentPerSecond: number;
}

const WARM_UP_SHARE = 0.1;
export const ECHO_SUBJECT = "troupe.v1.rpc.bench.any.echo.requester";

/** Requests over a bare transport: one wildcard subscription for all replies, as the typed calls do it. */
class Requester {
  readonly #transport: Transport;
  readonly #waiting = new Map<string, (delivery: Delivery) => void>();
  #counter = 0;

  constructor(transport: Transport) {
    this.#transport = transport;
    transport.subscribe(`_INBOX.${transport.user}.bench.*`, {}, (delivery) => {
      const resolve = this.#waiting.get(delivery.subject);
      this.#waiting.delete(delivery.subject);
      resolve?.(delivery);
    });
  }

  request(body: Uint8Array): Promise<Delivery> {
    const reply = `_INBOX.${this.#transport.user}.bench.${++this.#counter}`;
    return new Promise((resolve) => {
      this.#waiting.set(reply, resolve);
      this.#transport.publish(ECHO_SUBJECT, body, { reply });
    });
  }
}

async function measure(requester: Requester, round: Round): Promise<Figures> {
  const body = new Uint8Array(round.payloadBytes).fill(0x61);
  const times: number[] = [];
  const runSequential = async (count: number, keep: boolean) => {
    for (let index = 0; index < count; index++) {
      const start = performance.now();
      const { body: echoed } = await requester.request(body);
      if (echoed.length !== body.length) throw new Error("the echo has another length");
      if (keep) times.push(performance.now() - start);
    }
  };
  const runConcurrent = async (count: number) => {
    let left = count;
    const lane = async () => {
      while (left-- > 0) await requester.request(body);
    };
    await Promise.all(Array.from({ length: round.inFlight }, lane));
  };
  await runSequential(Math.ceil(round.sequential * WARM_UP_SHARE), false);
  const sequentialStart = performance.now();
  await runSequential(round.sequential, true);
  const sequentialMs = performance.now() - sequentialStart;
  await runConcurrent(Math.ceil(round.concurrent * WARM_UP_SHARE));
  const concurrentStart = performance.now();
  await runConcurrent(round.concurrent);
  const concurrentMs = performance.now() - concurrentStart;
  times.sort((a, b) => a - b);
  const quantileUs = (share: number) => Math.round((times[Math.floor(times.length * share)] ?? 0) * 1000);
  return {
    p50Us: quantileUs(0.5),
    p99Us: quantileUs(0.99),
    sequentialPerSecond: Math.round((round.sequential / sequentialMs) * 1000),
    concurrentPerSecond: Math.round((round.concurrent / concurrentMs) * 1000),
  };
}

async function run(data: PeerData): Promise<void> {
  const transport = await connectNats({
    servers: [data.server],
    user: data.user,
    seed: data.seed,
    connectTimeoutMs: 20_000,
  });
  const requester = new Requester(transport);
  if (data.role === "responder") {
    transport.subscribe(ECHO_SUBJECT, { queue: "bench" }, ({ reply, body }) => {
      if (reply !== undefined) transport.publish(reply, body);
    });
    await transport.flush();
  }
  parentPort?.on("message", (message: Round | "stop") => {
    if (message === "stop") {
      void transport.close().then(() => parentPort?.close());
      return;
    }
    void measure(requester, message).then((figures) => parentPort?.postMessage(figures));
  });
  parentPort?.postMessage("ready");
}

await run(workerData as PeerData);
