/** Many sessions with many subscriptions: their memory, how soon all hear of a block that touches some thousand scripts, and of one new transaction. `sessions --help` says how. */
import { readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { Randomness } from "./chain/randomness.ts";
import { round, spread } from "./command/figures.ts";
import { readOptions, refuse } from "./command/options.ts";
import { LineClient } from "./electrum/line-client.ts";
import { OwnServer } from "./electrum/own-server.ts";
import { TouchedScripts } from "./electrum/touched-scripts.ts";
import { ProcessTree } from "./sync/process-tree.ts";

const HELP = `Usage: npm run bench -- sessions [...]

  --server <host>:<port>   another Electrum server over TCP, of which only memory and headers are measured
  --pid <number>           its process, to read its memory from /proc
  --sessions 1000          connections that stay open; each hears of headers
  --subscriptions 50       scripts that each connection subscribes to
  --touched 2500           subscribed scripts that a block touches
  --blocks 3               so many of each kind: with transactions that were told before, and with unknown ones
  --notices 100            single transactions, each told by the mempool
  --wait 30                seconds to wait for what all are told; 0: do not wait
  --seed 1

Without --server all of Troupe is started beside a real bitcoind (BITCOIND, or on the PATH), each in its own process.
Times are from the moment at which the node announces the block or the transaction over ZMQ; for transactions also from
the moment at which they are handed to the node. Another server must trust us ([gateway] electrum_trusted_addresses = ["127.0.0.1"]).
10,000 sessions need 10,100 open files, here and in the server.
`;

const values = readOptions(HELP, {
  server: { type: "string", default: "" },
  pid: { type: "string", default: "" },
  sessions: { type: "string", default: "1000" },
  subscriptions: { type: "string", default: "50" },
  touched: { type: "string", default: "2500" },
  blocks: { type: "string", default: "3" },
  notices: { type: "string", default: "100" },
  wait: { type: "string", default: "30" },
  seed: { type: "string", default: "1" },
});
const foreign = /^(.+):(\d+)$/.exec(values.server);
if (foreign === null && values.server !== "") refuse("sessions: --server is <host>:<port>", HELP);

/** Connections that are being opened at once. */
const OPENING = 64;
const sessions = Number(values.sessions);
const subscriptions = Number(values.subscriptions);
const total = sessions * subscriptions;
const random = new Randomness(Number(values.seed));
const waitMs = Number(values.wait) * 1000;

function say(figure: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify({ ...figure, load: round(loadavg()[0] ?? 0) })}\n`);
}

function anyHash(): string {
  return Array.from({ length: 8 }, () => random.u32().toString(16).padStart(8, "0")).join("");
}

interface Server {
  readonly host: string;
  readonly port: number;
  /** Whose memory is read. */
  readonly pid: string;
}

/** Resident memory of the server. */
function rssBytes({ pid }: Server): number {
  if (pid === "") return Number.NaN;
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) * 1024;
}

/** What clients are told, and when: headers by session, statuses by script. */
const headersAtMs: number[] = [];
const statusAtMs = new Map<string, number>();

function heard(line: string): void {
  if (line.includes("headers.subscribe")) headersAtMs.push(performance.now());
  else statusAtMs.set(/"params":\["([0-9a-f]{64})"/.exec(line)?.[1] ?? "", performance.now());
}

/** Of ours, by what runs in them. */
let processes: Readonly<Record<string, number>> = {};

/** What each has taken of the processors so far, in milliseconds: a figure that a busy machine changes least. */
function cpuMs(): Record<string, number> {
  return Object.fromEntries(
    Object.entries(processes).map(([name, pid]) => {
      const tree = new ProcessTree(pid);
      tree.look();
      return [name, Math.round(tree.cpuSeconds * 1_000)];
    }),
  );
}

async function connectAll(server: Server): Promise<LineClient[]> {
  const clients: LineClient[] = [];
  const before = rssBytes(server);
  const beganMs = performance.now();
  const each = async () => {
    while (clients.length < sessions) {
      const at = clients.length;
      clients.length++;
      clients[at] = await LineClient.open(server.host, server.port, heard);
      await clients[at]?.call("blockchain.headers.subscribe", []);
    }
  };
  await Promise.all(Array.from({ length: OPENING }, each));
  const seconds = round((performance.now() - beganMs) / 1000);
  await pause(2_000);
  const connected = rssBytes(server);
  const kilobytesEach = round((connected - before) / sessions / 1024);
  say({ figure: "sessions", sessions, seconds, kilobytesEach, rssMegabytes: round(connected / 1024 / 1024) });
  return clients;
}

async function subscribeAll(
  server: Server,
  clients: readonly LineClient[],
  scriptOf: (n: number) => string,
): Promise<void> {
  const before = rssBytes(server);
  const beganMs = performance.now();
  for (let from = 0; from < clients.length; from += OPENING) {
    const some = clients.slice(from, from + OPENING);
    const asked = some.flatMap((client, i) =>
      Array.from({ length: subscriptions }, (_, j) =>
        client.ask("blockchain.scripthash.subscribe", [scriptOf((from + i) * subscriptions + j)]),
      ),
    );
    await Promise.all(asked);
  }
  const seconds = (performance.now() - beganMs) / 1000;
  await pause(2_000);
  const after = rssBytes(server);
  say({
    figure: "subscriptions",
    subscriptions: total,
    seconds: round(seconds),
    perSecond: Math.round(total / seconds),
    bytesEach: Math.round((after - before) / total),
    rssMegabytes: round(after / 1024 / 1024),
  });
}

/** False: not within the time. */
async function until(isDone: () => boolean): Promise<boolean> {
  const dueMs = performance.now() + waitMs;
  while (!isDone() && performance.now() < dueMs) await pause(5);
  return isDone();
}

function since(startMs: number, times: Iterable<number>) {
  return spread(Array.from(times, (atMs) => atMs - startMs));
}

async function otherServer(server: Server): Promise<void> {
  const clients = await connectAll(server);
  await subscribeAll(server, clients, anyHash);
  headersAtMs.length = 0;
  await until(() => headersAtMs.length >= sessions);
  if (headersAtMs.length > 0) {
    const [first = 0] = headersAtMs;
    say({
      figure: "a block's header",
      told: headersAtMs.length,
      of: sessions,
      ms: since(first, headersAtMs),
    });
  }
  await leave(server, clients);
}

async function leave(server: Server, clients: readonly LineClient[]): Promise<void> {
  for (const client of clients) client.close();
  await pause(2_000);
  say({ figure: "after all have gone", rssMegabytes: round(rssBytes(server) / 1024 / 1024) });
}

async function ownServer(): Promise<void> {
  const blocks = Number(values.blocks);
  const notices = Number(values.notices);
  const scripts = new TouchedScripts(Math.min(Number(values.touched), total));
  const own = await OwnServer.start((call) => scripts.mineCoins(call, 2 * blocks, notices));
  if (own === undefined)
    refuse("sessions: needs a real bitcoind; set BITCOIND to one, or name a --server", HELP);
  try {
    await scripts.listen(own.node);
    const server = { host: own.host, port: own.port, pid: String(await own.pidOf("gateway")) };
    processes = {
      node: own.node.pid ?? 0,
      indexer: await own.pidOf("indexer"),
      all: await own.pidOf("bus"),
      mempoolAndGateway: await own.pidOf("gateway"),
      us: process.pid,
    };
    const clients = await connectAll(server);
    const step = Math.floor(total / scripts.count);
    await subscribeAll(server, clients, (n) =>
      n % step === 0 && n / step < scripts.count ? scripts.hashOf(n / step) : anyHash(),
    );
    for (let i = 0; i < blocks; i++) {
      statusAtMs.clear();
      await scripts.send(own);
      const isTold = await until(() => statusAtMs.size >= scripts.count);
      if (!isTold) say({ figure: "missed", what: "transactions", told: statusAtMs.size });
      await pause(1_000);
      await block("a block of known transactions", () => scripts.mine(own));
      await block("a block of unknown transactions", () => scripts.mineUnseen(own));
    }
    await single(own, scripts, notices);
    await leave(server, clients);
  } finally {
    scripts.close();
    await own.close();
  }

  async function block(figure: string, mine: () => Promise<number>): Promise<void> {
    statusAtMs.clear();
    headersAtMs.length = 0;
    const before = cpuMs();
    const announcedMs = await mine();
    await until(() => statusAtMs.size >= scripts.count && headersAtMs.length >= sessions);
    const after = cpuMs();
    say({
      figure,
      headersTold: headersAtMs.length,
      headerMs: since(announcedMs, headersAtMs),
      statusesTold: statusAtMs.size,
      statusMs: since(announcedMs, statusAtMs.values()),
      cpuMs: Object.fromEntries(Object.entries(after).map(([name, ms]) => [name, ms - (before[name] ?? 0)])),
    });
    await pause(2_000);
  }
}

async function single(own: OwnServer, scripts: TouchedScripts, notices: number): Promise<void> {
  const sinceSent: number[] = [];
  const sinceAnnounced: number[] = [];
  for (let i = 0; i < notices; i++) {
    statusAtMs.clear();
    const { scripthash, sentMs, announcedMs } = await scripts.sendOne(own);
    if (!(await until(() => statusAtMs.has(scripthash)))) continue;
    const atMs = statusAtMs.get(scripthash) as number;
    sinceSent.push(atMs - sentMs);
    sinceAnnounced.push(atMs - announcedMs);
  }
  say({
    figure: "one new transaction",
    told: sinceSent.length,
    of: notices,
    sinceSentMs: spread(sinceSent),
    sinceAnnouncedMs: spread(sinceAnnounced),
  });
}

if (foreign === null) await ownServer();
else await otherServer({ host: foreign[1] as string, port: Number(foreign[2]), pid: values.pid });
