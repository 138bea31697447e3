/** The indexer as an actor in this process, on a bus in memory, over any source of blocks. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { metrics } from "@opentelemetry/api";
import { type IndexerParts, indexerWith } from "../../../actors/indexer/actor.ts";
import { MountedIndex } from "../../../actors/indexer/answers/mounted-index.ts";
import { type IndexerConfig, indexerStartSection } from "../../../actors/indexer/config.ts";
import type { BlockSource } from "../../../actors/indexer/sync/block-source.ts";
import { InlineWorkbench } from "../../../actors/indexer/sync/workbench.ts";
import type { Actor, ActorContext, Readiness } from "../../../bus/actor.ts";
import type { Transport } from "../../../bus/carrier/transport.ts";
import { ConnectedBus } from "../../../bus/connected-bus.ts";
import { silentLog } from "../../../bus/fake.ts";
import { systemClock } from "../../../runtime/clock.ts";
import { contextWith, releaseWorld } from "../actors/context.ts";
import type { World } from "../worlds.ts";

const MOUNTED_CACHE_BYTES = 4 * 1024 * 1024;

export class IndexerUnderTest {
  readonly #world: World;
  readonly #actor: Actor;
  readonly #directory: string;
  readonly #buses: ConnectedBus[];
  readonly reports: { readonly readiness: Readiness; readonly progress: string | undefined }[] = [];
  /** The bus of an actor that may ask. */
  readonly asker: ConnectedBus;

  private constructor(
    world: World,
    bus: ConnectedBus,
    asker: ConnectedBus,
    parts: IndexerParts,
    config: Partial<IndexerConfig>,
    startCrew: ActorContext["startCrew"],
  ) {
    this.#world = world;
    this.asker = asker;
    this.#buses = [bus, asker];
    this.#directory = mkdtempSync(join(tmpdir(), "troupe-indexer-"));
    this.#actor = indexerWith(parts).create(
      contextWith({
        name: "indexer",
        config: indexerStartSection.schema.parse({
          ...{ threads: 1, batch_mb: 1, poll_ms: 50, live_blocks: 5 },
          ...config,
        }),
        bus,
        dataDirectory: this.#directory,
        report: (readiness, progress) => void this.reports.push({ readiness, progress }),
        ...(startCrew === undefined ? {} : { startCrew }),
      }),
    );
  }

  /** Connected, not yet started: listen first, so that nothing is missed. */
  static async make(
    parts: Pick<IndexerParts, "source"> & Partial<IndexerParts>,
    config: Partial<IndexerConfig> = {},
    startCrew?: ActorContext["startCrew"],
  ): Promise<IndexerUnderTest> {
    const world = await releaseWorld();
    const bus = new ConnectedBus(await world.connect("indexer"), { log: silentLog() });
    const asker = new ConnectedBus(await world.connect("gateway"), { log: silentLog() });
    return new IndexerUnderTest(
      world,
      bus,
      asker,
      { workbench: () => new InlineWorkbench(), ...parts },
      config,
      startCrew,
    );
  }

  /** Where its index is, and what is beside it. */
  get directory(): string {
    return this.#directory;
  }

  start(): Promise<void> {
    return this.#actor.start();
  }

  /** The index is read in the asker's thread, as it is in the gateway's. Once it has started. */
  async mount(): Promise<void> {
    const member = new MountedIndex({
      section: { cacheBytes: MOUNTED_CACHE_BYTES },
      dataDirectory: this.#directory,
      network: "regtest",
      bus: this.asker,
      log: silentLog(),
      meter: metrics.getMeter("test"),
      clock: systemClock,
    });
    this.asker.mount("indexer", member);
    await member.start();
  }

  /** Another connection to the same bus; `fakeActor` takes the indexer for its broker. */
  connect(user: string): Promise<Transport> {
    return this.#world.connect(user);
  }

  breakDown(): Promise<void> {
    return this.#world.breakDown();
  }

  restore(): Promise<void> {
    return this.#world.restore();
  }

  get isReady(): boolean {
    return this.reports.at(-1)?.readiness === "ready";
  }

  async stop(): Promise<void> {
    await this.#actor.stop();
    for (const bus of this.#buses) await bus.close();
    await this.#world.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** The part that serves the blocks of `source`. */
export function sourceOf(source: BlockSource): Pick<IndexerParts, "source"> {
  return { source: () => ({ source, close: async () => {} }) };
}
