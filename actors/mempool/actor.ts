/** The mempool: keeps its view level with the node, answers questions about it, tells of changes, sends. Wiring only. */
import { join } from "node:path";
import { type Network, networkByName } from "../../bitcoin/network.ts";
import type { SequenceEvent } from "../../bitcoind/sequence.ts";
import type { Actor, ActorContext, ActorDefinition } from "../../bus/actor.ts";
import type { Publisher, Service } from "../../bus/bus.ts";
import { type MempoolStatus, mempoolContract } from "../../bus/contracts/mempool.ts";
import { sleep } from "../../runtime/clock.ts";
import { reads } from "./answers/reads.ts";
import { filterOf } from "./answers/script-filter.ts";
import { type SendingNode, sends } from "./answers/sends.ts";
import { type MempoolConfig, mempoolStartSection } from "./config.ts";
import { MempoolMetrics } from "./metrics.ts";
import { readKept, writeKept } from "./store/kept-file.ts";
import { Follower, type FollowerNews } from "./sync/follower.ts";
import { type Progress, progressText } from "./sync/progress.ts";
import type { MempoolSource } from "./sync/source.ts";
import type { Changes } from "./view/changes.ts";
import { View } from "./view/view.ts";

export type MempoolContext = ActorContext<MempoolConfig>;

/** What differs between the program and its tests. */
export interface MempoolParts {
  node(context: MempoolContext, network: Network, news: NodeNews): ClosableNode;
}

/** What the node tells by itself; `onGap` when some of it may have been lost. */
export interface NodeNews {
  readonly onEvent: (event: SequenceEvent) => void;
  readonly onGap: () => void;
}

export interface ClosableNode extends MempoolSource, SendingNode {
  /** False while the node tells nothing by itself: then it is asked more often. */
  readonly isTelling: boolean;
  close(): Promise<void>;
}

const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 30_000;
/** With the node's own news the list is only compared to be sure. */
const POLL_FACTOR_WITH_NEWS = 10;
/** How long an answer waits for a block that we have not heard of. */
const REACH_MS = 1_000;
const REACH_LOOK_MS = 100;
/** How long a sender waits until its transaction is in the view. */
const INCLUDE_MS = 2_000;
/** Lost at most, when the machine stops suddenly: what came in so long has to be read again. */
const KEEP_EVERY_MS = 600_000;
const FIGURES_MS = 30_000;
const MEGA = 1024 * 1024;
const INSTANCE = "main";

export function mempoolWith(parts: MempoolParts): ActorDefinition<typeof mempoolStartSection.schema> {
  return {
    name: "mempool",
    section: mempoolStartSection,
    create: (context) => new Mempool(context, parts),
  };
}

interface Opened {
  readonly node: ClosableNode;
  readonly follower: Follower;
  readonly publisher: Publisher<typeof mempoolContract>;
  readonly service: Service;
  readonly metrics: MempoolMetrics;
}

class Mempool implements Actor, FollowerNews {
  readonly #context: MempoolContext;
  readonly #parts: MempoolParts;
  readonly #view = new View();
  readonly #stopping = new AbortController();
  #opened: Opened | undefined;
  #running: Promise<unknown> | undefined;
  #progress: Progress | undefined;
  #figuresAtMs = Number.NEGATIVE_INFINITY;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  readonly #arrivals = new Set<() => void>();

  constructor(context: MempoolContext, parts: MempoolParts) {
    this.#context = context;
    this.#parts = parts;
  }

