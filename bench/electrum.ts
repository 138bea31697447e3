/** How many requests Electrum servers answer, and how soon: ours beside others on one chain, in one run. `electrum --help` says how. */
import { availableParallelism } from "node:os";
import { ChainFileSource } from "./chain/chain-file.ts";
import { Randomness } from "./chain/randomness.ts";
import { readOptions, refuse } from "./command/options.ts";
import { BareServers } from "./electrum/bare/bare-servers.ts";
import { Contest, HELD_BLOCKS, type Server } from "./electrum/contest.ts";
import { LineClient } from "./electrum/line-client.ts";
import { type Figures, loadNow, loadOn, type Shape } from "./electrum/load.ts";
import { METHODS } from "./electrum/methods.ts";
import { Report } from "./electrum/report.ts";
import { type Sample, sampleOfFile, sampleOfServer } from "./electrum/sample.ts";
import { SINGLES } from "./electrum/single.ts";

/** What no server can be better than, with this client on this machine. */
const LIMIT = "limit";

const HELP = `Usage: npm run bench -- electrum --chain <file> [--peer <name>=<command> …] [...]
       npm run bench -- electrum --server <name>=<host>:<port> [--server …] [...]

  --chain <file>           a chain that \`chain\` made: Troupe is started on it, as it is run, with a node that serves it
  --peer <name>=<command>  needs --chain: another server on the same node, started as \`sync\` starts it; may be given again
  --server <name>=<host>:<port>  servers that run already, over TCP, ours or others
  --keep <directory>       where what they have synced stays, so that the next run begins sooner
  --set <key>=<value>      a setting of ours; may be given again
  --no-block-files         ours without the node's block files, as where the node is on another machine
  --shapes 1x1,16x4,…      numbers of connections x requests that each has under way (1x1,16x4,100x1,1000x1)
  --seconds 3              for each method, shape and server
  --warm-up 5              seconds of questions to each server before anything is measured
  --rounds 1               how often each is measured, the servers in turn; the medians count
  --rows get_balance,…     of ${Object.keys(METHODS).join(" ")}
                           and ${LIMIT}: a ping of ours beside servers in Node and in Python that do nothing but answer
                           and, once each, ${Object.keys(SINGLES).join(" ")}
  --samples 20000          transactions to ask for, with their scripts (with --server 200: they are looked up)
  --subscriptions 100000   of one client
  --sessions 1000          connections, for what each weighs
  --seed 1
  --json                   no table

A running server of ours must not slow one client down: [gateway] electrum_trusted_addresses = ["127.0.0.1"].
One line of JSON per figure: requests a second, and a second of the server's own processor time (all its processes; not
the node's, nor ours who ask), median and 99th percentile in milliseconds, refusals, load average. Then how many times
as many as each of the others the first server answers, and what share of our processor time the bus takes at
most ("hop": needs the rows ping and id_from_pos, the shape 1x1, and --set gateway.index_cache_mb=0).
`;

const values = readOptions(HELP, {
  chain: { type: "string" },
  peer: { type: "string", multiple: true, default: [] },
  server: { type: "string", multiple: true, default: [] },
  keep: { type: "string" },
  set: { type: "string", multiple: true, default: [] },
  "no-block-files": { type: "boolean", default: false },
  shapes: { type: "string", default: "1x1,16x4,100x1,1000x1" },
  seconds: { type: "string", default: "3" },
  "warm-up": { type: "string", default: "5" },
  rounds: { type: "string", default: "1" },
  rows: { type: "string", default: [LIMIT, ...Object.keys(METHODS), ...Object.keys(SINGLES)].join(",") },
  samples: { type: "string" },
  subscriptions: { type: "string", default: "100000" },
  sessions: { type: "string", default: "1000" },
  seed: { type: "string", default: "1" },
  json: { type: "boolean", default: false },
});
const seed = Number(values.seed);

function serverOf(text: string): Server | undefined {
  const [, name, host, port] = /^([\w.-]+)=(.+):(\d+)$/.exec(text) ?? [];
  if (name === undefined || host === undefined) return undefined;
  return { name, host, port: Number(port), tree: undefined };
}

function peerOf(text: string): readonly [name: string, command: string] {
  const [name = "", ...command] = text.split("=");
  return [name, command.join("=")];
}

function shapeOf(text: string): Shape {
  const [, connections, outstanding] = /^(\d+)x(\d+)$/.exec(text) ?? [];
  if (connections === undefined) refuse(`electrum: "${text}" is not of the form 16x4`, HELP);
  return { connections: Number(connections), outstanding: Number(outstanding) };
}

function median(figures: readonly Figures[]): Figures {
  const sorted = figures.toSorted((a, b) => a.requestsPerSecond - b.requestsPerSecond);
  return sorted[sorted.length >> 1] as Figures;
}

