/** What every part of one connection works with: the carrier, the time, the trace, the counters. */
import type { Tracer } from "@opentelemetry/api";
import type { Clock } from "../../runtime/clock.ts";
import type { Log } from "../../runtime/log/log.ts";
import type { Transport } from "../carrier/transport.ts";
import type { Deadlines } from "./deadlines.ts";
import type { Inbox } from "./inbox.ts";
import type { BusMetrics } from "./metrics.ts";
import type { Scopes } from "./scope.ts";

export interface Station {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  readonly tracer: Tracer;
  readonly metrics: BusMetrics;
  readonly inbox: Inbox;
  readonly deadlines: Deadlines;
  readonly scopes: Scopes;
  /** In [0, 1): for jitter only. */
  readonly random: () => number;
}
