/** What the index answers through the bus, and how soon: each question alone and by the hundred, at rest, beside a long history, and during an import. `query --help` says how. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { open } from "lmdb";
import type { Client } from "../bus/bus.ts";
import { connectNats } from "../bus/carrier/nats.ts";
import { Nkey } from "../bus/carrier/nkey.ts";
import { ConnectedBus } from "../bus/connected-bus.ts";
import { permissionsOf } from "../bus/contract/permissions.ts";
import { allContracts } from "../bus/contracts/all.ts";
import { indexerContract } from "../bus/contracts/indexer.ts";
import { silentLog } from "../bus/fake.ts";
import { echoContract } from "./bus/echo.ts";
import { ChainFileSource } from "./chain/chain-file.ts";
import { Randomness } from "./chain/randomness.ts";
import { readOptions, refuse } from "./command/options.ts";
import type { HostNews, HostOrder } from "./query/host.ts";
import type { HugeFigures, HugeOrder } from "./query/huge-asker.ts";
import { type Question, questionsOf, sampleOf } from "./query/questions.ts";
import { ProcessTree } from "./sync/process-tree.ts";

const HELP = `Usage: npm run bench -- query --chain <file> [...]

  --chain <file>       a chain file (npm run bench -- chain)
  --threads 1          query threads; 0 answers in the thread that writes
  --in-flight 16       questions under way at once
  --seconds 2          for each figure
  --share 0.6          of the blocks that are indexed first; the rest comes in during the last figures
  --batch-mb 8         of the import
  --only histories,…   some of the questions

One line of JSON for each figure. Measured in the same run, to compare with: \`echo\`, the same bus with nothing behind it, and
\`lmdb\`, bare reads of one packed block each on one core. \`ofEcho\` is a figure's calls for each call of the echo.
`;

const values = readOptions(HELP, {
  chain: { type: "string" },
  threads: { type: "string", default: "1" },
  "in-flight": { type: "string", default: "16" },
  seconds: { type: "string", default: "2" },
  share: { type: "string", default: "0.6" },
  "batch-mb": { type: "string", default: "8" },
  only: { type: "string" },
});

interface Figures {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly callsPerSecond: number;
  /** Of the indexer's process, with whatever else it does. */
  readonly cpuUsPerCall: number;
  readonly failed: number;
}

function tell(figure: object): void {
  const load = Math.round((loadavg()[0] ?? 0) * 10) / 10;
  process.stdout.write(`${JSON.stringify({ bench: "query", ...figure, load })}\n`);
}

/** What the indexer's process has taken of the processors so far: a figure that a busy machine changes least. */
function cpuSeconds(pid: number | undefined): number {
  const tree = new ProcessTree(pid ?? process.pid);
  tree.look();
  return tree.cpuSeconds;
}

