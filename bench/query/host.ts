/** The indexer as the program runs it, in a process of its own with query threads, over a chain file; beside it an echo to measure the bus. */
import { join } from "node:path";
import { metrics } from "@opentelemetry/api";
import { indexerWith } from "../../actors/indexer/actor.ts";
import { indexerStartSection } from "../../actors/indexer/config.ts";
import { PooledWorkbench } from "../../actors/indexer/sync/pool.ts";
import type { Boot } from "../../bus/actor.ts";
import { connectNats } from "../../bus/carrier/nats.ts";
import { ThreadCrew } from "../../bus/child/crew.ts";
import { ConnectedBus } from "../../bus/connected-bus.ts";
import { silentLog } from "../../bus/fake.ts";
import { systemClock } from "../../runtime/clock.ts";
import { echoContract } from "../bus/echo.ts";
import { ChainFileSource } from "../chain/chain-file.ts";
import { HeldSource } from "./held-source.ts";

export interface HostOrder {
  readonly server: string;
  readonly seeds: { readonly indexer: string; readonly echo: string };
  readonly chain: string;
  readonly directory: string;
  readonly queryThreads: number;
  readonly batchMb: number;
  /** Share of the blocks that is indexed first. */
  readonly share: number;
}

export interface HostNews {
  readonly height: number;
  readonly isSynced: boolean;
}

async function run(order: HostOrder): Promise<void> {
  const access = (user: "indexer" | "echo") => ({
    servers: [order.server],
    user,
    seed: order.seeds[user],
    connectTimeoutMs: 30_000,
  });
  const echo = new ConnectedBus(await connectNats(access("echo")), { log: silentLog() });
  await echo.serve(echoContract, { json: (input) => input, blob: (input) => input });
  const bus = new ConnectedBus(await connectNats(access("indexer")), { log: silentLog() });
  const chain = await ChainFileSource.open(order.chain);
  const { height } = await chain.tip();
  const source = new HeldSource(chain, Math.floor(height * order.share));
  const boot: Boot = {
    actor: "indexer",
    instance: "main",
    host: "bench",
    section: {},
    bus: access("indexer"),
    log: { level: "error", file: join(order.directory, "indexer.log") },
    telemetry: { otlpEndpoint: undefined, sampleRatio: 0 },
    dataDirectory: order.directory,
    network: "regtest",
    version: "0",
  };
  const tell = (news: HostNews) => process.send?.(news);
  const actor = indexerWith({
    source: () => ({ source, close: () => chain.close() }),
    workbench: (threads, onError) => new PooledWorkbench(threads, onError),
  }).create({
    name: boot.actor,
    instance: boot.instance,
    host: boot.host,
    version: boot.version,
    config: indexerStartSection.schema.parse({
      query_threads: order.queryThreads,
      batch_mb: order.batchMb,
      live_blocks: 1,
    }),
    bus,
    log: silentLog(),
    meter: metrics.getMeter("bench"),
    clock: systemClock,
    dataDirectory: boot.dataDirectory,
    network: boot.network,
    signal: new AbortController().signal,
    report: (readiness) => tell({ height: source.height, isSynced: readiness === "ready" }),
    openDoors: () => undefined,
    finish: () => undefined,
    startCrew: (plan) =>
      ThreadCrew.start(plan, { boot, clock: systemClock, log: silentLog(), logged: () => {} }),
  });
  await actor.start();
  process.on("message", (message) => {
    if (message === "import") source.height = height;
    else void actor.stop().then(() => process.exit(0));
  });
}

process.once("message", (order) => void run(order as HostOrder));
