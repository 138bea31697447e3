/** Launches a child as a worker thread of this process. */
import { Worker } from "node:worker_threads";
import type { Clock } from "../../runtime/clock.ts";
import { threadPort } from "../../runtime/control.ts";
import { BeatWatch, createBeat } from "../../runtime/heartbeat.ts";
import type { Launch, LifeEvents } from "../life.ts";
import { ControlledLife } from "./controlled-life.ts";
import { OutputTap } from "./output.ts";

export interface ThreadPlan {
  readonly id: string;
  /** The compiled entry, such as `worker.js`. */
  readonly entry: URL;
  /** Made anew for each life. It travels over the control port, never in argv or environment. */
  readonly boot: () => unknown;
  readonly startTimeoutMs: number;
  /** A courtesy, not a bulkhead: one growing array still aborts the whole process. */
  readonly heapMb?: number;
  readonly clock: Clock;
}

export interface ThreadLife {
  readonly life: ControlledLife;
  readonly threadId: number;
}

export function threadLaunch(plan: ThreadPlan): Launch {
  return (events) => launchThread(plan, plan.boot(), events).life;
}

/** Starts the thread now. Its environment is empty: what it needs to know is in `boot`. */
export function launchThread(plan: Omit<ThreadPlan, "boot">, boot: unknown, events: LifeEvents): ThreadLife {
  const beat = createBeat();
  const worker = new Worker(plan.entry, {
    name: plan.id,
    workerData: { beat },
    env: {},
    argv: [],
    execArgv: [],
    stdout: true,
    stderr: true,
    ...(plan.heapMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: plan.heapMb } }),
  });
  const { threadId } = worker;
  const watch = new BeatWatch(beat, plan.clock);
  const output = new OutputTap(plan.clock, events.logged);
  output.read(worker.stdout, "info");
  output.read(worker.stderr, "warn");
  let error: { code?: string; message: string } | undefined;
  const terminate = () => {
    // May stay pending for ever when the thread sits in native code; the exit event is what counts.
    void worker.terminate().catch(() => {});
  };
  const life = new ControlledLife({
    vessel: {
      port: threadPort(worker),
      pid: process.pid,
      placement: () => `thread ${threadId} of process ${process.pid}`,
      beatAgeMs: () => watch.ageMs(),
      term: terminate,
      kill: terminate,
      // Only the end of the whole process would help; the supervisor tells of it.
      abandon: () => {},
    },
    boot,
    events,
    clock: plan.clock,
    startTimeoutMs: plan.startTimeoutMs,
  });
  worker.on("error", (thrown: unknown) => {
    error = describe(thrown);
  });
  // A message that cannot be read is a call that will meet its deadline.
  worker.on("messageerror", () => {});
  worker.on("exit", (exitCode) => life.end({ error, exitCode }));
  return { life, threadId };
}

function describe(thrown: unknown): { code?: string; message: string } {
  if (!(thrown instanceof Error)) return { message: `threw ${JSON.stringify(thrown)?.slice(0, 200)}` };
  const { code } = thrown as { code?: unknown };
  return { message: thrown.message, ...(typeof code === "string" ? { code } : {}) };
}
