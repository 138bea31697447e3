/** The workbench in threads: a piscina pool to which buffers are moved, not copied. */
import type { TransferListItem } from "node:worker_threads";
import { Piscina } from "piscina";
import { TroupeError, type WireError } from "../../../runtime/errors.ts";
import type { MergeJob } from "../rows/merge.ts";
import type { PackedRows } from "../rows/packed-block.ts";
import type { RowsJob, RowsResult } from "../rows/rows.ts";
import type { StoredRowsJob, Workbench } from "./workbench.ts";

/** What a thread is asked for. */
export type PoolTask =
  | { readonly kind: "build"; readonly job: RowsJob | StoredRowsJob }
  | { readonly kind: "merge"; readonly job: MergeJob };

/** Errors come back as data: piscina would drop their code. */
export type PoolReply =
  | { readonly kind: "rows"; readonly rows: RowsResult }
  | { readonly kind: "packed"; readonly packed: PackedRows }
  | { readonly kind: "failed"; readonly error: WireError };

/** Builds and merges of 64 threads, and some; more would only mean that the caller has lost count. */
const QUEUE_MAX = 256;

export class PooledWorkbench implements Workbench {
  readonly width: number;
  readonly hasThreads = true;
  readonly #pool: Piscina;

  /** `onError` hears of threads that die between tasks; a task's own failure rejects its promise. */
  constructor(threads: number, onError: (error: Error) => void) {
    this.width = threads;
    this.#pool = new Piscina({
      filename: new URL("./pool-thread.js", import.meta.url).href,
      minThreads: threads,
      maxThreads: threads,
      maxQueue: QUEUE_MAX,
      idleTimeout: Number.POSITIVE_INFINITY,
    });
    this.#pool.on("error", onError);
  }

  async build(job: RowsJob | StoredRowsJob): Promise<RowsResult> {
    const reply = await this.#run(
      { kind: "build", job },
      "stored" in job ? [] : [job.bytes.buffer as ArrayBuffer],
    );
    if (reply.kind !== "rows") throw unexpected(reply);
    return reply.rows;
  }

  async merge(job: MergeJob): Promise<PackedRows> {
    const moved = job.sources.map(({ bytes }) => bytes.buffer as ArrayBuffer);
    const reply = await this.#run({ kind: "merge", job }, moved);
    if (reply.kind !== "packed") throw unexpected(reply);
    return reply.packed;
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #run(task: PoolTask, transferList: TransferListItem[]): Promise<PoolReply> {
    return (await this.#pool.run(task, { transferList })) as PoolReply;
  }
}

function unexpected(reply: PoolReply): Error {
  return reply.kind === "failed"
    ? TroupeError.fromWire(reply.error)
    : new Error(`broken invariant: a thread answered ${reply.kind}`);
}
