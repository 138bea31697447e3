/** First sync of a chain file (see `chain`) into a new index: `sync --chain <file> [--threads n] [--batch-mb 32] [--json]`. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { IndexStore } from "../actors/indexer/store/store.ts";
import { Compaction } from "../actors/indexer/sync/compaction.ts";
import { PooledWorkbench } from "../actors/indexer/sync/pool.ts";
import { progressText } from "../actors/indexer/sync/progress.ts";
import { ChainSync } from "../actors/indexer/sync/sync.ts";
import { regtest } from "../bitcoin/network.ts";
import { systemClock } from "../runtime/clock.ts";
import { ChainFileSource } from "./chain/chain-file.ts";

const { values } = parseArgs({
  options: {
    chain: { type: "string" },
    threads: { type: "string", default: String(availableParallelism()) },
    "batch-mb": { type: "string", default: "32" },
    "fan-in": { type: "string", default: "8" },
    keep: { type: "string" },
    json: { type: "boolean", default: false },
  },
});

/** The kernel's own mark of the most memory that this process ever held, files in the map included. */
function peakRssBytes(): number {
  const line = /VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"));
  return Number(line?.[1] ?? 0) * 1_024;
}

async function run(chain: string): Promise<void> {
  const directory = values.keep ?? mkdtempSync(join(tmpdir(), "troupe-bench-sync-"));
  const source = await ChainFileSource.open(chain);
  const store = new IndexStore({ directory, network: regtest.name });
  const bench = new PooledWorkbench(Number(values.threads), (error) => {
    throw error;
  });
  const compaction = new Compaction({ store, bench, fanIn: Number(values["fan-in"]), sliceBytes: 8 << 20 });
  let bytes = 0;
  let toldMs = 0;
  const sync = new ChainSync({
    store,
    source,
    bench,
    compaction,
    network: regtest,
    clock: systemClock,
    news: {
      connected: () => {},
      disconnected: () => {},
      jumped: () => {},
      progress: (progress) => {
        if (values.json || performance.now() - toldMs < 1_000) return;
        toldMs = performance.now();
        process.stderr.write(`${progressText(progress)}\n`);
      },
    },
    batchBytes: Number(values["batch-mb"]) << 20,
    liveBlocks: 0,
    touchedBlocks: 0,
  });
  const startCpu = process.cpuUsage();
  const startMs = performance.now();
  while (await sync.advance(new AbortController().signal)) {
    // until the tip
  }
  const indexedSeconds = (performance.now() - startMs) / 1_000;
  await compaction.finish();
  const seconds = (performance.now() - startMs) / 1_000;
  const cpu = process.cpuUsage(startCpu);
  bytes = await source.sizeBytes();
  const { txCount, height, runs } = store.state;
  const cpuSeconds = (cpu.user + cpu.system) / 1e6;
  const figures = {
    bench: "sync",
    transactions: txCount,
    blocks: height + 1,
    megabytes: bytes / 1e6,
    seconds,
    indexedSeconds,
    cpuSeconds,
    txsPerSecond: Math.round(txCount / seconds),
    txsPerCpuSecond: Math.round(txCount / cpuSeconds),
    megabytesPerSecond: bytes / 1e6 / seconds,
    peakRssBytes: peakRssBytes(),
    storeBytes: store.sizeBytes,
    runs: runs.map(({ level, blocks }) => ({ level, blocks })),
    threads: Number(values.threads),
    node: process.version,
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  await bench.close();
  await store.close();
  await source.close();
  if (values.keep === undefined) rmSync(directory, { recursive: true });
}

if (values.chain === undefined) {
  process.stderr.write("sync: say with --chain which chain file shall be indexed; `chain` makes one\n");
  process.exitCode = 2;
} else {
  await run(values.chain);
}
