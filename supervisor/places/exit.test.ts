import { describe, expect, test } from "vitest";
import { classifyExit, type ExitFacts } from "./exit.ts";

const nothing: ExitFacts = { wasAskedToStop: false, wasKilled: false, saidBye: false, closedPort: false };

describe("how a life ended", () => {
  test.each<[string, Partial<ExitFacts>, string, string]>([
    ["asked, and said farewell", { wasAskedToStop: true, saidBye: true, exitCode: 0 }, "bye", ""],
    ["asked, and exit code 0", { wasAskedToStop: true, exitCode: 0 }, "bye", ""],
    [
      "asked, but crashed on the way",
      { wasAskedToStop: true, exitCode: 3 },
      "exit",
      "SUPERVISOR_CHILD_EXITED",
    ],
    [
      "asked, then killed",
      { wasAskedToStop: true, wasKilled: true, signal: "SIGKILL" },
      "killed",
      "SUPERVISOR_KILLED",
    ],
    ["unasked, with farewell", { saidBye: true, exitCode: 0 }, "normal", ""],
    ["unasked, exit code 0 and no farewell", { exitCode: 0 }, "exit", "SUPERVISOR_CHILD_EXITED"],
    ["unasked exit code 7", { exitCode: 7 }, "exit", "SUPERVISOR_CHILD_EXITED"],
    ["an uncaught error", { error: { message: "x" }, exitCode: 1 }, "error", "SUPERVISOR_CHILD_THREW"],
    ["an error with a code", { error: { code: "ODD", message: "x" }, exitCode: 1 }, "error", "ODD"],
    [
      "a thread's heap at its limit",
      { error: { code: "ERR_WORKER_OUT_OF_MEMORY", message: "x" }, exitCode: 1 },
      "error",
      "SUPERVISOR_OUT_OF_MEMORY",
    ],
    ["abort by signal", { signal: "SIGABRT" }, "signal", "SUPERVISOR_CHILD_ABORTED"],
    ["abort by exit code", { exitCode: 134 }, "signal", "SUPERVISOR_CHILD_ABORTED"],
    ["SIGKILL from outside", { signal: "SIGKILL" }, "signal", "SUPERVISOR_CHILD_SIGNALLED"],
    ["a closed channel", { closedPort: true, signal: "SIGKILL" }, "exit", "SUPERVISOR_CLOSED_PORT"],
    [
      "a refused start",
      { startFailure: { code: "ODD", message: "x" }, exitCode: 1, wasKilled: true },
      "start_failed",
      "ODD",
    ],
  ])("%s", (_name, facts, kind, code) => {
    expect(classifyExit({ ...nothing, ...facts })).toMatchObject({ kind, code });
  });
});
