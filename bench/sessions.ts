/** Many sessions with many subscriptions: their memory, how soon all hear of a block that touches some thousand scripts, and of one new transaction. `sessions --help` says how. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "../runtime/free-port.ts";
import type { RealNode } from "../tests/harness/node/bitcoind.ts";
import { round, spread } from "./command/figures.ts";
import { readOptions, refuse } from "./command/options.ts";
import { OwnServer } from "./electrum/own-server.ts";
import { TouchedScripts } from "./electrum/touched-scripts.ts";
import { Crowd } from "./sessions/crowd.ts";
import { machineMs } from "./sessions/machine-clock.ts";
import { WriteWatch } from "./sessions/write-watch.ts";
import { Running } from "./sync/contestant.ts";
import { ProcessTree } from "./sync/process-tree.ts";

const HELP = `Usage: npm run bench -- sessions [...]

  --peer <name>=<command>  another Electrum server of the same node, started after ours has gone; several may be named.
                           It finds the node and its own directory and port in PEER_… of its environment
  --sessions 1000          connections that stay open; each hears of headers
  --subscriptions 50       scripts that each connection subscribes to
  --touched 2500           subscribed scripts that a block touches
  --blocks 3               so many of each kind: with transactions that were told before, and with unknown ones
  --notices 100            single transactions, each told by the mempool
  --wait 30                seconds to wait for what all are told
  --seed 1

All of Troupe is started beside a real bitcoind (BITCOIND, or on the PATH), the gateway and the indexer each in a process of
its own. The clients are in one more: it says what it takes of the processors, because it takes them from whom it listens to.
Times are from the moment at which the node announces the block or the transaction over ZMQ; for transactions also from the
moment at which they are handed to the node. What is "written" has left the gateway for the kernel, what is "heard" has been
read and understood by its client, which on two cores comes later.
10,000 sessions need 10,100 open files, here and in the server.
`;

const values = readOptions(HELP, {
  peer: { type: "string", multiple: true, default: [] as string[] },
  sessions: { type: "string", default: "1000" },
  subscriptions: { type: "string", default: "50" },
  touched: { type: "string", default: "2500" },
  blocks: { type: "string", default: "3" },
  notices: { type: "string", default: "100" },
  wait: { type: "string", default: "30" },
  seed: { type: "string", default: "1" },
});

const OURS = "troupe";
const sessions = Number(values.sessions);
const subscriptions = Number(values.subscriptions);
const total = sessions * subscriptions;
const blocks = Number(values.blocks);
const notices = Number(values.notices);
const waitMs = Number(values.wait) * 1000;
/** Until what was begun beside it has come to its end. */
const REST_MS = 2_000;
const LEVEL_WITHIN_MS = 600_000;

interface Server {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** The one that clients are connected to. */
  readonly pid: number;
  /** Whose processor time is told, each with all it has started. */
  readonly processes: Readonly<Record<string, number>>;
}

