/** First sync into a new index: of a chain file (see `chain`) or of a node, alone or beside other indexers. `sync --help` says how. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { txCountOf } from "../actors/indexer/sync/batches.ts";
import type { BlockSource } from "../actors/indexer/sync/block-source.ts";
import { FileFinder } from "../actors/indexer/sync/file-finder.ts";
import { BLOCKS_AHEAD, NodeSource } from "../actors/indexer/sync/node-source.ts";
import { progressText } from "../actors/indexer/sync/progress.ts";
import { type Network, networkByName } from "../bitcoin/network.ts";
import { NodeClient } from "../bitcoind/client.ts";
import { blocksDirectoryOf, nodeSection } from "../bitcoind/config.ts";
import { silentLog } from "../bus/fake.ts";
import { systemClock } from "../runtime/clock.ts";
import { writeBlockDirectory } from "./chain/block-directory.ts";
import { ChainFileSource } from "./chain/chain-file.ts";
import { readOptions, refuse } from "./command/options.ts";
import { type Contestant, type NodeAddress, type Outcome, race } from "./sync/contestant.ts";
import { FirstSync } from "./sync/first-sync.ts";
import { ProcessTree } from "./sync/process-tree.ts";

const HELP = `Usage: npm run bench -- sync --chain <file> [...]
       npm run bench -- sync --node <rpc url> --cookie <file> [--datadir <node's directory>] [...]

  --chain <file>      a chain that \`chain\` made
  --node <url>        a node; with --datadir old blocks come from its files, otherwise over REST or RPC
  --cookie <file>     the node's cookie; by default that of --datadir
  --network <name>    of the node; regtest by default
  --peer <name>=<cmd> needs --chain: also run another indexer on the same blocks, in the same run; may be given again
  --rounds <n>        with --peer: how often each runs, in turn (1); the medians count
  --threads, --batch-mb, --fan-in, --bulk-fan-in, --slice-mb   as the indexer has them
  --keep <directory>  where the index is made, and stays
  --json              no progress

A peer's command is run by the shell. In its environment are PEER_NODE_URL (with user and password), PEER_NODE_HOST,
PEER_NODE_USER, PEER_NODE_PASSWORD, PEER_DIRECTORY (empty) and PEER_PORT: it serves the Electrum protocol at that port of
127.0.0.1 without TLS once it is level, and that ends its time. All blocks come from \`serve\`, which answers like a node.
`;

const values = readOptions(HELP, {
  chain: { type: "string" },
  node: { type: "string" },
  cookie: { type: "string" },
  datadir: { type: "string" },
  network: { type: "string", default: "regtest" },
  peer: { type: "string", multiple: true, default: [] },
  rounds: { type: "string", default: "1" },
  threads: { type: "string", default: String(availableParallelism()) },
  "batch-mb": { type: "string", default: "32" },
  "fan-in": { type: "string", default: "8" },
  "bulk-fan-in": { type: "string", default: "32" },
  "slice-mb": { type: "string", default: "8" },
  keep: { type: "string" },
  json: { type: "boolean", default: false },
});

const PEER_WITHIN_MS = 6 * 3_600_000;
const LOOK_MS = 100;
const MEGA = 1e6;
/** The source's own log stays quiet, except for what would make its figures something else. */
const log = {
  ...silentLog(),
  warn: (message: string, context?: object) =>
    process.stderr.write(`${message} ${JSON.stringify(context)}\n`),
};

interface OpenSource {
  readonly source: BlockSource;
  close(): Promise<void>;
}

function nodeSource(url: string, network: Network): OpenSource {
  const config = nodeSection.schema.parse({
    rpc: [url],
    ...(values.cookie === undefined ? {} : { cookie_file: values.cookie }),
    ...(values.datadir === undefined ? {} : { data_directory: values.datadir }),
  });
  const client = new NodeClient({ config, network, clock: systemClock, log });
  const directory = blocksDirectoryOf(config, network.name);
  const stored =
    values.datadir === undefined ? undefined : new FileFinder({ directory, network, log, blocksMin: 0 });
  const source = new NodeSource({ client, network, clock: systemClock, ahead: BLOCKS_AHEAD, stored });
  return { source, close: () => client.close() };
}

