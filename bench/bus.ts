/** How fast the bus carries requests: the embedded broker beside a real nats-server, in the same run, turn by turn. */
import { once } from "node:events";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { Nkey } from "../bus/nkey.ts";
import type { BusUser } from "../bus/transport.ts";
import { findNatsServer, NatsServer } from "../tests/harness/nats-server.ts";
import type { Figures, PeerData, Round } from "./bus-peer.ts";

interface Carrier {
  readonly name: "embedded" | "nats-server";
  readonly requester: Worker;
  stop(): Promise<void>;
}

interface Size {
  readonly payloadBytes: number;
  readonly sequential: number;
  readonly concurrent: number;
  readonly inFlight: number;
}

/** 64 requests under way for small messages, 8 for large ones. */
const SIZES: readonly Size[] = [
  { payloadBytes: 100, sequential: 3000, concurrent: 20_000, inFlight: 64 },
  { payloadBytes: 1024, sequential: 3000, concurrent: 20_000, inFlight: 64 },
  { payloadBytes: 16 * 1024, sequential: 2000, concurrent: 8000, inFlight: 64 },
  { payloadBytes: 128 * 1024, sequential: 800, concurrent: 2000, inFlight: 8 },
];
const ROUNDS = 7;
const QUICK_ROUNDS = 3;
const QUICK_SHARE = 0.15;

function makeUsers(): { users: BusUser[]; seeds: Record<PeerData["role"], string> } {
  const nkeys = { requester: Nkey.create(), responder: Nkey.create() };
  const users = (["requester", "responder"] as const).map((name) => ({
    name,
    publicKey: nkeys[name].publicKey,
    permissions: {
      publish: {
        allow: name === "requester" ? ["troupe.v1.rpc.*.*.*.requester"] : ["troupe.v1.evt.bench.>"],
        deny: [],
      },
      subscribe: { allow: [`_INBOX.${name}.>`, "troupe.v1.rpc.bench.>"], deny: [] },
      allowResponses: 1,
    },
  }));
  return {
    users,
    seeds: { requester: nkeys.requester.revealSeed(), responder: nkeys.responder.revealSeed() },
  };
}

async function startEmbedded(): Promise<Carrier> {
  const { users, seeds } = makeUsers();
  const broker = new Worker(new URL("./bus-broker.js", import.meta.url), { workerData: { users } });
  const [address] = (await once(broker, "message")) as [string];
  return startPeers("embedded", address, seeds, async () => {
    broker.postMessage("stop");
    await once(broker, "exit");
  });
}

async function startNatsServer(): Promise<Carrier> {
  const { users, seeds } = makeUsers();
  const server = await NatsServer.start({ users });
  return startPeers("nats-server", server.url, seeds, () => server.stop());
}

async function startPeers(
  name: Carrier["name"],
  server: string,
  seeds: Record<PeerData["role"], string>,
  stopServer: () => Promise<void>,
): Promise<Carrier> {
  const startPeer = async (role: PeerData["role"]) => {
    const workerData: PeerData = { role, server, user: role, seed: seeds[role] };
    const worker = new Worker(new URL("./bus-peer.js", import.meta.url), { workerData });
    await once(worker, "message");
    return worker;
  };
  const responder = await startPeer("responder");
  const requester = await startPeer("requester");
  return {
    name,
    requester,
    stop: async () => {
      for (const worker of [requester, responder]) {
        worker.postMessage("stop");
        await once(worker, "exit");
      }
      await stopServer();
    },
  };
}

async function runRound(carrier: Carrier, round: Round): Promise<Figures> {
  carrier.requester.postMessage(round);
  const [figures] = (await once(carrier.requester, "message")) as [Figures];
  return figures;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function medians(rounds: readonly Figures[]): Figures {
  const of = (pick: (figures: Figures) => number) => median(rounds.map(pick));
  return {
    p50Us: of((figures) => figures.p50Us),
    p99Us: of((figures) => figures.p99Us),
    sequentialPerSecond: of((figures) => figures.sequentialPerSecond),
    concurrentPerSecond: of((figures) => figures.concurrentPerSecond),
  };
}

function print(line: Readonly<Record<string, unknown>>, asJson: boolean): void {
  const text = asJson
    ? JSON.stringify(line)
    : Object.entries(line)
        .map(([key, value]) => `${key}=${String(value)}`)
        .join("  ");
  process.stdout.write(`${text}\n`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { json: { type: "boolean" }, quick: { type: "boolean" } } });
  const asJson = values.json === true;
  const share = values.quick === true ? QUICK_SHARE : 1;
  const rounds = values.quick === true ? QUICK_ROUNDS : ROUNDS;
  const carriers = [await startEmbedded()];
  if (findNatsServer() !== undefined) carriers.push(await startNatsServer());
  else print({ bench: "bus", note: "nats-server is not installed: no comparison" }, asJson);
  try {
    for (const size of SIZES) {
      const round: Round = {
        ...size,
        sequential: Math.ceil(size.sequential * share),
        concurrent: Math.ceil(size.concurrent * share),
      };
      const results = new Map(carriers.map((carrier) => [carrier.name, [] as Figures[]]));
      for (let turn = 0; turn < rounds; turn++) {
        // whoever goes first changes each turn, so that a slow spell of the machine hits both
        for (const carrier of turn % 2 === 0 ? carriers : [...carriers].reverse()) {
          results.get(carrier.name)?.push(await runRound(carrier, round));
        }
      }
      const figures = new Map([...results].map(([name, list]) => [name, medians(list)]));
      for (const [carrier, figure] of figures) {
        print(
          {
            bench: "bus",
            carrier,
            payloadBytes: size.payloadBytes,
            inFlight: size.inFlight,
            rounds,
            ...figure,
          },
          asJson,
        );
      }
      const embedded = figures.get("embedded");
      const server = figures.get("nats-server");
      if (embedded === undefined || server === undefined) continue;
      const ratio = (a: number, b: number) => Number((a / b).toFixed(2));
      print(
        {
          bench: "bus",
          ratio: "embedded/nats-server",
          payloadBytes: size.payloadBytes,
          p50: ratio(embedded.p50Us, server.p50Us),
          p99: ratio(embedded.p99Us, server.p99Us),
          sequential: ratio(embedded.sequentialPerSecond, server.sequentialPerSecond),
          concurrent: ratio(embedded.concurrentPerSecond, server.concurrentPerSecond),
        },
        asJson,
      );
    }
  } finally {
    for (const carrier of carriers) await carrier.stop();
  }
}

await main();
