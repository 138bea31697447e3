/** How a life ended, told from what was seen of it: the table of deaths (docs: how actors die) as one pure function. */
import type { ExitReport } from "../spec.ts";

export interface ExitFacts {
  /** What `start` was rejected with by the child itself. */
  readonly startFailure?: { readonly code: string; readonly message: string } | undefined;
  readonly wasAskedToStop: boolean;
  readonly wasKilled: boolean;
  readonly saidBye: boolean;
  /** The control channel was closed while the child lived on. */
  readonly closedPort: boolean;
  /** An uncaught error: a thread's `error` event, or the last words of a process. */
  readonly error?: { readonly code?: string | undefined; readonly message: string } | undefined;
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
}

/** Exit codes of a process that aborted or crashed, when a shell or setpriv hands the signal on as 128 + n. */
const ABORT_EXIT_CODES: ReadonlySet<number> = new Set([132, 134, 139]);
const ABORT_SIGNALS: ReadonlySet<string> = new Set(["SIGABRT", "SIGSEGV", "SIGBUS", "SIGILL", "SIGTRAP"]);

export function classifyExit(facts: ExitFacts): ExitReport {
  const seen = {
    ...(facts.exitCode === undefined ? {} : { exitCode: facts.exitCode }),
    ...(facts.signal === undefined ? {} : { signal: facts.signal }),
  };
  const { error } = facts;
  if (facts.startFailure !== undefined) return { kind: "start_failed", ...facts.startFailure, ...seen };
  // Exit code 0 after a request counts as a farewell; without one it does not: a thread whose port was closed exits with 0.
  if (facts.wasAskedToStop && (facts.saidBye || facts.exitCode === 0)) {
    return { kind: "bye", code: "", message: "stopped as asked", ...seen };
  }
  if (facts.saidBye && facts.exitCode === 0) {
    return { kind: "normal", code: "", message: "finished its work", ...seen };
  }
  if (facts.wasKilled) return { kind: "killed", code: "SUPERVISOR_KILLED", message: "killed", ...seen };
  if (facts.closedPort) {
    return { kind: "exit", code: "SUPERVISOR_CLOSED_PORT", message: "closed its control channel", ...seen };
  }
  if (error?.code === "ERR_WORKER_OUT_OF_MEMORY") {
    return { kind: "error", code: "SUPERVISOR_OUT_OF_MEMORY", message: error.message, ...seen };
  }
  if (isAbort(facts)) {
    const message = error?.message ?? `aborted (${facts.signal ?? facts.exitCode})`;
    return { kind: "signal", code: "SUPERVISOR_CHILD_ABORTED", message, ...seen };
  }
  if (facts.signal !== undefined) {
    return {
      kind: "signal",
      code: "SUPERVISOR_CHILD_SIGNALLED",
      message: `ended by ${facts.signal}`,
      ...seen,
    };
  }
  if (error !== undefined) {
    return { kind: "error", code: error.code ?? "SUPERVISOR_CHILD_THREW", message: error.message, ...seen };
  }
  const message = `ended with exit code ${facts.exitCode ?? "unknown"} and no farewell`;
  return { kind: "exit", code: "SUPERVISOR_CHILD_EXITED", message, ...seen };
}

function isAbort({ signal, exitCode }: ExitFacts): boolean {
  if (signal !== undefined) return ABORT_SIGNALS.has(signal);
  return exitCode !== undefined && ABORT_EXIT_CODES.has(exitCode);
}
