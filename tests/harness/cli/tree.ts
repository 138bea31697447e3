/** A troupe's tree as commands get it to show, made by hand: one host whose children a test says. */
import type { ChildStatus, Tree } from "../../../bus/contracts/supervisor.ts";

/** An actor that is ready, and nothing else to tell of it. */
export function childStatus(id: string, changes: Partial<ChildStatus> = {}): ChildStatus {
  return {
    ...{ id, kind: "actor", state: "ready", placement: "here", critical: false, restarts: 0 },
    ...{ doors: [], children: [], ...changes },
  };
}

export function treeOf(children: ChildStatus[], root: Partial<ChildStatus> = {}): Tree {
  return {
    host: "box",
    version: "0.1.0",
    network: "regtest",
    pid: 4242,
    startedAt: "2026-01-01T00:00:00.000Z",
    dataDirectory: "/srv/troupe",
    bus: { mode: "embedded", address: "nats://127.0.0.1:40123", up: true, jetstream: false },
    ready: true,
    root: childStatus("root", { ...root, children }),
  };
}
