/** How a child is described: what it is, where it runs, when it is started again, how long it may take to come and to go. */

export type Restart = "permanent" | "transient" | "temporary";

/** OTP's three static strategies; dynamic children are started from a template with `startChild`. */
export type Strategy = "one_for_one" | "rest_for_one" | "one_for_all";

/** `count` restarts within `periodMs` are tolerated, one more is too many. */
export interface Intensity {
  readonly count: number;
  readonly periodMs: number;
}

export const LEAF_INTENSITY: Intensity = Object.freeze({ count: 5, periodMs: 30_000 });
export const SUBTREE_INTENSITY: Intensity = Object.freeze({ count: 3, periodMs: 60_000 });
export const ROOT_INTENSITY: Intensity = Object.freeze({ count: 3, periodMs: 300_000 });

/** `here`: a thread of the supervisor's own process. `process`: its own. `stage:<name>`: a thread of that stage process. */
export type Placement = "here" | "process" | `stage:${string}` | "elsewhere" | "off";

/** Polite, then less so: stop message, SIGTERM (processes), `terminate()` or SIGKILL. Both times run from the stop message. */
export interface Shutdown {
  /** After so long without an end: SIGTERM; a thread is terminated. */
  readonly politeMs: number;
  /** After so long without an end: SIGKILL. */
  readonly termMs: number;
}

export interface Heartbeat {
  /** A beat older than this is told as a warning. */
  readonly warnMs: number;
  /** A beat older than this is a death. */
  readonly deadMs: number;
}

export interface ActorSpec {
  readonly id: string;
  /** The compiled `worker.js`. */
  readonly entry: URL;
  readonly placement: Placement;
  readonly restart: Restart;
  /** A critical child that fails too often takes its supervisor with it; another is parked. */
  readonly critical: boolean;
  readonly significant?: boolean;
  readonly startTimeoutMs: number;
  readonly shutdown: Shutdown;
  readonly heartbeat: Heartbeat;
  readonly intensity: Intensity;
  /** Heap limits of a thread: a courtesy, not a bulkhead. */
  readonly resourceLimits?: { readonly maxOldGenerationSizeMb?: number };
  /** Node's permission model for a process of its own: directories it may read and write; nothing else, no children, no threads, no native code. */
  readonly permissions?: { readonly read: readonly string[]; readonly write: readonly string[] };
}

/** How a life ended, told once and for certain. */
export interface ExitReport {
  /** `bye`: asked to stop, and did. `normal`: ended by itself with a farewell. All others are failures. */
  readonly kind:
    | "bye"
    | "normal"
    | "error"
    | "exit"
    | "signal"
    | "unresponsive"
    | "killed"
    | "lost_host"
    | "start_failed";
  readonly code: string;
  readonly message: string;
  readonly exitCode?: number;
  readonly signal?: string;
}

/** What a ready child tells of itself, repeatedly. */
export interface Vitals {
  readonly heartbeatAgeMs: number;
  readonly eventLoopP99Ms?: number;
  readonly heapBytes?: number;
  readonly rssBytes?: number;
}
