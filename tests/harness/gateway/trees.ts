/** Trees as a supervisor would tell them, for tests of those who read them. */
import type { ChildState, ChildStatus, Tree } from "../../../bus/contracts/supervisor.ts";

export function childOf(id: string, state: ChildState, more: Partial<ChildStatus> = {}): ChildStatus {
  return {
    id,
    kind: "actor",
    state,
    placement: "thread 3 of stage (4243)",
    critical: false,
    restarts: 0,
    doors: [],
    children: [],
    ...more,
  };
}

/** A tree whose root has these children; it is ready when every critical one is. */
export function treeOf(children: ChildStatus[], more: Partial<Tree> = {}): Tree {
  return {
    host: "box",
    version: "0.1.0",
    network: "regtest",
    pid: 4242,
    startedAt: "2026-01-01T00:00:00.000Z",
    dataDirectory: "~/.troupe",
    bus: { mode: "memory", address: "memory", up: true, jetstream: false },
    ready: children.every(({ critical, state }) => !critical || state === "ready"),
    root: childOf("root", "ready", { kind: "supervisor", placement: "process 4242", children }),
    ...more,
  };
}
