/** How fast the bus carries requests: the embedded broker beside a real nats-server, in the same run, turn by turn. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { Nkey } from "../bus/carrier/nkey.ts";
import type { BusUser } from "../bus/carrier/transport.ts";
import { permissionsOf } from "../bus/contract/permissions.ts";
import { findNatsServer, NatsServer } from "../tests/harness/nats-server.ts";
import { echoContract, RAW_SUBJECT } from "./bus/echo.ts";
import type { Figures, PeerData, Round } from "./bus/peer.ts";
import { readOptions } from "./command/options.ts";

type Role = PeerData["role"];

interface Carrier {
  readonly name: "embedded" | "nats-server";
  readonly requester: Worker;
  stop(): Promise<void>;
}

/** 64 requests under way for small messages, 8 for large ones. `raw` compares the carriers, the typed rows show what contracts cost. */
const CASES: readonly Round[] = [
  { layer: "raw", payloadBytes: 100, sequential: 3000, concurrent: 20_000, inFlight: 64 },
  { layer: "raw", payloadBytes: 1024, sequential: 3000, concurrent: 20_000, inFlight: 64 },
  { layer: "raw", payloadBytes: 16 * 1024, sequential: 2000, concurrent: 8000, inFlight: 64 },
  { layer: "raw", payloadBytes: 128 * 1024, sequential: 800, concurrent: 2000, inFlight: 8 },
  { layer: "json", payloadBytes: 100, sequential: 2000, concurrent: 8000, inFlight: 64 },
  { layer: "json", payloadBytes: 1024, sequential: 2000, concurrent: 8000, inFlight: 64 },
  { layer: "json", payloadBytes: 16 * 1024, sequential: 1000, concurrent: 4000, inFlight: 64 },
  { layer: "blob", payloadBytes: 128 * 1024, sequential: 500, concurrent: 1000, inFlight: 8 },
];
/** Many short rounds rather than few long ones: a slow spell of the machine then spoils a few pairs and no median. */
const ROUNDS = 15;
const ROUND_SHARE = 0.4;
const QUICK_ROUNDS = 5;
const QUICK_SHARE = 0.1;

function makeUsers(): { users: BusUser[]; seeds: Record<Role, string> } {
  const nkeys = { requester: Nkey.create(), echo: Nkey.create() };
  const users = (["requester", "echo"] as const).map((name) => {
    const permissions = permissionsOf(name, [echoContract]);
    const { publish } = permissions;
    const allow = name === "requester" ? [...publish.allow, RAW_SUBJECT] : publish.allow;
    return {
      name,
      publicKey: nkeys[name].publicKey,
      permissions: { ...permissions, publish: { ...publish, allow } },
    };
  });
  return { users, seeds: { requester: nkeys.requester.revealSeed(), echo: nkeys.echo.revealSeed() } };
}

async function startEmbedded(): Promise<Carrier> {
  const { users, seeds } = makeUsers();
  const broker = new Worker(new URL("./bus/broker-thread.js", import.meta.url), { workerData: { users } });
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
  seeds: Record<Role, string>,
  stopServer: () => Promise<void>,
): Promise<Carrier> {
  const startPeer = async (role: Role) => {
    const peerData: PeerData = { role, server, seed: seeds[role] };
    const worker = new Worker(new URL("./bus/peer.js", import.meta.url), { workerData: peerData });
    await once(worker, "message");
    return worker;
  };
  const echo = await startPeer("echo");
  const requester = await startPeer("requester");
  return {
    name,
    requester,
    stop: async () => {
      for (const worker of [requester, echo]) {
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

function medians(rounds: readonly Figures[]): Figures {
  const of = (pick: (figures: Figures) => number) => {
    const sorted = rounds.map(pick).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? 0;
  };
  return {
    p50Us: of((figures) => figures.p50Us),
    p99Us: of((figures) => figures.p99Us),
    sequentialPerSecond: of((figures) => figures.sequentialPerSecond),
    concurrentPerSecond: of((figures) => figures.concurrentPerSecond),
  };
}

/** Each turn's two rounds stand side by side in time, so they are compared with each other before the median is taken. */
function ratioLine(
  round: Round,
  embedded: readonly Figures[],
  server: readonly Figures[],
): Readonly<Record<string, unknown>> {
  const ratios = embedded.flatMap((one, turn) => {
    const other = server[turn];
    if (other === undefined) return [];
    return [
      {
        p50Us: one.p50Us / other.p50Us,
        p99Us: one.p99Us / other.p99Us,
        sequentialPerSecond: one.sequentialPerSecond / other.sequentialPerSecond,
        concurrentPerSecond: one.concurrentPerSecond / other.concurrentPerSecond,
      },
    ];
  });
  const middle = medians(ratios);
  const short = (value: number) => Number(value.toFixed(2));
  return {
    bench: "bus",
    ratio: "embedded/nats-server",
    layer: round.layer,
    payloadBytes: round.payloadBytes,
    p50: short(middle.p50Us),
    p99: short(middle.p99Us),
    sequential: short(middle.sequentialPerSecond),
    concurrent: short(middle.concurrentPerSecond),
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

async function runCase(
  carriers: readonly Carrier[],
  round: Round,
  rounds: number,
  asJson: boolean,
): Promise<void> {
  const results = new Map(carriers.map((carrier) => [carrier.name, [] as Figures[]]));
  // one round unrecorded: the first to run would pay for the compiler
  for (const carrier of carriers) await runRound(carrier, round);
  for (let turn = 0; turn < rounds; turn++) {
    // whoever goes first changes each turn, so that a slow spell of the machine hits both
    for (const carrier of turn % 2 === 0 ? carriers : carriers.toReversed()) {
      results.get(carrier.name)?.push(await runRound(carrier, round));
    }
  }
  const { layer, payloadBytes, inFlight } = round;
  for (const [carrier, list] of results) {
    print({ bench: "bus", carrier, layer, payloadBytes, inFlight, rounds, ...medians(list) }, asJson);
  }
  const embedded = results.get("embedded");
  const server = results.get("nats-server");
  if (embedded !== undefined && server !== undefined) print(ratioLine(round, embedded, server), asJson);
}

const HELP = `Usage: npm run bench -- bus [--quick] [--json]

  --quick   a tenth of the calls: for a first look
  --json    one line of JSON for each figure instead of a table

Beside a nats-server in the same run, if one is installed.
`;

async function main(): Promise<void> {
  const values = readOptions(HELP, { json: { type: "boolean" }, quick: { type: "boolean" } });
  const asJson = values.json === true;
  const share = values.quick === true ? QUICK_SHARE : ROUND_SHARE;
  const carriers = [await startEmbedded()];
  try {
    if (findNatsServer() === undefined) {
      print({ bench: "bus", note: "nats-server is not installed: no comparison" }, asJson);
    } else {
      carriers.push(await startNatsServer());
    }
    for (const full of CASES) {
      const sequential = Math.ceil(full.sequential * share);
      const concurrent = Math.ceil(full.concurrent * share);
      await runCase(
        carriers,
        { ...full, sequential, concurrent },
        values.quick === true ? QUICK_ROUNDS : ROUNDS,
        asJson,
      );
    }
  } finally {
    for (const carrier of carriers) await carrier.stop();
  }
}

await main();
