/** A load on one server: so many connections, each with so many requests under way, for a while. */
import { loadavg } from "node:os";
import { percentile } from "../command/figures.ts";
import type { Server } from "./contest.ts";
import { isError, LineClient } from "./line-client.ts";
import type { Request } from "./methods.ts";

export interface Shape {
  readonly connections: number;
  /** Requests that each connection has under way. */
  readonly outstanding: number;
}

export interface Figures {
  readonly requestsPerSecond: number;
  /** Of its own processor time; undefined for a server whose processes we do not know. */
  readonly requestsPerCpuSecond: number | undefined;
  /** Of ours: over the bus, for each request. */
  readonly messagesPerRequest: number | undefined;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
  readonly load: number;
}

/** Connections that are being opened at once. */
const OPENING = 32;
const WARM_UP_SHARE = 0.2;

export async function loadOn(
  server: Server,
  request: () => Request,
  shape: Shape,
  seconds: number,
): Promise<Figures> {
  const clients = await connected(server, shape.connections);
  await ask(clients, request, shape, seconds * WARM_UP_SHARE);
  const messagesBefore = await server.messages?.();
  const cpuBefore = cpuSeconds(server);
  const startMs = performance.now();
  const { times, errors } = await ask(clients, request, shape, seconds);
  const tookSeconds = (performance.now() - startMs) / 1_000;
  const cpuAfter = cpuSeconds(server);
  const messagesAfter = await server.messages?.();
  for (const client of clients) client.close();
  const sorted = times.sort();
  return {
    requestsPerSecond: Math.round(times.length / tookSeconds),
    requestsPerCpuSecond:
      cpuBefore === undefined || cpuAfter === undefined
        ? undefined
        : Math.round(times.length / (cpuAfter - cpuBefore)),
    messagesPerRequest:
      messagesBefore === undefined || messagesAfter === undefined
        ? undefined
        : (messagesAfter - messagesBefore) / times.length,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    errors,
    load: loadNow(),
  };
}

export async function connected(server: Server, count: number): Promise<LineClient[]> {
  const clients: LineClient[] = [];
  while (clients.length < count) {
    const some = Math.min(OPENING, count - clients.length);
    const opened = Array.from({ length: some }, () => LineClient.open(server.host, server.port));
    clients.push(...(await Promise.all(opened)));
  }
  return clients;
}

export function cpuSeconds({ tree }: Server): number | undefined {
  tree?.look();
  return tree?.cpuSeconds;
}

export function loadNow(): number {
  return Math.round((loadavg()[0] ?? 0) * 10) / 10;
}

/** Each connection keeps its requests under way until the time is up. */
async function ask(
  clients: readonly LineClient[],
  request: () => Request,
  { outstanding }: Shape,
  seconds: number,
): Promise<{ times: Float64Array; errors: number }> {
  const times: number[] = [];
  let errors = 0;
  const endMs = performance.now() + seconds * 1_000;
  const lane = async (client: LineClient): Promise<void> => {
    for (let nowMs = performance.now(); nowMs < endMs; ) {
      const [method, params] = request();
      const startMs = nowMs;
      const line = await client.ask(method, params);
      nowMs = performance.now();
      times.push(nowMs - startMs);
      if (isError(line)) errors += 1;
    }
  };
  const lanes = clients.flatMap((client) => Array.from({ length: outstanding }, () => lane(client)));
  await Promise.all(lanes);
  return { times: Float64Array.from(times), errors };
}
