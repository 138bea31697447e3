/** The child's end of the control channel: answers its parent from a thread or a forked process, and sees to it that it ends as it should. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import v8 from "node:v8";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { type Clock, systemClock } from "../../runtime/clock.ts";
import { ControlLink, type ControlPort, processPort, threadPort } from "../../runtime/control.ts";
import { startBeat } from "../../runtime/heartbeat.ts";
import type { Readiness } from "../actor.ts";
import type { Door } from "../contracts/supervisor.ts";
import {
  type ChildVitals,
  type ControlledChild,
  LOGGED_MESSAGE_MAX,
  type LoggedLine,
  type ParentSide,
  PROGRESS_MAX,
} from "./controlled.ts";

/** What a child does for a living. */
export interface ChildRole<B, R = void> {
  start(boot: B): Promise<R>;
  stop(): Promise<void>;
  suspend?(): Promise<void>;
  resume?(): Promise<void>;
  metrics?(): Promise<string>;
  logLevel?(level: string): Promise<void>;
  /** Writes down, synchronously, the error that is about to end the thread or process. */
  lastWords?(error: unknown): void;
  /** More facts for the answer to `ping`. */
  alsoPong?(): object;
}

/** The way to the parent. Nothing here throws: a parent that is gone hears nothing, and the child ends anyway. */
export interface ParentLine {
  report(readiness: Readiness, progress?: string): void;
  doors(doors: readonly Door[]): void;
  logged(line: LoggedLine): void;
  /** The work is done: stops, says farewell and ends. */
  finish(): void;
  /** Any other method that the parent exposes. */
  tell(method: string, ...parameters: unknown[]): void;
}

const TELL_DEADLINE_MS = 10_000;
const BYE_DEADLINE_MS = 2_000;
/** A child that ends by itself has nobody who watches over its stop. */
const FINISH_DEADLINE_MS = 30_000;
/** How long the answer to a failed start has to leave before the exit. */
const FAREWELL_MS = 50;
const LOOP_RESOLUTION_MS = 20;

/** Serves the parent until the end. `also` are more methods that the parent may call. */
export function serveParent<B, R>(make: (parent: ParentLine) => ChildRole<B, R>, also: object = {}): void {
  const place = findPlace();
  if (place === undefined) {
    process.stderr.write("This file is started by the supervisor. Start the whole with: supervisor start\n");
    process.exit(2);
  }
  const clock = systemClock;
  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  loop.enable();
  let stopping: Promise<void> | undefined;

  const tell = (method: string, ...parameters: unknown[]) => {
    const call = link.call as (method: string, parameters: unknown[], deadlineMs: number) => Promise<unknown>;
    // The parent is busy or gone; either way there is nobody to tell about it.
    call.call(link, method, parameters, TELL_DEADLINE_MS).catch(() => {});
  };
  const role = make({
    report: (readiness, progress) => tell("report", readiness, progress?.slice(0, PROGRESS_MAX)),
    doors: (doors) => tell("doors", doors),
    logged: (line) => tell("logged", { ...line, message: line.message.slice(0, LOGGED_MESSAGE_MAX) }),
    finish() {
      void stopAndLeave();
      const message = `it had finished and did not stop within ${FINISH_DEADLINE_MS} ms`;
      clock.after(FINISH_DEADLINE_MS, () => leaveWith(new Error(message)), { background: true });
    },
    tell,
  });

  /** Stop, farewell, exit; once, whoever asks. */
  function stopAndLeave(): Promise<void> {
    stopping ??= role.stop().then(async () => {
      // Without the farewell the end counts as a failure, which is the safe side.
      await link.call("bye", [], BYE_DEADLINE_MS).catch(() => {});
      setImmediate(() => process.exit(0));
    });
    stopping.catch((error: unknown) => leaveWith(error));
    return stopping;
  }

  function leaveWith(error: unknown): void {
    role.lastWords?.(error);
    clock.after(FAREWELL_MS, () => process.exit(1));
  }

  const child: ControlledChild<B, R> = {
    async start(boot) {
      try {
        return await role.start(boot);
      } catch (error) {
        leaveWith(error);
        throw error;
      }
    },
    stop: stopAndLeave,
    ping: () => Promise.resolve({ ...vitals(loop), ...role.alsoPong?.() }),
    suspend: async () => role.suspend?.(),
    resume: async () => role.resume?.(),
    metrics: async () => (await role.metrics?.()) ?? "",
    async logLevel(level) {
      await role.logLevel?.(level);
      return role.logLevel !== undefined;
    },
  };
  const link = new ControlLink<ParentSide>(place.port, "child", { ...child, ...also }, clock);
  if (place.beat !== undefined) startBeat(place.beat, clock);

  // Runs before Node's own handling, which then ends the thread (`error` event at the parent) or process (exit code 1).
  process.on("uncaughtExceptionMonitor", (error: unknown) => {
    role.lastWords?.(error);
    tell("logged", fatalLine(error, clock));
  });
  if (isMainThread) {
    // The parent died: nobody watches us any more.
    process.on("disconnect", () => process.exit(stopping === undefined ? 1 : 0));
    // The terminal sends SIGINT, and systemd SIGTERM, to the whole group. The parent stops us in its order.
    process.on("SIGINT", () => {});
    process.on("SIGTERM", () => {
      if (stopping !== undefined) process.exit(143);
    });
  }
}

function findPlace(): { port: ControlPort; beat?: SharedArrayBuffer } | undefined {
  if (!isMainThread && parentPort !== null) {
    const beat = (workerData as { beat?: unknown } | null)?.beat;
    return { port: threadPort(parentPort), ...(beat instanceof SharedArrayBuffer ? { beat } : {}) };
  }
  return process.send === undefined ? undefined : { port: processPort(process) };
}

function vitals(loop: ReturnType<typeof monitorEventLoopDelay>): ChildVitals {
  const p99Ms = loop.percentile(99) / 1e6 - LOOP_RESOLUTION_MS;
  loop.reset();
  return {
    eventLoopP99Ms: Number.isFinite(p99Ms) ? Math.max(0, Math.round(p99Ms * 10) / 10) : 0,
    heapBytes: v8.getHeapStatistics().used_heap_size,
    ...(isMainThread ? { rssBytes: process.memoryUsage.rss() } : {}),
  };
}

function fatalLine(error: unknown, clock: Clock): LoggedLine {
  const { code, message } =
    error instanceof Error ? (error as Error & { code?: unknown }) : { message: String(error) };
  return {
    level: "fatal",
    message: message.slice(0, LOGGED_MESSAGE_MAX),
    at: new Date(clock.now()).toISOString(),
    ...(typeof code === "string" ? { code: code.slice(0, 64) } : {}),
  };
}
