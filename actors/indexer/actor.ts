/** The indexer: keeps the index level with the node and answers questions about the chain. Wiring only. */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { bytesToHex } from "../../bitcoin/bytes.ts";
import { type Network, networkByName } from "../../bitcoin/network.ts";
import type { Actor, ActorContext, ActorDefinition, Crew } from "../../bus/actor.ts";
import type { Publisher, Service } from "../../bus/bus.ts";
import { INDEXER_TOUCHED_MAX, indexerContract } from "../../bus/contracts/indexer.ts";
import { hasCode, TroupeError, toWireError } from "../../runtime/errors.ts";
import { answers } from "./answers/answers.ts";
import type { QueryThreadConfig } from "./answers/query-thread.ts";
import { IndexReader } from "./answers/reader.ts";
import { SyncFlag } from "./answers/sync-flag.ts";
import { INDEX_PLACES, type IndexerConfig, indexerStartSection } from "./config.ts";
import { IndexerMetrics, QueryMetrics } from "./metrics.ts";
import { StoredTransactions } from "./queries/stored-transactions.ts";
import { dropIndex, obeyRebuildOrder } from "./store/rebuild.ts";
import { IndexStore } from "./store/store.ts";
import type { BlockSource } from "./sync/block-source.ts";
import { Compaction } from "./sync/compaction.ts";
import { PlaceSearch } from "./sync/place-search.ts";
import { nodeProgressText, type Progress, ProgressMeter, progressText } from "./sync/progress.ts";
import { rehearse } from "./sync/rehearsal.ts";
import { type BlockNews, ChainSync, type SyncNews } from "./sync/sync.ts";
import type { Workbench } from "./sync/workbench.ts";
import { touchedHashes } from "./touched.ts";
import { verifyAnswers } from "./verify/verify-answers.ts";

export type IndexerContext = ActorContext<IndexerConfig>;

/** What differs between the program and its tests. */
export interface IndexerParts {
  source(context: IndexerContext, network: Network): ClosableSource;
  workbench(threads: number, onError: (error: Error) => void): Workbench;
}

export interface ClosableSource {
  readonly source: BlockSource;
  /** Where its block files would lie on this machine, if they may be read. */
  readonly blocksDirectory?: string | undefined;
  close(): Promise<void>;
}

/** Packed bytes that one step of a merge reads: about 8 MiB in, five times that in a thread's hands. */
const MERGE_SLICE_BYTES = 8 * 1024 * 1024;
/** Mainnet is 22,000 batches: each row is rewritten twice with this, four times with a fan-in of 8. */
const BULK_FAN_IN = 32;
/** After a reorganisation deeper than this, what the stale blocks touched is not told. */
const TOUCHED_BLOCKS = 200;
const MEGABYTE = 1024 * 1024;
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 30_000;
/** Failures that pass: the node's, and blocks that it gave wrongly. */
const PASSING = /^(NODE_|INDEXER_(BAD_BLOCK|NODE_BEHIND)$)/;
const INSTANCE = "main";

export function indexerWith(parts: IndexerParts): ActorDefinition<typeof indexerStartSection.schema> {
  return {
    name: "indexer",
    section: indexerStartSection,
    create: (context) => new Indexer(context, parts),
  };
}

class Indexer implements Actor, SyncNews {
  readonly #context: IndexerContext;
  readonly #parts: IndexerParts;
  readonly #stopping = new AbortController();
  #opened: Opened | undefined;
  #running: Promise<void> | undefined;
  readonly #flag = new SyncFlag();
  /** While the node itself catches up. */
  #nodeMeter: ProgressMeter | undefined;
  /** Once, when the index is level for the first time. */
  #rehearsal: Promise<void> | undefined;

  constructor(context: IndexerContext, parts: IndexerParts) {
    this.#context = context;
    this.#parts = parts;
  }

