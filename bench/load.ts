/** How the bus bears a steady load: typed calls of 1 kB at a fixed rate for minutes, with latency, heap at intervals, and what failed. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { connectNats } from "../bus/carrier/nats.ts";
import { Nkey } from "../bus/carrier/nkey.ts";
import { ConnectedBus } from "../bus/connected-bus.ts";
import { permissionsOf } from "../bus/contract/permissions.ts";
import { silentLog } from "../bus/fake.ts";
import { echoContract } from "./bus/echo.ts";
import type { PeerData } from "./bus/peer.ts";
import { readOptions, refuse } from "./command/options.ts";

const PAYLOAD_CHARS = 1000;
const TICK_MS = 1;
const REPORTS = 10;
/** A queue that grows without end would show here, and not as a crash. */
const IN_FLIGHT_MAX = 10_000;

const HELP = `Usage: npm run bench -- load [--seconds 300] [--rate 2000]

Calls at a fixed rate, whatever the answers do, so that a slow answer counts as slow. One line per tenth of
the time (heap, calls, latency), then the whole.
`;

const values = readOptions(HELP, {
  seconds: { type: "string", default: "300" },
  rate: { type: "string", default: "2000" },
});

interface Window {
  readonly times: number[];
  failures: Map<string, number>;
}

async function startThread(name: string, workerData: unknown): Promise<{ worker: Worker; said: unknown }> {
  const worker = new Worker(new URL(`./bus/${name}.js`, import.meta.url), { workerData });
  const [said] = (await once(worker, "message")) as [unknown];
  return { worker, said };
}

async function main(seconds: number, rate: number): Promise<void> {
  const nkeys = { requester: Nkey.create(), echo: Nkey.create() };
  const users = (["requester", "echo"] as const).map((name) => ({
    name,
    publicKey: nkeys[name].publicKey,
    permissions: permissionsOf(name, [echoContract]),
  }));
  const broker = await startThread("broker-thread", { users });
  const server = broker.said as string;
  const peer: PeerData = { role: "echo", server, seed: nkeys.echo.revealSeed() };
  // Its bare echo is not allowed here; the contract's is what we ask.
  const echo = await startThread("peer", peer);
  const access = { servers: [server], user: "requester", seed: nkeys.requester.revealSeed() };
  const transport = await connectNats({ ...access, connectTimeoutMs: 20_000 });
  const bus = new ConnectedBus(transport, { log: silentLog() });

  const total = await load(bus, seconds, rate);
  process.stdout.write(`${JSON.stringify(total)}\n`);

  await bus.close();
  for (const { worker } of [echo, broker]) {
    worker.postMessage("stop");
    await once(worker, "exit");
  }
}

async function load(bus: ConnectedBus, seconds: number, rate: number): Promise<object> {
  const client = bus.client(echoContract);
  const text = "a".repeat(PAYLOAD_CHARS);
  const all: Window = { times: [], failures: new Map() };
  let window: Window = { times: [], failures: new Map() };
  const heaps: number[] = [];
  let sent = 0;
  let inFlight = 0;
  let skipped = 0;
  const startMs = performance.now();

  const ask = async (dueMs: number): Promise<void> => {
    inFlight++;
    try {
      await client.json({ text });
      // From when it was due, not from when it was sent: a stall of ours is a wait of the caller's.
      window.times.push(performance.now() - dueMs);
    } catch (error) {
      const code = (error as { code?: string }).code ?? "unknown";
      window.failures.set(code, (window.failures.get(code) ?? 0) + 1);
    } finally {
      inFlight--;
    }
  };

  for (let report = 1; report <= REPORTS; report++) {
    const endMs = startMs + (seconds * 1000 * report) / REPORTS;
    while (performance.now() < endMs) {
      const due = Math.floor(((performance.now() - startMs) / 1000) * rate);
      for (; sent < due; sent++) {
        if (inFlight >= IN_FLIGHT_MAX) skipped++;
        else void ask(startMs + (sent / rate) * 1000);
      }
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
    heaps.push(process.memoryUsage().heapUsed);
    const share = { part: `${report}/${REPORTS}`, heapMiB: mib(heaps.at(-1) ?? 0), ...figures(window) };
    process.stderr.write(`${JSON.stringify(share)}\n`);
    for (const time of window.times) all.times.push(time);
    for (const [code, count] of window.failures)
      all.failures.set(code, (all.failures.get(code) ?? 0) + count);
    window = { times: [], failures: new Map() };
  }
  while (inFlight > 0) await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  const half = heaps.length / 2;
  return {
    seconds,
    ratePerSecond: rate,
    payloadBytes: PAYLOAD_CHARS,
    sent,
    skipped,
    ...figures(all),
    heapMiBFirstHalf: mib(mean(heaps.slice(0, half))),
    heapMiBSecondHalf: mib(mean(heaps.slice(half))),
    rssMiB: mib(process.memoryUsage().rss),
  };
}

function figures({ times, failures }: Window): object {
  const sorted = Float64Array.from(times).sort();
  const quantileMs = (share: number) =>
    Math.round((sorted[Math.floor(sorted.length * share)] ?? Number.NaN) * 100) / 100;
  return {
    answered: sorted.length,
    failed: Object.fromEntries(failures),
    p50Ms: quantileMs(0.5),
    p99Ms: quantileMs(0.99),
    p999Ms: quantileMs(0.999),
    maxMs: Math.round((sorted.at(-1) ?? Number.NaN) * 100) / 100,
  };
}

const mib = (bytes: number): number => Math.round((bytes / 2 ** 20) * 10) / 10;

const mean = (numbers: readonly number[]): number =>
  numbers.reduce((sum, number) => sum + number, 0) / Math.max(1, numbers.length);

const seconds = Number(values.seconds);
const rate = Number(values.rate);
if (!(seconds > 0) || !(rate > 0)) refuse("load: --seconds and --rate take a number above 0", HELP);
await main(seconds, rate);
