/** The indexer with real query threads on an embedded broker, over any source of blocks. Only from `dist`: threads run no TypeScript. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { indexerWith } from "../../../actors/indexer/actor.ts";
import { type IndexerConfig, indexerStartSection } from "../../../actors/indexer/config.ts";
import type { BlockSource } from "../../../actors/indexer/sync/block-source.ts";
import { PooledWorkbench } from "../../../actors/indexer/sync/pool.ts";
import type { Actor, Boot, Readiness } from "../../../bus/actor.ts";
import type { Client } from "../../../bus/bus.ts";
import { ThreadCrew } from "../../../bus/child/crew.ts";
import { ConnectedBus } from "../../../bus/connected-bus.ts";
import { indexerContract } from "../../../bus/contracts/indexer.ts";
import { silentLog } from "../../../bus/fake.ts";
import { systemClock } from "../../../runtime/clock.ts";
import { contextWith, releaseWorld } from "../actors/context.ts";
import type { World } from "../worlds.ts";

export interface ThreadedSettings {
  readonly config: Partial<IndexerConfig>;
  /** Threads that die when they are told to, instead of the program's own. */
  readonly areMortal?: boolean;
}

/** The channel on which a mortal thread is told to die. */
export const DEATHS = "troupe-test-deaths";

export class ThreadedIndexer {
  readonly #world: World;
  readonly #directory: string;
  readonly #buses: readonly ConnectedBus[];
  readonly #actor: Actor;
  readonly #deaths = new BroadcastChannel(DEATHS);
  readonly client: Client<typeof indexerContract>;
  /** How many query threads worked, each time that this changed. */
  readonly running: number[] = [];
  readonly reports: { readonly readiness: Readiness; readonly progress: string | undefined }[] = [];
  #crew: ThreadCrew | undefined;

  private constructor(
    world: World,
    bus: ConnectedBus,
    asker: ConnectedBus,
    source: BlockSource,
    settings: ThreadedSettings,
  ) {
    this.#world = world;
    this.#buses = [bus, asker];
    this.#directory = mkdtempSync(join(tmpdir(), "troupe-threaded-"));
    this.#deaths.unref();
    this.client = asker.client(indexerContract);
    const boot: Boot = {
      actor: "indexer",
      instance: "main",
      host: "box",
      section: {},
      bus: {
        servers: [`nats://127.0.0.1:${world.port}`],
        user: "indexer",
        seed: world.seedOf("indexer"),
        connectTimeoutMs: 30_000,
      },
      log: { level: "fatal", file: undefined },
      telemetry: { otlpEndpoint: undefined, sampleRatio: 0 },
      dataDirectory: this.#directory,
      network: "regtest",
      version: "0",
    };
    const mortal = new URL("./mortal-query-thread.js", import.meta.url);
    this.#actor = indexerWith({
      source: () => ({ source, close: async () => {} }),
      workbench: (threads, onError) => new PooledWorkbench(threads, onError),
    }).create(
      contextWith({
        name: "indexer",
        version: boot.version,
        config: { ...indexerStartSection.schema.parse({}), ...settings.config },
        bus,
        dataDirectory: this.#directory,
        report: (readiness, progress) => void this.reports.push({ readiness, progress }),
        startCrew: async (plan) => {
          const entry = settings.areMortal === true ? mortal : plan.entry;
          const onChange = (running: number) => void this.running.push(running);
          this.#crew = await ThreadCrew.start(
            { ...plan, entry, onChange },
            { boot, clock: systemClock, log: silentLog(), logged: () => {} },
          );
          return this.#crew;
        },
      }),
    );
  }

  static async start(source: BlockSource, settings: ThreadedSettings): Promise<ThreadedIndexer> {
    const world = await releaseWorld("embedded");
    const bus = new ConnectedBus(await world.connect("indexer"), { log: silentLog() });
    const asker = new ConnectedBus(await world.connect("gateway"), {
      log: silentLog(),
      validateReplies: true,
    });
    const made = new ThreadedIndexer(world, bus, asker, source, settings);
    await made.#actor.start();
    return made;
  }

  get isReady(): boolean {
    return this.reports.at(-1)?.readiness === "ready";
  }

  /** What the threads measure, each line with the thread's name. */
  async threadMetrics(): Promise<string> {
    return ((await this.#crew?.metrics()) ?? []).join("\n");
  }

  killThread(oneOfTwo: 0 | 1): void {
    this.#deaths.postMessage(oneOfTwo);
  }

  async stop(): Promise<void> {
    await this.#actor.stop();
    this.#deaths.close();
    for (const bus of this.#buses) await bus.close();
    await this.#world.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
