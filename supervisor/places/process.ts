/** Launches a child as a process of its own: nothing inherited but the control channel, and gone when we are. */
import { type ChildProcess, fork } from "node:child_process";
import { existsSync, mkdirSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { boundToUs } from "../../runtime/bound-program.ts";
import type { Clock } from "../../runtime/clock.ts";
import { processPort } from "../../runtime/control.ts";
import type { Launch, LifeEvents } from "../life.ts";
import { ControlledLife } from "./controlled-life.ts";
import { OutputTap } from "./output.ts";

export interface ProcessPlan {
  readonly id: string;
  /** The compiled entry, such as `worker.js`. */
  readonly entry: URL;
  /** Made anew for each life. It travels over the IPC channel, never in argv or environment: both are readable in /proc. */
  readonly boot: () => unknown;
  readonly startTimeoutMs: number;
  readonly heapMb?: number;
  /** Node's permission model: besides the program itself only these directories; no children, no threads, no native code. */
  readonly permissions?: { readonly read: readonly string[]; readonly write: readonly string[] };
  readonly clock: Clock;
  /** More methods that the child may call. */
  readonly alsoExposed?: object;
  readonly onPong?: (answer: unknown) => void;
}

/** A child that closes its channel but stays has so long to go by itself. */
const DISCONNECT_GRACE_MS = 500;
/** After its exit so long for the rest of its output, which a grandchild may hold open. */
const OUTPUT_GRACE_MS = 200;

export function processLaunch(plan: ProcessPlan): Launch {
  return (events) => launchProcess(plan, events);
}

export function launchProcess(plan: ProcessPlan, events: LifeEvents): ControlledLife {
  const { command, prefix } = boundToUs(process.execPath);
  const child = fork(fileURLToPath(plan.entry), [], {
    execPath: command,
    execArgv: [...prefix, ...nodeFlags(plan)],
    env: {},
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    serialization: "advanced",
  });
  const output = new OutputTap(plan.clock, events.logged);
  output.read(child.stdout, "info");
  output.read(child.stderr, "warn");
  const life = new ControlledLife({
    vessel: {
      port: processPort(child),
      pid: child.pid,
      placement: () => `process ${child.pid ?? "that did not start"}`,
      beatAgeMs: () => 0,
      term: () => child.kill("SIGTERM"),
      kill: () => child.kill("SIGKILL"),
      // SIGKILL has been sent; what is left sits in the kernel and ends when that lets it.
      abandon: () => {},
    },
    boot: plan.boot(),
    events,
    clock: plan.clock,
    startTimeoutMs: plan.startTimeoutMs,
    ...(plan.alsoExposed === undefined ? {} : { alsoExposed: plan.alsoExposed }),
    ...(plan.onPong === undefined ? {} : { onPong: plan.onPong }),
  });
  watch(child, life, output, plan.clock);
  return life;
}

function watch(child: ChildProcess, life: ControlledLife, output: OutputTap, clock: Clock): void {
  child.on("error", (error) => {
    // `error` also tells of a failed kill or send; only without a pid has nothing been started.
    if (child.pid === undefined) life.end({ error: { message: error.message } });
  });
  child.on("disconnect", () => {
    clock.after(DISCONNECT_GRACE_MS, () => life.portClosed(), { background: true });
  });
  child.on("exit", (exitCode, signal) => {
    const end = () => {
      const message = output.lastWords;
      life.end({
        error: message === undefined ? undefined : { message },
        exitCode: exitCode ?? undefined,
        signal: signal ?? undefined,
      });
    };
    const grace = clock.after(OUTPUT_GRACE_MS, end, { background: true });
    child.once("close", () => {
      grace.cancel();
      end();
    });
  });
}

function nodeFlags(plan: ProcessPlan): string[] {
  const flags: string[] = [];
  if (plan.heapMb !== undefined) flags.push(`--max-old-space-size=${plan.heapMb}`);
  if (plan.permissions !== undefined) {
    flags.push("--experimental-permission", "--disable-warning=ExperimentalWarning");
    for (const path of [...programPaths(), ...plan.permissions.read]) flags.push(`--allow-fs-read=${path}`);
    for (const path of plan.permissions.write) {
      // A path that does not exist yet would be taken for a file's, and what is in it be refused.
      mkdirSync(path, { recursive: true, mode: 0o700 });
      flags.push(`--allow-fs-write=${path}`);
    }
  }
  return flags;
}

/** What the program itself is read from: its compiled files and its packages, where they really lie. */
function programPaths(): string[] {
  const compiled = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
  const root = dirname(compiled);
  const paths = [compiled, join(root, "package.json"), join(root, "node_modules")].filter((path) =>
    existsSync(path),
  );
  return [...new Set(paths.flatMap((path) => [path, realpathSync(path)]))];
}
