/** One life of a child as its supervisor sees it: thread, process, stage, broker or a whole supervisor behind one face. */
import type { Readiness } from "../bus/actor.ts";
import type { LoggedLine } from "../bus/child/controlled.ts";
import type { ChildStatus, Door } from "../bus/contracts/supervisor.ts";
import type { ExitReport, Vitals } from "./spec.ts";

/** What a life tells unasked. */
export interface LifeEvents {
  report(readiness: Readiness, progress: string | undefined): void;
  doors(doors: readonly Door[]): void;
  logged(line: LoggedLine): void;
}

/** Nothing here throws. After a failed start the launcher ends the life by itself. */
export interface Life {
  /** `process 4242`, `thread 3 of stage (4243)`. */
  readonly placement: string;
  readonly pid: number | undefined;
  /** Resolves when the child can work; rejects when it could not start. */
  readonly started: Promise<unknown>;
  /** Resolves exactly once, and then nothing of this life is left. */
  readonly exited: Promise<ExitReport>;
  /** Asks it to stop; returns at once. */
  stop(): void;
  /** SIGTERM for a process; for a thread the same as `kill`. */
  term(): void;
  kill(): void;
  /** Called when it is still there after `kill`: the last means there is, such as ending its whole process. */
  abandon(): void;
  vitals(): Vitals;
  suspend(): Promise<void>;
  resume(): Promise<void>;
  metrics(): Promise<string>;
  /** Absent where a program of others writes the log. */
  logLevel?(level: string): Promise<boolean>;
  /** The children of a supervisor. */
  statuses?(): ChildStatus[];
}

export type Launch = (events: LifeEvents) => Life;

/** A process that holds threads; a child placed in it can be started only while it is up. */
export interface Host {
  readonly isUp: boolean;
  /** Calls `listener` each time the host comes up; returns the way out. */
  onUp(listener: () => void): () => void;
}

/** Whether a child did its work when asked: `unknown` (the bus is down, say) is held against nobody. */
export interface Probe {
  readonly intervalMs: number;
  readonly missesMax: number;
  ask(): Promise<"ok" | "miss" | "unknown">;
}

/** A supervisor as a life of its parent's child. Its own children bound its times, so it needs no clocks of its own. */
export function supervisorLife(supervisor: {
  start(): Promise<void>;
  stop(): Promise<void>;
  killAll(): void;
  readonly exited: Promise<ExitReport>;
  statuses(): ChildStatus[];
}): Life {
  return {
    placement: "supervisor",
    pid: undefined,
    started: supervisor.start(),
    exited: supervisor.exited,
    stop: () => void supervisor.stop(),
    term: () => supervisor.killAll(),
    kill: () => supervisor.killAll(),
    abandon: () => {},
    vitals: () => ({ heartbeatAgeMs: 0 }),
    suspend: () => Promise.resolve(),
    resume: () => Promise.resolve(),
    metrics: () => Promise.resolve(""),
    statuses: () => supervisor.statuses(),
  };
}