  async start(): Promise<void> {
    const { config, bus, clock, dataDirectory, meter } = this.#context;
    const network = networkByName(this.#context.network);
    const store = this.#openStore(dataDirectory, network);
    const reader = new IndexReader(store, config.query_cache_mb * MEGABYTE);
    const threads = config.threads === 0 ? availableParallelism() : config.threads;
    const bench = this.#parts.workbench(threads, (error) =>
      this.#context.log.error("a thread that parses blocks died; another takes its place", { error }),
    );
    const node = this.#parts.source(this.#context, network);
    const compaction = new Compaction({
      store,
      bench,
      fanIn: config.merge_fan_in,
      bulkFanIn: Math.max(config.merge_fan_in, BULK_FAN_IN),
      sliceBytes: MERGE_SLICE_BYTES,
    });
    const publisher = bus.publisher(indexerContract, INSTANCE);
    const metrics = new IndexerMetrics(meter, () => ({
      height: store.state.height,
      runs: store.state.runs.length,
      storeBytes: store.sizeBytes,
    }));
    const sync = new ChainSync({
      store,
      source: node.source,
      bench,
      compaction,
      network,
      clock,
      news: this,
      batchBytes: config.batch_mb * MEGABYTE,
      liveBlocks: config.live_blocks,
      touchedBlocks: TOUCHED_BLOCKS,
    });
    const places = this.#placeSearch(store, network, node.blocksDirectory);
    const stored = this.#storedTransactions(network, node.blocksDirectory);
    const { crew, service } = await this.#serve({ store, reader, source: node.source, stored, publisher });
    const made = { store, reader, bench, node, compaction, publisher, metrics, sync, places, stored };
    this.#opened = { ...made, crew, service };
    this.#context.report("syncing");
    // Not awaited: it lasts as long as the actor. What it throws ends the actor, and the supervisor starts it again.
    this.#running = this.#follow(this.#opened);
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error("the indexer stops"));
    await this.#running;
    await this.#rehearsal;
    const opened = this.#opened;
    if (opened === undefined) return;
    await opened.service.stop();
    await opened.crew?.stop();
    await opened.publisher.stop();
    await opened.places?.stop();
    await opened.compaction.stop();
    await opened.bench.close();
    await opened.node.close();
    opened.reader.close();
    opened.stored?.close();
    await opened.store.close();
  }

  /** An index of another release's format is refused, since to build it takes hours; a private chain's is built anew at once. */
  #openStore(dataDirectory: string, network: Network): IndexStore {
    const { clock, config, log } = this.#context;
    const open = () =>
      new IndexStore({ directory: join(dataDirectory, INDEX_PLACES.index), network: network.name });
    obeyRebuildOrder(dataDirectory, clock.now(), log);
    try {
      return open();
    } catch (error) {
      if (!config.isOwnChain || !hasCode(error, "INDEXER_STORE_OTHER_FORMAT")) throw error;
      log.warn("the index of this private chain has another release's format and is built anew", { error });
      dropIndex(dataDirectory, clock.now(), log);
      return open();
    }
  }

  #placeSearch(store: IndexStore, network: Network, directory: string | undefined): PlaceSearch | undefined {
    const { clock, log } = this.#context;
    return directory === undefined ? undefined : new PlaceSearch({ store, directory, network, clock, log });
  }

  #storedTransactions({ serialization }: Network, directory: string | undefined) {
    const { clock, log } = this.#context;
    if (directory === undefined || this.#hasQueryThreads) return undefined;
    return new StoredTransactions({ directory, serialization, clock, log });
  }

  get #hasQueryThreads(): boolean {
    const { config, startCrew } = this.#context;
    return startCrew !== undefined && config.query_threads > 0;
  }

  /** Answers are given by query threads; here only where there are none, and then this thread's writing makes askers wait. */
  async #serve({ store, reader, source, stored, publisher }: Served): Promise<{
    crew: Crew | undefined;
    service: Service;
  }> {
    const { bus, config, meter, startCrew } = this.#context;
    if (startCrew === undefined || !this.#hasQueryThreads) {
      const isSynced = () => this.#flag.isSynced;
      const metrics = new QueryMetrics(meter, () => reader);
      const handlers = {
        ...answers({
          reader,
          rawTransactions: (wanted, signal) => source.rawTransactions(wanted, signal),
          stored,
          read: (from, transactions) => metrics.read(from, transactions),
          isSynced,
          answered: (method, items, durationMs) => metrics.answered(method, items, durationMs),
        }),
        ...verifyAnswers({ store, source, network: networkByName(this.#context.network) }, isSynced),
      };
      return { crew: undefined, service: await bus.serve(indexerContract, handlers, { publisher }) };
    }
    const section: QueryThreadConfig = {
      node: config.node,
      sync: this.#flag.memory,
      cacheBytes: config.query_cache_mb * MEGABYTE,
    };
    const crew = await startCrew({
      name: "query",
      entry: new URL("./answers/thread.js", import.meta.url),
      count: config.query_threads,
      section,
    });
    // What only the publisher can answer: `snapshot`, and `health` of the whole.
    const service = await bus.serve(indexerContract, "elsewhere", { publisher });
    return { crew, service };
  }

  connected(block: BlockNews): void {
    this.#tell("block.connected", block);
    this.#opened?.metrics.added("live", 1, block.txCount);
    this.#opened?.publisher.state("tip", { height: block.height, hash: block.hash });
  }

  disconnected(block: BlockNews): void {
    this.#tell("block.disconnected", block);
    this.#opened?.metrics.rolledBack(1);
  }

  jumped(): void {
    const { height, tipHash } = this.#opened?.store.state ?? {};
    if (height === undefined || tipHash === undefined) return;
    this.#opened?.publisher.event("chain.jumped", { height, hash: tipHash });
    this.#opened?.publisher.state("tip", { height, hash: tipHash });
  }

  progress(progress: Progress, added: { blocks: number; transactions: number }): void {
    this.#opened?.metrics.added("bulk", added.blocks, added.transactions);
    this.#syncing(progress, progressText(progress));
  }

  #syncing(progress: Progress, text: string): void {
    this.#flag.isSynced = false;
    this.#opened?.publisher.state("sync", {
      ...progress,
      isSynced: false,
      secondsLeft: progress.secondsLeft ?? null,
    });
    this.#context.report("syncing", text);
  }

  /** Level with a node that has not caught up: what wallets would be shown is not yet true of its network. */
  #waitsForNode(height: number, targetHeight: number): void {
    this.#nodeMeter ??= new ProgressMeter(this.#context.clock, height);
    this.#nodeMeter.add(height, 0, 0);
    const progress = this.#nodeMeter.read(targetHeight);
    this.#syncing(progress, nodeProgressText(progress));
  }

  async #follow(opened: Opened): Promise<void> {
    const { config, log } = this.#context;
    const { signal } = this.#stopping;
    let retryMs = RETRY_MS_MIN;
    let toldCode: string | undefined;
    while (!signal.aborted) {
      try {
        opened.compaction.kick();
        if (!(await opened.sync.advance(signal))) {
          this.#synced(opened);
          await opened.node.source.waitForChange(config.poll_ms, signal);
        }
        retryMs = RETRY_MS_MIN;
        toldCode = undefined;
      } catch (error) {
        if (signal.aborted) return;
        if (!isPassing(error)) throw error;
        // A node may be away for days: said once.
        if (error.code !== toldCode) log.warn("the node does not serve the chain; asking again", { error });
        toldCode = error.code;
        this.#context.report(this.#flag.isSynced ? "degraded" : "syncing", error.message.slice(0, 200));
        // News of the node end it early; so does a stop.
        await opened.node.source.waitForChange(retryMs, signal).catch(() => {});
        retryMs = Math.min(RETRY_MS_MAX, retryMs * 2);
      }
    }
  }

  #synced(opened: Opened): void {
    const { height, tipHash } = opened.store.state;
    opened.places?.kick();
    const { sourceSyncsTo } = opened.sync;
    if (sourceSyncsTo !== undefined) return this.#waitsForNode(height, sourceSyncsTo);
    this.#nodeMeter = undefined;
    if (opened.crew?.running === 0)
      this.#context.report("degraded", "no query thread works; it is started again");
    else this.#context.report("ready", `block ${height.toLocaleString("en")}`);
    if (this.#flag.isSynced) return;
    this.#flag.isSynced = true;
    this.#rehearsal ??= this.#rehearse(opened);
    if (tipHash !== undefined) opened.publisher.state("tip", { height, hash: tipHash });
    opened.publisher.state("sync", {
      isSynced: true,
      height,
      targetHeight: height,
      percent: 100,
      txsPerSecond: 0,
      megabytesPerSecond: 0,
      secondsLeft: 0,
    });
  }

  async #rehearse({ store, bench, node }: Opened): Promise<void> {
    const { clock, log } = this.#context;
    // Where this thread makes rows itself, a rehearsal would only hold it up.
    if (!bench.hasThreads) return;
    const network = networkByName(this.#context.network);
    try {
      await rehearse({ store, source: node.source, bench, network, clock }, this.#stopping.signal);
    } catch (error) {
      log.debug("the next block was not rehearsed", { code: toWireError(error).code });
    }
  }

  #tell(event: "block.connected" | "block.disconnected", block: BlockNews): void {
    const touched = block.touched && touchedHashes(block.touched);
    const parts = Math.max(1, Math.ceil((touched?.length ?? 0) / INDEXER_TOUCHED_MAX));
    for (let part = 0; part < parts; part++) {
      this.#opened?.publisher.event(event, {
        height: block.height,
        hash: block.hash,
        header: bytesToHex(block.header),
        txCount: block.txCount,
        touched: touched?.slice(part * INDEXER_TOUCHED_MAX, (part + 1) * INDEXER_TOUCHED_MAX) ?? null,
        part,
        parts,
      });
    }
  }
}

interface Served {
  readonly store: IndexStore;
  readonly reader: IndexReader;
  readonly source: BlockSource;
  readonly stored: StoredTransactions | undefined;
  readonly publisher: Publisher<typeof indexerContract>;
}

interface Opened {
  readonly store: IndexStore;
  readonly reader: IndexReader;
  readonly bench: Workbench;
  readonly node: ClosableSource;
  readonly compaction: Compaction;
  readonly publisher: Publisher<typeof indexerContract>;
  readonly metrics: IndexerMetrics;
  readonly sync: ChainSync;
  readonly places: PlaceSearch | undefined;
  readonly stored: StoredTransactions | undefined;
  readonly crew: Crew | undefined;
  readonly service: Service;
}

function isPassing(error: unknown): error is TroupeError {
  return error instanceof TroupeError && PASSING.test(error.code);
}