async function runAlone(open: OpenSource, network: Network): Promise<void> {
  const directory = values.keep ?? mkdtempSync(join(tmpdir(), "troupe-bench-sync-"));
  let bytes = 0;
  let toldMs = 0;
  const sync = new FirstSync({
    directory,
    source: open.source,
    network,
    threads: Number(values.threads),
    batchBytes: Number(values["batch-mb"]) << 20,
    fanIn: Number(values["fan-in"]),
    bulkFanIn: Number(values["bulk-fan-in"]),
    sliceBytes: Number(values["slice-mb"]) << 20,
    liveBlocks: 0,
    touchedBlocks: 0,
    news: {
      connected: () => {},
      disconnected: () => {},
      jumped: () => {},
      progress: (progress, added) => {
        bytes += added.bytes;
        if (values.json || performance.now() - toldMs < 1_000) return;
        toldMs = performance.now();
        process.stderr.write(`${progressText(progress)}\n`);
      },
    },
  });
  const tree = new ProcessTree(process.pid);
  const looking = setInterval(() => tree.look(), LOOK_MS);
  const startMs = performance.now();
  await sync.index();
  const indexedSeconds = (performance.now() - startMs) / 1_000;
  await sync.merge();
  const seconds = (performance.now() - startMs) / 1_000;
  const { store } = sync;
  const { txCount, height, runs } = store.state;
  clearInterval(looking);
  tree.look();
  const figures = {
    bench: "sync",
    transactions: txCount,
    blocks: height + 1,
    megabytes: bytes / MEGA,
    seconds,
    indexedSeconds,
    cpuSeconds: tree.cpuSeconds,
    txsPerSecond: Math.round(txCount / seconds),
    txsPerCpuSecond: Math.round(txCount / tree.cpuSeconds),
    megabytesPerSecond: bytes / MEGA / seconds,
    peakRssBytes: tree.peakRssBytes,
    peakOwnBytes: tree.peakOwnBytes,
    storeBytes: store.sizeBytes,
    storeBytesPerTransaction: store.sizeBytes / txCount,
    runs: runs.map(({ level, blocks }) => ({ level, blocks })),
    threads: Number(values.threads),
    loadAverage: loadavg()[0],
    node: process.version,
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  await sync.close();
  await open.close();
  if (values.keep === undefined) rmSync(directory, { recursive: true });
}

/** Ours from files, ours over the network, then each peer: one after another, each alone, round by round. */
async function runBesidePeers(chainFile: string): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), "troupe-bench-contest-"));
  const chain = await ChainFileSource.open(chainFile);
  const cookie = join(home, "cookie");
  writeFileSync(cookie, "bench:bench");
  const key = Uint8Array.of(0x9a, 3, 0xf2, 0, 0xc1, 0xd2, 0xe3, 0xf4);
  await writeBlockDirectory(join(home, "regtest", "blocks"), chain.allBlocks(), { key });
  const serve = fileURLToPath(new URL("./serve.js", import.meta.url));
  const server = spawn(process.execPath, [serve, "--chain", chainFile], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const [line] = (await once(createInterface(server.stdout), "line")) as [string];
    const { url, height } = JSON.parse(line) as { url: string; height: number };
    const node: NodeAddress = { url, user: "bench", password: "bench", height };
    const own = (more: string) =>
      `"${process.execPath}" "${fileURLToPath(import.meta.url)}" --json --node ${url} --cookie "${cookie}" ${more} --keep "$PEER_DIRECTORY"` +
      ` --threads ${values.threads} --batch-mb ${values["batch-mb"]} --fan-in ${values["fan-in"]} --bulk-fan-in ${values["bulk-fan-in"]} --slice-mb ${values["slice-mb"]} > /dev/null`;
    const contestants: Contestant[] = [
      { name: "troupe", command: own(""), isDoneAtEnd: true },
      { name: "troupe from files", command: own(`--datadir "${home}"`), isDoneAtEnd: true },
      ...values.peer.map((peer) => {
        const [name = "", ...command] = peer.split("=");
        return { name, command: command.join("="), isDoneAtEnd: false };
      }),
    ];
    const rounds: Outcome[][] = [];
    for (let round = 0; round < Number(values.rounds); round++) {
      rounds.push([]);
      for (const contestant of contestants) {
        const outcome = await race(contestant, node, PEER_WITHIN_MS);
        rounds.at(-1)?.push(outcome);
        if (!values.json) process.stderr.write(`${JSON.stringify({ round, ...outcome })}\n`);
      }
    }
    const transactions = await transactionsOf(chain);
    const bytes = await chain.sizeBytes();
    const outcomes = contestants.map((_, i) => median(rounds.map((round) => round[i] as Outcome)));
    const results = outcomes.map((outcome) => ({
      ...outcome,
      txsPerSecond: Math.round(transactions / outcome.seconds),
      txsPerCpuSecond: Math.round(transactions / outcome.cpuSeconds),
      megabytesPerSecond: bytes / MEGA / outcome.seconds,
    }));
    const [overNetwork, fromFiles, ...peers] = results as [
      (typeof results)[0],
      (typeof results)[0],
      ...typeof results,
    ];
    const ratios = peers.map((peer) => ({
      peer: peer.name,
      txsPerSecond: overNetwork.txsPerSecond / peer.txsPerSecond,
      txsPerSecondFromFiles: fromFiles.txsPerSecond / peer.txsPerSecond,
      txsPerCpuSecond: overNetwork.txsPerCpuSecond / peer.txsPerCpuSecond,
      txsPerCpuSecondFromFiles: fromFiles.txsPerCpuSecond / peer.txsPerCpuSecond,
      peakRss: overNetwork.peakRssBytes / peer.peakRssBytes,
      storeBytes: overNetwork.storeBytes / peer.storeBytes,
    }));
    const facts = { transactions, blocks: height + 1, megabytes: bytes / MEGA, rounds: rounds.length };
    const machine = { cores: availableParallelism(), loadAverage: loadavg()[0], node: process.version };
    process.stdout.write(`${JSON.stringify({ bench: "sync", ...facts, results, ratios, ...machine })}\n`);
  } finally {
    server.kill("SIGTERM");
    await chain.close();
    rmSync(home, { recursive: true, force: true });
  }
}

async function transactionsOf(chain: ChainFileSource): Promise<number> {
  let count = 0;
  for await (const block of chain.allBlocks()) count += txCountOf(block);
  return count;
}

/** By their time. */
function median(outcomes: readonly Outcome[]): Outcome {
  return outcomes.toSorted((a, b) => a.seconds - b.seconds)[outcomes.length >> 1] as Outcome;
}

async function main(): Promise<void> {
  const isOneSource = (values.chain === undefined) !== (values.node === undefined);
  if (!isOneSource || (values.peer.length > 0 && values.chain === undefined)) {
    refuse("sync: say with --chain or --node where the blocks come from; --peer needs --chain", HELP);
  }
  const network = networkByName(values.network);
  if (values.peer.length > 0) await runBesidePeers(values.chain as string);
  else if (values.node !== undefined) await runAlone(nodeSource(values.node, network), network);
  else {
    const source = await ChainFileSource.open(values.chain as string);
    await runAlone({ source, close: () => source.close() }, network);
  }
}

await main();
