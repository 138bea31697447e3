/** The instruments of one connection to the bus. What is counted often is a plain number, read when somebody asks. */
import type { Meter, ObservableResult } from "@opentelemetry/api";

export type RpcSide = "client" | "server";
/** Why a message or a request was turned away before any handler saw it. */
export type Rejection =
  | "reply_subject"
  | "caller"
  | "too_large"
  | "malformed"
  | "deadline"
  | "conflict"
  | "queue_full"
  | "listener_overflow";

export interface RpcLabels {
  readonly [label: string]: string;
  readonly side: RpcSide;
  readonly callee: string;
  readonly method: string;
  readonly caller: string;
  /** `ok` or the error's code. */
  readonly code: string;
}

/**
 * Calls of one method that were asked and answered in one thread. They take a few microseconds, of which finding the row
 * of a histogram by its labels would be a third.
 */
export interface MountedTally {
  readonly labels: { readonly callee: string; readonly method: string };
  calls: number;
  totalMs: number;
}

/** From a memory hop to the longest deadline. */
const DURATION_BOUNDS_S = [
  0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

export class BusMetrics {
  isUp = false;
  reconnects = 0;
  sentBytes = 0;
  receivedBytes = 0;
  readonly #duration;
  readonly #rejected = new Map<Rejection, number>();
  readonly #depths = new Set<() => QueueDepth>();
  readonly #mounted = new Map<string, MountedTally>();

  constructor(meter: Meter) {
    this.#duration = meter.createHistogram("troupe_rpc_duration_seconds", {
      description: "How long calls took, on the side of the caller and of the callee.",
      unit: "s",
      advice: { explicitBucketBoundaries: DURATION_BOUNDS_S },
    });
    observe(meter.createObservableGauge("troupe_bus_up", { description: "1 while connected." }), (result) =>
      result.observe(this.isUp ? 1 : 0),
    );
    observe(
      meter.createObservableCounter("troupe_bus_reconnects_total", {
        description: "How often the connection came back.",
      }),
      (result) => result.observe(this.reconnects),
    );
    observe(
      meter.createObservableCounter("troupe_bus_bytes_total", {
        description: "Bytes of bodies.",
        unit: "By",
      }),
      (result) => {
        result.observe(this.sentBytes, { dir: "out" });
        result.observe(this.receivedBytes, { dir: "in" });
      },
    );
    observe(
      meter.createObservableCounter("troupe_rpc_rejected_total", {
        description: "Messages turned away before a handler saw them.",
      }),
      (result) => {
        for (const [reason, count] of this.#rejected) result.observe(count, { reason });
      },
    );
    observe(
      meter.createObservableCounter("troupe_rpc_mounted_total", {
        description: "Calls that were asked and answered in one thread, without the bus.",
      }),
      (result) => {
        for (const { calls, labels } of this.#mounted.values()) result.observe(calls, labels);
      },
    );
    observe(
      meter.createObservableCounter("troupe_rpc_mounted_seconds_total", {
        description: "How long they took together.",
        unit: "s",
      }),
      (result) => {
        for (const { totalMs, labels } of this.#mounted.values()) result.observe(totalMs / 1000, labels);
      },
    );
    observe(
      meter.createObservableGauge("troupe_rpc_queue_depth", {
        description: "Requests that wait for a handler.",
      }),
      (result) => {
        for (const read of this.#depths) {
          const { method, callee, waiting } = read();
          result.observe(waiting, { callee, method });
        }
      },
    );
  }

  rpc(durationMs: number, labels: RpcLabels): void {
    this.#duration.record(durationMs / 1000, labels);
  }

  /** Counts are written into it as calls are answered. */
  mounted(callee: string, method: string): MountedTally {
    const name = `${callee}.${method}`;
    let tally = this.#mounted.get(name);
    if (tally === undefined) {
      tally = { labels: { callee, method }, calls: 0, totalMs: 0 };
      this.#mounted.set(name, tally);
    }
    return tally;
  }

  reject(reason: Rejection): void {
    this.#rejected.set(reason, (this.#rejected.get(reason) ?? 0) + 1);
  }

  rejections(reason: Rejection): number {
    return this.#rejected.get(reason) ?? 0;
  }

  /** Lets a queue be read until the returned function is called. */
  watchQueue(read: () => QueueDepth): () => void {
    this.#depths.add(read);
    return () => this.#depths.delete(read);
  }
}

export interface QueueDepth {
  readonly callee: string;
  readonly method: string;
  readonly waiting: number;
}

function observe(
  instrument: { addCallback(callback: (result: ObservableResult) => void): void },
  callback: (result: ObservableResult) => void,
): void {
  instrument.addCallback(callback);
}