async function measureRow(
  row: string,
  servers: readonly Server[],
  sampleFor: (server: Server) => Sample,
  report: Report,
): Promise<void> {
  const single = SINGLES[row];
  if (single !== undefined) {
    for (const server of servers) {
      const terms = {
        sample: sampleFor(server),
        seed,
        subscriptions: Number(values.subscriptions),
        sessions: Number(values.sessions),
      };
      report.single(row, server.name, await single(server, terms), loadNow());
    }
    report.compareSingle(row);
    return;
  }
  if (row === LIMIT) return measureLimit(servers, sampleFor, report);
  const request = METHODS[row];
  if (request === undefined) refuse(`electrum: there is no row "${row}"`, HELP);
  await measureRates(row, request, servers, sampleFor, report);
}

async function measureLimit(
  [ours]: readonly Server[],
  sampleFor: (server: Server) => Sample,
  report: Report,
): Promise<void> {
  if (ours === undefined) return;
  const bare = await BareServers.start();
  try {
    const ping = METHODS["ping"] as NonNullable<(typeof METHODS)[string]>;
    await measureRates(LIMIT, ping, [ours, ...bare.servers], () => sampleFor(ours), report);
  } finally {
    bare.close();
  }
}

async function measureRates(
  row: string,
  request: NonNullable<(typeof METHODS)[string]>,
  servers: readonly Server[],
  sampleFor: (server: Server) => Sample,
  report: Report,
): Promise<void> {
  for (const shape of shapes) {
    const rounds = servers.map((): Figures[] => []);
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const [at, server] of servers.entries()) {
        // The same questions to all, and other ones in each round and shape.
        const random = new Randomness(seed + 1_000 * round + 7 * shape.connections);
        const sample = sampleFor(server);
        rounds[at]?.push(await loadOn(server, () => request(sample, random), shape, Number(values.seconds)));
      }
    }
    servers.forEach(({ name }, at) => {
      report.rate(row, shape, name, median(rounds[at] ?? []));
    });
    report.compareRate(row, shape);
  }
}

/** What a server that has run for a while has at hand: ours makes its guides to the index between questions. */
async function warmUp(server: Server, sample: Sample): Promise<void> {
  const seconds = Number(values["warm-up"]) / WARM_UP_ROWS.length / WARM_UP_SHAPES.length;
  if (seconds === 0) return;
  // Whoever keeps answers shall not have most of what is asked for afterwards.
  const transactions = sample.transactions.slice(0, Math.ceil(sample.transactions.length * WARM_UP_SHARE));
  const few = { ...sample, transactions };
  for (const row of WARM_UP_ROWS) {
    for (const shape of WARM_UP_SHAPES) {
      const random = new Randomness(seed - 1);
      const request = METHODS[row] as NonNullable<(typeof METHODS)[string]>;
      await loadOn(server, () => request(few, random), shape, seconds);
    }
  }
}

const WARM_UP_SHARE = 0.1;
/** `transaction_get` also lets the node of `--chain` find out where its transactions are: nobody's row shall wait for that. */
const WARM_UP_ROWS = ["transaction_get", "get_history", "get_merkle"] as const;
/** Ours answers few questions at a time in another thread than many: both have guides of their own. */
const WARM_UP_SHAPES: readonly Shape[] = [
  { connections: 16, outstanding: 32 },
  { connections: 4, outstanding: 1 },
];
const shapes = values.shapes.split(",").map(shapeOf);
const rows = values.rows.split(",");

async function measureAll(servers: readonly Server[], sampleFor: (server: Server) => Sample): Promise<void> {
  for (const server of servers) await warmUp(server, sampleFor(server));
  const report = new Report((line) => process.stdout.write(`${line}\n`));
  for (const row of rows) await measureRow(row, servers, sampleFor, report);
  report.hop(shapes);
  if (!values.json) process.stderr.write(`\n${report.table()}\n`);
}

async function measureContest(chainFile: string): Promise<void> {
  const told = (text: string) => void process.stderr.write(`${text}\n`);
  const chain = await ChainFileSource.open(chainFile);
  const height = (await chain.tip()).height - HELD_BLOCKS;
  const sample = await sampleOfFile(chain, height, new Randomness(seed), Number(values.samples ?? 20_000));
  await chain.close();
  const contest = await Contest.open({
    chainFile,
    peers: values.peer.map(peerOf),
    keep: values.keep,
    settings: values.set,
    hasBlockFiles: !values["no-block-files"],
    told,
  });
  try {
    await measureAll(contest.servers, () => sample);
  } finally {
    await contest.close();
  }
}

async function measureRunning(servers: readonly Server[]): Promise<void> {
  const samples = new Map<Server, Sample>();
  for (const server of servers) {
    const client = await LineClient.open(server.host, server.port);
    samples.set(server, await sampleOfServer(client, new Randomness(seed), Number(values.samples ?? 200)));
    client.close();
  }
  await measureAll(servers, (server) => samples.get(server) as Sample);
}

const servers = values.server.map(serverOf);
if ((values.chain === undefined) === (servers.length === 0) || servers.includes(undefined)) {
  refuse(
    "electrum: say with --chain on which chain, or with --server <name>=<host>:<port> whom to ask",
    HELP,
  );
}
process.stderr.write(`${availableParallelism()} cores, node ${process.version}\n`);
if (values.chain !== undefined) await measureContest(values.chain);
else await measureRunning(servers as Server[]);
