/** One side of the bus benchmark, in a worker thread: an echo, or a requester that measures. */
import { parentPort, workerData } from "node:worker_threads";
import { connectNats } from "../../bus/carrier/nats.ts";
import type { Delivery, Transport } from "../../bus/carrier/transport.ts";
import { ConnectedBus } from "../../bus/connected-bus.ts";
import { silentLog } from "../../bus/fake.ts";
import { echoContract, type Layer, RAW_SUBJECT } from "./echo.ts";

export interface PeerData {
  readonly role: "echo" | "requester";
  readonly server: string;
  readonly seed: string;
}

/** What the requester is told to do. */
export interface Round {
  readonly layer: Layer;
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

type Ask = () => Promise<number>;

const WARM_UP_SHARE = 0.1;

/** Requests over a bare transport: one wildcard subscription for all replies, as the typed calls do it. */
class RawRequester {
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
      this.#transport.publish(RAW_SUBJECT, body, { reply });
    });
  }
}

/** One way to ask; resolves with the length of the answer. */
function makeAsk(layer: Layer, payloadBytes: number, raw: RawRequester, bus: ConnectedBus): Ask {
  const client = bus.client(echoContract);
  const body = new Uint8Array(payloadBytes).fill(0x61);
  const text = "a".repeat(payloadBytes);
  switch (layer) {
    case "raw":
      return async () => (await raw.request(body)).body.length;
    case "json":
      return async () => (await client.json({ text })).text.length;
    case "blob":
      return async () => (await client.blob(body)).length;
  }
}

async function measure(ask: Ask, round: Round): Promise<Figures> {
  const times: number[] = [];
  const runSequential = async (count: number, keep: boolean) => {
    for (let index = 0; index < count; index++) {
      const start = performance.now();
      if ((await ask()) !== round.payloadBytes) throw new Error("the echo has another length");
      if (keep) times.push(performance.now() - start);
    }
  };
  const runConcurrent = async (count: number) => {
    let left = count;
    const lane = async () => {
      while (left-- > 0) await ask();
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

async function serveEcho(transport: Transport, bus: ConnectedBus): Promise<void> {
  transport.subscribe(RAW_SUBJECT, { queue: "echo" }, ({ reply, body }) => {
    if (reply !== undefined) transport.publish(reply, body);
  });
  await bus.serve(echoContract, { json: (input) => input, blob: (input) => input });
}

async function run({ role, server, seed }: PeerData): Promise<void> {
  const transport = await connectNats({ servers: [server], user: role, seed, connectTimeoutMs: 20_000 });
  const bus = new ConnectedBus(transport, { log: silentLog() });
  const raw = new RawRequester(transport);
  if (role === "echo") await serveEcho(transport, bus);
  parentPort?.on("message", (message: Round | "stop") => {
    if (message === "stop") {
      void bus.close().then(() => parentPort?.close());
      return;
    }
    const ask = makeAsk(message.layer, message.payloadBytes, raw, bus);
    void measure(ask, message).then((figures) => parentPort?.postMessage(figures));
  });
  parentPort?.postMessage("ready");
}

await run(workerData as PeerData);