async function measure(
  ask: () => Promise<unknown>,
  lanes: number,
  seconds: number,
  pid?: number,
): Promise<Figures> {
  const times: number[] = [];
  let failed = 0;
  const startCpu = cpuSeconds(pid);
  const startMs = performance.now();
  const endMs = startMs + seconds * 1_000;
  const lane = async (): Promise<void> => {
    for (let now = performance.now(); now < endMs; now = performance.now()) {
      // A refusal counts, and says that the figure is worth nothing.
      await ask().catch(() => {
        failed += 1;
      });
      times.push(performance.now() - now);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  const tookS = (performance.now() - startMs) / 1_000;
  const cpuUsPerCall = Math.round(((cpuSeconds(pid) - startCpu) * 1e6) / times.length);
  const sorted = Float64Array.from(times).sort();
  const quantile = (share: number) =>
    Math.round((sorted[Math.floor(sorted.length * share)] ?? Number.NaN) * 100) / 100;
  return {
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    callsPerSecond: Math.round(times.length / tookS),
    cpuUsPerCall,
    failed,
  };
}

/** Reads of packed blocks, one after another in the order of chance, as fast as one core can. */
function bareReads(directory: string, seconds: number): number {
  const env = open({ path: directory, noSubdir: false, readOnly: true, maxDbs: 16, encoding: "binary" });
  const rows = env.openDB<Buffer, Uint8Array>({ name: "funding", keyEncoding: "binary", encoding: "binary" });
  const keys = [...rows.getKeys({})];
  const random = new Randomness(7);
  const startMs = performance.now();
  let reads = 0;
  while (performance.now() - startMs < seconds * 1_000) {
    for (let i = 0; i < 1_000; i++, reads++) {
      rows.getBinaryFast(keys[Math.floor(random.fraction() * keys.length)] as Uint8Array);
    }
  }
  void env.close();
  return Math.round((reads / (performance.now() - startMs)) * 1_000);
}

async function run(chainPath: string): Promise<void> {
  const lanes = Number(values["in-flight"]);
  const seconds = Number(values.seconds);
  const share = Number(values.share);
  const directory = mkdtempSync(join(tmpdir(), "troupe-bench-query-"));
  const chain = await ChainFileSource.open(chainPath);
  const sample = await sampleOf(chain, share);
  const nkeys = {
    indexer: Nkey.create(),
    echo: Nkey.create(),
    gateway: Nkey.create(),
    requester: Nkey.create(),
  };
  const contracts = [...allContracts, echoContract];
  const users = Object.entries(nkeys).map(([name, { publicKey }]) => ({
    name,
    publicKey,
    permissions: permissionsOf(name, contracts),
  }));
  const broker = new Worker(new URL("./bus/broker-thread.js", import.meta.url), { workerData: { users } });
  const [server] = (await once(broker, "message")) as [string];
  const host = fork(new URL("./query/host.js", import.meta.url));
  const news: HostNews[] = [];
  host.on("message", (message) => news.push(message as HostNews));
  const level = async () => {
    while (news.at(-1)?.isSynced !== true) await new Promise((resolve) => setTimeout(resolve, 50));
  };
  const order: HostOrder = {
    server,
    seeds: { indexer: nkeys.indexer.revealSeed(), echo: nkeys.echo.revealSeed() },
    chain: chainPath,
    directory,
    queryThreads: Number(values.threads),
    batchMb: Number(values["batch-mb"]),
    share,
  };
  host.send(order);
  await level();

  const busOf = async (user: "gateway" | "requester") =>
    new ConnectedBus(
      await connectNats({
        servers: [server],
        user,
        seed: nkeys[user].revealSeed(),
        connectTimeoutMs: 10_000,
      }),
      { log: silentLog() },
    );
  const [asker, requester] = [await busOf("gateway"), await busOf("requester")];
  const client = asker.client(indexerContract);
  const echo = requester.client(echoContract);
  await measure(() => echo.json({ text: "a".repeat(100) }), lanes, seconds / 4, host.pid);
  const bus = await measure(() => echo.json({ text: "a".repeat(100) }), lanes, seconds, host.pid);
  tell({ what: "echo", inFlight: lanes, ...bus });
  tell({ what: "lmdb", readsPerSecond: bareReads(join(directory, "index"), Math.min(1, seconds)) });

  const only = values.only?.split(",");
  const questions = questionsOf(sample, new Randomness(1)).filter(({ name }) => only?.includes(name) ?? true);
  await cells("rest", questions, client, lanes, seconds, bus.callsPerSecond, host.pid);
  const huge = { server, seed: nkeys.gateway.revealSeed(), scripthash: sample.huge };
  await besideHuge(huge, questions, client, lanes, seconds / 2, host.pid);
  const before = news.length;
  host.send("import");
  await cells("import", questions, client, lanes, seconds / 4, bus.callsPerSecond, host.pid, () =>
    isImporting(news.slice(before)),
  );

  await asker.close();
  await requester.close();
  host.send("stop");
  await once(host, "exit");
  broker.postMessage("stop");
  await once(broker, "exit");
  await chain.close();
  rmSync(directory, { recursive: true, force: true });
}

async function cells(
  phase: string,
  questions: readonly Question[],
  client: Client<typeof indexerContract>,
  lanes: number,
  seconds: number,
  echoPerSecond: number,
  pid: number | undefined,
  isStill: () => boolean = () => true,
): Promise<void> {
  for (const { name, batches, ask } of questions) {
    for (const batch of batches) {
      // What has never run is compiled first, and runs get their guides.
      if (phase === "rest") await measure(() => ask(client, batch), lanes, seconds / 2);
      const figures = await measure(() => ask(client, batch), lanes, seconds, pid);
      const itemsPerSecond = figures.callsPerSecond * batch;
      const ofEcho = Math.round((figures.callsPerSecond / echoPerSecond) * 100) / 100;
      // An import that was over before the figure was is none.
      if (!isStill()) return;
      tell({ what: name, phase, batch, inFlight: lanes, ...figures, itemsPerSecond, ofEcho });
    }
  }
}

/** Small questions while the longest history is asked for again and again. */
async function besideHuge(
  order: HugeOrder,
  questions: readonly Question[],
  client: Client<typeof indexerContract>,
  lanes: number,
  seconds: number,
  pid: number | undefined,
): Promise<void> {
  const asker = new Worker(new URL("./query/huge-asker.js", import.meta.url), { workerData: order });
  const [first] = (await once(asker, "message")) as [HugeFigures];
  tell({ what: "huge", phase: "rest", entries: first.entries, p50Ms: Math.round(first.timesMs[0] ?? 0) });
  for (const { name, ask } of questions.filter((question) => question.name !== "histories-medium")) {
    const figures = await measure(() => ask(client, 1), lanes, seconds, pid);
    tell({ what: name, phase: "beside-huge", batch: 1, inFlight: lanes, ...figures });
  }
  asker.postMessage("stop");
  const [{ entries, timesMs }] = (await once(asker, "message")) as [HugeFigures];
  const sorted = [...timesMs].sort((a, b) => a - b);
  const p50Ms = Math.round(sorted[sorted.length >> 1] ?? 0);
  tell({ what: "huge", phase: "beside-small", entries, p50Ms });
}

/** Whether an import that was let go is not over: it begins with the first news that the index is behind. */
function isImporting(news: readonly HostNews[]): boolean {
  const begun = news.findIndex(({ isSynced }) => !isSynced);
  return begun < 0 || !news.slice(begun).some(({ isSynced }) => isSynced);
}

if (values.chain === undefined) refuse("query: say with --chain which chain file shall be indexed", HELP);
await run(values.chain);