function say({ name }: Server, figure: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify({ server: name, ...figure, load: round(loadavg()[0] ?? 0) })}\n`);
}

/** Resident memory of the server. */
function rssBytes({ pid }: Server): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) * 1024;
}

/** What each has taken of the processors so far, in milliseconds: a figure that a busy machine changes least. */
function cpuMs({ processes }: Server): Record<string, number> {
  return Object.fromEntries(
    Object.entries(processes).map(([name, pid]) => {
      const tree = new ProcessTree(pid);
      tree.look();
      return [name, Math.round(tree.cpuSeconds * 1_000)];
    }),
  );
}

function megabytes(bytes: number): number {
  return round(bytes / 1024 / 1024);
}

/** From a moment to the first, the median and the last of others. */
function since(startMs: number, times: readonly number[]) {
  const { min, p50, max } = spread(times.map((atMs) => atMs - startMs));
  return { first: min, p50, last: max };
}

async function connect(server: Server, crowd: Crowd, touched: readonly string[]): Promise<void> {
  const before = rssBytes(server);
  let beganMs = machineMs();
  await crowd.connect(server, sessions);
  let seconds = (machineMs() - beganMs) / 1_000;
  await pause(REST_MS);
  const connected = rssBytes(server);
  const kilobytesEach = round((connected - before) / sessions / 1024);
  const figure = { seconds: round(seconds), kilobytesEach, rssMegabytes: megabytes(connected) };
  say(server, { figure: "sessions", sessions, ...figure });
  beganMs = machineMs();
  await crowd.subscribe(subscriptions, touched, Number(values.seed));
  seconds = (machineMs() - beganMs) / 1_000;
  await pause(REST_MS);
  const after = rssBytes(server);
  say(server, {
    figure: "subscriptions",
    subscriptions: total,
    seconds: round(seconds),
    perSecond: Math.round(total / seconds),
    bytesEach: Math.round((after - connected) / total),
    rssMegabytes: megabytes(after),
  });
}

async function block(
  server: Server,
  crowd: Crowd,
  statuses: number,
  figure: string,
  mine: () => Promise<number>,
): Promise<void> {
  await crowd.begin();
  const before = cpuMs(server);
  const watch = new WriteWatch(server.pid);
  const announcedMs = await mine();
  const heard = await crowd.hear(sessions, statuses, waitMs);
  const lastMs = Math.max(...heard.headersAtMs, ...heard.statusesAtMs);
  const { firstAtMs, lastAtMs } = watch.stop(announcedMs, lastMs);
  const after = cpuMs(server);
  const written = { first: round(firstAtMs - announcedMs), last: round(lastAtMs - announcedMs) };
  say(server, {
    figure,
    headersHeard: heard.headersAtMs.length,
    headerMs: since(announcedMs, heard.headersAtMs),
    statusesHeard: heard.statusesAtMs.length,
    statusMs: since(announcedMs, heard.statusesAtMs),
    // Others write to their disks as well.
    ...(server.name === OURS && { writtenMs: written }),
    cpuMs: {
      ...Object.fromEntries(Object.entries(after).map(([name, ms]) => [name, ms - (before[name] ?? 0)])),
      clients: Math.round(heard.cpuMs),
    },
  });
  await pause(REST_MS);
}

async function single(server: Server, crowd: Crowd, scripts: TouchedScripts, node: RealNode): Promise<void> {
  const sinceSent: number[] = [];
  const sinceAnnounced: number[] = [];
  for (let i = 0; i < notices; i++) {
    await crowd.begin();
    const { sentMs, announcedMs } = await scripts.sendOne(node);
    const [atMs] = (await crowd.hear(0, 1, waitMs)).statusesAtMs;
    if (atMs === undefined) continue;
    sinceSent.push(atMs - sentMs);
    sinceAnnounced.push(atMs - announcedMs);
  }
  say(server, {
    figure: "one new transaction",
    told: sinceSent.length,
    of: notices,
    sinceSentMs: spread(sinceSent),
    sinceAnnouncedMs: spread(sinceAnnounced),
  });
}

async function measure(server: Server, own: OwnServer, scripts: TouchedScripts): Promise<void> {
  const { node, call } = own;
  const { count } = scripts;
  const crowd = new Crowd();
  try {
    await connect(
      server,
      crowd,
      Array.from({ length: count }, (_, i) => scripts.hashOf(i)),
    );
    for (let i = 0; i < blocks; i++) {
      await crowd.begin();
      await scripts.send(call);
      const { statusesAtMs } = await crowd.hear(0, count, waitMs);
      if (statusesAtMs.length < count) {
        say(server, { figure: "missed", what: "transactions", told: statusesAtMs.length });
      }
      await pause(REST_MS);
      await block(server, crowd, count, "a block of known transactions", () => scripts.mine(node));
      await block(server, crowd, count, "a block of unknown transactions", () => scripts.mineUnseen(node));
    }
    await single(server, crowd, scripts, node);
    await crowd.leave();
    await pause(REST_MS);
    say(server, { figure: "after all have gone", rssMegabytes: megabytes(rssBytes(server)) });
  } finally {
    crowd.close();
  }
}

async function measurePeer(text: string, own: OwnServer, scripts: TouchedScripts): Promise<void> {
  const { node, host } = own;
  const [name = "", ...command] = text.split("=");
  const [user = "", password = ""] = readFileSync(node.cookiePath, "utf8").split(":");
  const height = Number(await node.rpc("getblockcount"));
  const directory = mkdtempSync(join(tmpdir(), "troupe-bench-peer-"));
  const contestant = { name, command: command.join("="), isDoneAtEnd: false };
  const running = new Running(
    contestant,
    { url: node.rpcUrl, user, password, height },
    { directory, port: await freePort() },
  );
  try {
    await running.done(LEVEL_WITHIN_MS);
    const { port, pid } = running;
    await measure({ name, host, port, pid, processes: { node: node.pid ?? 0, all: pid } }, own, scripts);
    await running.stop();
  } finally {
    running.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}

const scripts = new TouchedScripts(Math.min(Number(values.touched), total));
const servers = 1 + values.peer.length;
const own = await OwnServer.start(
  (call) => scripts.mineCoins(call, 2 * blocks * servers, notices * servers),
  {
    placement: { TROUPE_PLACEMENT__GATEWAY: "process" },
    // ElectrumX wants it; we do not.
    nodeOptions: values.peer.length > 0 ? ["-txindex=1"] : [],
  },
);
if (own === undefined) refuse("sessions: needs a real bitcoind; set BITCOIND to one", HELP);
try {
  await scripts.listen(own.node);
  const [gateway, mempool] = await Promise.all([own.pidOf("gateway"), own.pidOf("mempool")]);
  const processes = {
    node: own.node.pid ?? 0,
    indexer: await own.pidOf("indexer"),
    mempool,
    gateway,
    all: await own.pidOf("bus"),
  };
  await measure({ name: OURS, host: own.host, port: own.port, pid: gateway, processes }, own, scripts);
  await own.retire();
  for (const peer of values.peer) await measurePeer(peer, own, scripts);
} finally {
  scripts.close();
  await own.close();
}
