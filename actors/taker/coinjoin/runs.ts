/** All coinjoins of this taker: those that run, those that a restart has interrupted, and the last that ended. */
import type { CoinjoinRun } from "../../../bus/contracts/taker.ts";
import { denials } from "../denials.ts";
import type { Gathering } from "../market/gathering.ts";
import { Coinjoin } from "./coinjoin.ts";
import type { CoinjoinParts } from "./parts.ts";
import { isOver, type RunRecord, shownRun } from "./record.ts";

export class Runs {
  readonly #parts: CoinjoinParts;
  readonly #running = new Map<string, Coinjoin>();
  /** The oldest first. */
  #over: readonly RunRecord[] = [];

  constructor(parts: CoinjoinParts) {
    this.#parts = parts;
  }

  get running(): number {
    return [...this.#running.values()].filter(({ isOver }) => !isOver).length;
  }

  /** Goes on with what was interrupted. */
  resume(): void {
    const { folder, log } = this.#parts;
    const records = folder.prune(folder.load(log));
    this.#over = records.filter(isOver);
    for (const record of records) {
      if (isOver(record)) continue;
      log.info("a coinjoin that was interrupted goes on", { run: record.id, phase: record.phase });
      this.begin(record);
    }
  }

  begin(record: RunRecord, gathering?: Gathering): void {
    const run = new Coinjoin(this.#parts, record, gathering);
    run.begin();
    this.#running.set(record.id, run);
    void run.ended.then(() => this.#ended(run));
  }

  shown(
    id: string,
    newerThan: number | undefined,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<CoinjoinRun> | CoinjoinRun {
    const run = this.#running.get(id);
    if (run !== undefined)
      return newerThan === undefined ? run.shown : run.news(newerThan, timeoutMs, signal);
    const record = this.#over.find((one) => one.id === id);
    if (record === undefined) throw denials.noSuchRun(id);
    return shownRun(record, OVER_VERSION);
  }

  /** What is kept of one, running or over. */
  record(id: string): RunRecord | undefined {
    return this.#running.get(id)?.record ?? this.#over.find((one) => one.id === id);
  }

  /** The newest first. */
  list(limit: number): CoinjoinRun[] {
    const over = this.#over.map((record) => shownRun(record, OVER_VERSION));
    const running = [...this.#running.values()].map(({ shown }) => shown);
    return [...over, ...running].sort((a, b) => b.startedAtS - a.startedAtS).slice(0, limit);
  }

  cancel(id: string): boolean {
    const run = this.#running.get(id);
    if (run !== undefined) return run.cancel();
    if (this.#over.some((one) => one.id === id)) return false;
    throw denials.noSuchRun(id);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running.values()].map((run) => run.stop()));
  }

  #ended(run: Coinjoin): void {
    if (!run.isOver) return;
    this.#running.delete(run.record.id);
    this.#over = this.#parts.folder.prune([...this.#over, run.record]);
  }
}

/** Nothing is newer than the end. */
const OVER_VERSION = Number.MAX_SAFE_INTEGER;
