/** How many requests Electrum servers answer, and how soon: each method, with few and with many connections. `electrum --help` says how. */
import { loadavg } from "node:os";
import { Randomness } from "./chain/randomness.ts";
import { readOptions, refuse } from "./command/options.ts";
import { LineClient } from "./electrum/line-client.ts";
import { type Sample, sampleOf } from "./electrum/sample.ts";

const HELP = `Usage: npm run bench -- electrum --server <name>=<host>:<port> [--server …] [...]

  --server <name>=<host>:<port>  an Electrum server over TCP, ours or another; may be given again: all are asked in turn, in this run
  --connections 1,16,100         with how many connections (16)
  --outstanding 4                requests that each connection has under way
  --seconds 3                    for each method and number of connections
  --samples 200                  transactions that are looked up first to know what to ask for
  --methods get_balance,…        of get_balance get_history listunspent subscribe header headers get_merkle transaction_get ping
  --seed 1

A server of ours that is to be measured must not slow one client down: [gateway] electrum_trusted_addresses = ["127.0.0.1"].
One line per figure: requests a second, median and 99th percentile in milliseconds, refusals, load average.
`;

type Request = readonly [method: string, params: readonly unknown[]];

/** By name: what is asked, given what the chain has. */
const METHODS: Readonly<Record<string, (sample: Sample, random: Randomness) => Request>> = {
  ping: () => ["server.ping", []],
  header: ({ tipHeight }, random) => ["blockchain.block.header", [below(random, tipHeight)]],
  headers: ({ tipHeight }, random) => [
    "blockchain.block.headers",
    [below(random, Math.max(1, tipHeight - 2_016)), 2_016],
  ],
  get_balance: ({ scripthashes }, random) => [
    "blockchain.scripthash.get_balance",
    [pick(random, scripthashes)],
  ],
  get_history: ({ scripthashes }, random) => [
    "blockchain.scripthash.get_history",
    [pick(random, scripthashes)],
  ],
  listunspent: ({ scripthashes }, random) => [
    "blockchain.scripthash.listunspent",
    [pick(random, scripthashes)],
  ],
  /** A script that nobody has asked for before: what a wallet does at its first start. */
  subscribe: (_, random) => ["blockchain.scripthash.subscribe", [anyHash(random)]],
  get_merkle: ({ transactions }, random) => {
    const { txid, height } = pick(random, transactions);
    return ["blockchain.transaction.get_merkle", [txid, height]];
  },
  transaction_get: ({ transactions }, random) => [
    "blockchain.transaction.get",
    [pick(random, transactions).txid],
  ],
};

const values = readOptions(HELP, {
  server: { type: "string", multiple: true, default: [] },
  connections: { type: "string", default: "16" },
  outstanding: { type: "string", default: "4" },
  seconds: { type: "string", default: "3" },
  samples: { type: "string", default: "200" },
  methods: { type: "string", default: Object.keys(METHODS).join(",") },
  seed: { type: "string", default: "1" },
});

function below(random: Randomness, bound: number): number {
  return Math.floor(random.fraction() * bound);
}

function pick<T>(random: Randomness, items: readonly T[]): T {
  return items[below(random, items.length)] as T;
}

function anyHash(random: Randomness): string {
  return Array.from({ length: 8 }, () =>
    below(random, 2 ** 32)
      .toString(16)
      .padStart(8, "0"),
  ).join("");
}

interface Server {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

function serverOf(text: string): Server | undefined {
  const [, name, host, port] = /^([\w.-]+)=(.+):(\d+)$/.exec(text) ?? [];
  return name === undefined || host === undefined ? undefined : { name, host, port: Number(port) };
}

/** Each connection keeps its requests under way until the time is up. */
async function load(
  clients: readonly LineClient[],
  request: () => Request,
): Promise<{ times: number[]; errors: number }> {
  const times: number[] = [];
  let errors = 0;
  const endMs = performance.now() + Number(values.seconds) * 1_000;
  const lane = async (client: LineClient): Promise<void> => {
    while (performance.now() < endMs) {
      const [method, params] = request();
      const startMs = performance.now();
      const line = (await client.ask(method, params)) as string;
      times.push(performance.now() - startMs);
      if (line.slice(0, 60).includes('"error"')) errors += 1;
    }
  };
  const lanes = clients.flatMap((client) =>
    Array.from({ length: Number(values.outstanding) }, () => lane(client)),
  );
  await Promise.all(lanes);
  return { times, errors };
}

function percentile(sorted: readonly number[], share: number): number {
  const at = Math.min(sorted.length - 1, Math.floor(sorted.length * share));
  return Math.round((sorted[at] ?? Number.NaN) * 100) / 100;
}

async function measure(server: Server, method: string, connections: number, sample: Sample): Promise<void> {
  const random = new Randomness(Number(values.seed));
  const ask = METHODS[method];
  if (ask === undefined) throw new Error(`there is no method "${method}"; --help names them`);
  const clients = await Promise.all(
    Array.from({ length: connections }, () => LineClient.open(server.host, server.port)),
  );
  const startMs = performance.now();
  const { times, errors } = await load(clients, () => ask(sample, random));
  const seconds = (performance.now() - startMs) / 1_000;
  for (const client of clients) client.close();
  times.sort((a, b) => a - b);
  const figure = {
    bench: "electrum",
    server: server.name,
    method,
    connections,
    requestsPerSecond: Math.round(times.length / seconds),
    p50Ms: percentile(times, 0.5),
    p99Ms: percentile(times, 0.99),
    errors,
    load: Math.round((loadavg()[0] ?? 0) * 10) / 10,
  };
  process.stdout.write(`${JSON.stringify(figure)}\n`);
}

async function main(servers: readonly Server[]): Promise<void> {
  const samples = new Map<Server, Sample>();
  for (const server of servers) {
    const client = await LineClient.open(server.host, server.port);
    samples.set(server, await sampleOf(client, new Randomness(Number(values.seed)), Number(values.samples)));
    client.close();
  }
  for (const method of values.methods.split(",")) {
    for (const connections of values.connections.split(",")) {
      for (const server of servers)
        await measure(server, method, Number(connections), samples.get(server) as Sample);
    }
  }
}

const servers = values.server.map(serverOf);
if (servers.length === 0 || servers.includes(undefined)) {
  refuse("electrum: say with --server <name>=<host>:<port> whom to ask", HELP);
}
await main(servers as Server[]);