  async start(): Promise<void> {
    const { config, bus, clock, log, meter } = this.#context;
    const network = networkByName(this.#context.network);
    const view = this.#view;
    const kept = await readKept(this.#keptPath, network.name).catch((error: unknown) => {
      log.warn("the kept mempool cannot be read", { error });
      return undefined;
    });
    if (kept === undefined) log.warn("the kept mempool cannot be used; it is read from the node again");
    const node = this.#parts.node(this.#context, network, {
      onEvent: (event) => this.#opened?.follower.hint(event),
      onGap: () => this.#opened?.follower.compare(),
    });
    const follower = new Follower({
      source: node,
      view,
      clock,
      serialization: network.serialization,
      news: this,
      pollMs: () => config.poll_ms * (node.isTelling ? POLL_FACTOR_WITH_NEWS : 1),
      memoryBytesMax: config.memory_mb * MEGA,
      kept: kept ?? new Map(),
    });
    const metrics = new MempoolMetrics(meter, () => ({
      transactions: view.tables.count,
      sizeVb: view.tables.sizeVb,
      memoryBytes: view.tables.memoryBytes,
      leftOut: follower.leftOut,
    }));
    const publisher = bus.publisher(mempoolContract, INSTANCE);
    const handlers = {
      status: () => this.#status(),
      ...reads({ view, clock, reach: (hash) => this.#reach(hash) }),
      scriptFilter: () => filterOf(view, publisher),
      ...sends({
        node,
        view,
        figures: async () => (await this.#freshFigures()) ?? (await node.pulse()).figures,
        include: (sent) => Promise.race([follower.include(sent), this.#wait(INCLUDE_MS)]),
        onVerdict: (verdict) => metrics.broadcast(verdict),
      }),
    };
    const service = await bus.serve(mempoolContract, handlers, { publisher });
    this.#opened = { node, follower, publisher, service, metrics };
    this.#context.report("syncing");
    // Not awaited: they last as long as the actor. What they throw ends the actor, and the supervisor starts it again.
    this.#running = Promise.all([this.#follow(follower), this.#keepEverySoOften()]);
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error("the mempool stops"));
    await this.#running;
    const opened = this.#opened;
    if (opened === undefined) return;
    await opened.service.stop();
    await opened.publisher.stop();
    await opened.node.close();
    await this.#keep();
  }

  changed(changes: Changes): void {
    const opened = this.#opened;
    if (opened === undefined) return;
    opened.metrics.changed(changes);
    for (const part of changes.parts(this.#view.now)) opened.publisher.event("view.changed", part);
    this.#tellStatus();
    for (const arrive of this.#arrivals) arrive();
  }

  progress(progress: Progress): void {
    this.#progress = progress;
    this.#tellStatus();
    this.#context.report("syncing", progressText(progress));
  }

  level(): void {
    this.#figuresAtMs = this.#context.clock.monotonicMs();
    const { count } = this.#view.tables;
    const leftOut = this.#opened?.follower.leftOut ?? 0;
    const text = `${count.toLocaleString("en")} unconfirmed`;
    if (leftOut === 0) this.#context.report("ready", text);
    else this.#context.report("ready", `${text}, ${leftOut.toLocaleString("en")} left out (memory_mb)`);
    this.#tellStatus();
  }

  async #follow(follower: Follower): Promise<void> {
    const { clock, log } = this.#context;
    const { signal } = this.#stopping;
    let retryMs = RETRY_MS_MIN;
    while (!signal.aborted) {
      const beganMs = clock.monotonicMs();
      try {
        await follower.run(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!isNodes(error)) throw error;
        // After it has gone well for a while, a failure is a new one.
        if (clock.monotonicMs() - beganMs > RETRY_MS_MAX) retryMs = RETRY_MS_MIN;
        log.warn("the node does not serve its mempool; asking again", { error, retryMs });
        this.#context.report(this.#view.isSynced ? "degraded" : "syncing", error.message.slice(0, 200));
        await sleep(clock, retryMs, signal).catch(() => {}); // only a stop ends it early
        retryMs = Math.min(RETRY_MS_MAX, retryMs * 2);
      }
    }
  }

  async #keepEverySoOften(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await sleep(this.#context.clock, KEEP_EVERY_MS, signal).catch(() => {}); // only a stop ends it early
      if (!signal.aborted) await this.#keep();
    }
  }

  /** What is not whole yet would replace a file that may be. Without the file the next start takes longer, no more. */
  async #keep(): Promise<void> {
    if (!this.#view.isSynced) return;
    try {
      await writeKept(this.#keptPath, this.#context.network, [...this.#view.tables.unconfirmed()]);
    } catch (error) {
      this.#context.log.warn("the mempool cannot be kept for the next start; it will be read from the node", {
        error,
      });
    }
  }

  get #keptPath(): string {
    return join(this.#context.dataDirectory, "kept.bin");
  }

  /** Waits for a block that the asker knows of and we do not, but not long. */
  async #reach(blockHash: string): Promise<void> {
    const deadlineMs = this.#context.clock.monotonicMs() + REACH_MS;
    while (this.#view.heightFor(blockHash) === undefined && !this.#stopping.signal.aborted) {
      const nowMs = this.#context.clock.monotonicMs();
      if (nowMs >= deadlineMs) return;
      // However many ask: the node is asked ten times a second at most.
      if (nowMs - this.#lookedAtMs >= REACH_LOOK_MS) {
        this.#lookedAtMs = nowMs;
        this.#opened?.follower.look();
      }
      await this.#arrivalWithin(REACH_LOOK_MS);
    }
  }

  /** On a chain that stands still many may wait for a block that does not come: nothing of them is kept. */
  async #arrivalWithin(waitMs: number): Promise<void> {
    let arrive = () => {};
    const arrival = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    this.#arrivals.add(arrive);
    await Promise.race([arrival, this.#wait(waitMs)]);
    this.#arrivals.delete(arrive);
  }

  #wait(waitMs: number): Promise<void> {
    return sleep(this.#context.clock, waitMs, this.#stopping.signal).catch(() => {}); // a stop ends all waiting
  }

  async #freshFigures() {
    const age = this.#context.clock.monotonicMs() - this.#figuresAtMs;
    return age < FIGURES_MS ? this.#opened?.follower.figures : undefined;
  }

  #status(): MempoolStatus {
    const { tables, isSynced } = this.#view;
    const figures = this.#opened?.follower.figures;
    const progress = isSynced ? undefined : this.#progress;
    const leftOut = this.#opened?.follower.leftOut ?? 0;
    return {
      ...this.#view.now,
      transactions: tables.count,
      sizeVb: tables.sizeVb,
      nodeBytes: figures?.memoryBytes ?? null,
      nodeBytesMax: figures?.memoryBytesMax ?? null,
      feeSat: tables.feeSat,
      targetTransactions: progress?.targetTransactions ?? tables.count + leftOut,
      txsPerSecond: progress?.txsPerSecond ?? 0,
      secondsLeft: isSynced ? 0 : (progress?.secondsLeft ?? null),
    };
  }

  #tellStatus(): void {
    this.#opened?.publisher.state("status", this.#status());
  }
}

/** What the node says, or fails to say, passes; what we do wrong ends the actor. */
function isNodes(error: unknown): error is Error {
  return error instanceof Error && /^(NODE|BITCOIN)_/.test(String((error as { code?: unknown }).code));
}
