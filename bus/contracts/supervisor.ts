/** What actors and doors know of the supervisor: its tree, and the few orders it takes. */
import { z } from "zod";
import { contract } from "../contract/contract.ts";

export const CHILD_STATES = [
  "starting",
  "syncing",
  "ready",
  "degraded",
  "suspended",
  "unresponsive",
  "stopping",
  "stopped",
  "backoff",
  "parked",
  "elsewhere",
  "off",
] as const;

/** Of the logs of children, while they run. */
export const SETTABLE_LEVELS = ["debug", "info", "warn", "error"] as const;
export type SettableLevel = (typeof SETTABLE_LEVELS)[number];

export const ChildStateSchema = z.enum(CHILD_STATES);
export type ChildState = z.infer<typeof ChildStateSchema>;

/** A listener of an actor, as a client would dial it. */
export const DoorSchema = z.object({
  name: z.string().max(48),
  /** A URL: `http://127.0.0.1:8080`, `tcp://127.0.0.1:50001`. */
  address: z.string().max(256),
  doc: z.string().max(200).optional(),
});
export type Door = z.infer<typeof DoorSchema>;

export const ChildErrorSchema = z.object({
  at: z.string(),
  code: z.string(),
  message: z.string(),
});

/** One node of the tree; a supervisor or a stage has `children`. */
export interface ChildStatus {
  id: string;
  kind: "actor" | "supervisor" | "stage" | "bus";
  state: ChildState;
  /** Where it runs: `process 4242`, `thread 3 of stage (4243)`. */
  placement: string;
  pid?: number | undefined;
  critical: boolean;
  /** ISO time of the present life's start and of its readiness. */
  startedAt?: string | undefined;
  readyAt?: string | undefined;
  uptimeMs?: number | undefined;
  restarts: number;
  nextRestartInMs?: number | undefined;
  lastError?: z.infer<typeof ChildErrorSchema> | undefined;
  eventLoopP99Ms?: number | undefined;
  heartbeatAgeMs?: number | undefined;
  heapBytes?: number | undefined;
  rssBytes?: number | undefined;
  /** A job's own words, such as `block 120,000 of 951,658, 12.6 %, 3 min left`. */
  progress?: string | undefined;
  doors: Door[];
  children: ChildStatus[];
}

export const ChildStatusSchema: z.ZodType<ChildStatus> = z.object({
  id: z.string(),
  kind: z.enum(["actor", "supervisor", "stage", "bus"]),
  state: ChildStateSchema,
  placement: z.string(),
  pid: z.int().optional(),
  critical: z.boolean(),
  startedAt: z.string().optional(),
  readyAt: z.string().optional(),
  uptimeMs: z.number().optional(),
  restarts: z.int(),
  nextRestartInMs: z.number().optional(),
  lastError: ChildErrorSchema.optional(),
  eventLoopP99Ms: z.number().optional(),
  heartbeatAgeMs: z.number().optional(),
  heapBytes: z.number().optional(),
  rssBytes: z.number().optional(),
  progress: z.string().optional(),
  doors: z.array(DoorSchema),
  get children() {
    return z.array(ChildStatusSchema);
  },
});

/** The whole troupe of one host. */
export const TreeSchema = z.object({
  /** The host's name on the bus: the instance of its supervisor. */
  host: z.string(),
  version: z.string(),
  network: z.string(),
  pid: z.int(),
  startedAt: z.string(),
  dataDirectory: z.string(),
  /** `embedded`, `spawn`, `external` or `memory`, and the address without credentials. */
  bus: z.object({ mode: z.string(), address: z.string(), up: z.boolean(), jetstream: z.boolean() }),
  /** Every critical child is ready. */
  ready: z.boolean(),
  root: ChildStatusSchema,
});
export type Tree = z.infer<typeof TreeSchema>;

/** The five reports of OTP's supervisor, as one event. */
export const ChildReportSchema = z.object({
  report: z.enum([
    "progress",
    "child_terminated",
    "start_error",
    "shutdown_error",
    "reached_max_restart_intensity",
  ]),
  child: z.string(),
  reason: z.string(),
  restarts: z.int(),
  nextRestartInMs: z.number().optional(),
});
export type ChildReport = z.infer<typeof ChildReportSchema>;

/** Prometheus text of one actor's instruments. */
export const ActorMetricsSchema = z.object({ actor: z.string(), text: z.string() });

export const supervisorContract = contract("supervisor", {
  semver: "1.0.0",
  doc: "Watches the actors of one host, starts them again when they fail, and says how they are.",
  // Each host owns its tree: a question to any of them would be answered by chance.
  instances: "keyed",
})
  .rpc("tree", {
    doc: "The tree of this host as it is now.",
    input: z.object({}),
    output: TreeSchema,
    deadlineMs: 1_000,
    idempotency: "idempotent",
    callers: ["gateway", "operator"],
  })
  .rpc("metrics", {
    doc: "The instruments of every actor of this host, in Prometheus text.",
    input: z.object({}),
    output: z.object({ actors: z.array(ActorMetricsSchema) }),
    deadlineMs: 2_000,
    idempotency: "idempotent",
    callers: ["gateway", "operator"],
  })
  .rpc("restart", {
    doc: "Stops one child politely and starts it again; a parked one is started at once.",
    input: z.object({ child: z.string().min(1).max(48) }),
    output: z.object({ state: ChildStateSchema }),
    errors: { SUPERVISOR_NO_SUCH_CHILD: z.object({ child: z.string(), children: z.array(z.string()) }) },
    deadlineMs: 60_000,
    idempotency: "key",
    callers: ["gateway", "operator"],
  })
  .rpc("logLevel", {
    doc: "How much one child writes into its log, until it is started again. False where it is not there, or is a program of others.",
    input: z.object({ child: z.string().min(1).max(48), level: z.enum(SETTABLE_LEVELS) }),
    output: z.object({ isSet: z.boolean() }),
    errors: { SUPERVISOR_NO_SUCH_CHILD: z.object({ child: z.string(), children: z.array(z.string()) }) },
    deadlineMs: 10_000,
    idempotency: "idempotent",
    callers: ["gateway", "operator"],
  })
  .event("child", {
    doc: "A child came up, died, could not start or stop, or failed too often.",
    body: ChildReportSchema,
    readers: ["gateway", "operator"],
  })
  .state("tree", {
    doc: "The tree of this host, on change and every 10 s.",
    body: TreeSchema,
    readers: ["gateway", "operator"],
  });
