/** Steps read off the tree: each begin and end told once. */
import { expect, test } from "vitest";
import type { ChildState, ChildStatus } from "../../bus/contracts/supervisor.ts";
import { StepReader } from "./steps.ts";

function child(id: string, state: ChildState, changes: Partial<ChildStatus> = {}): ChildStatus {
  return {
    id,
    kind: "actor",
    state,
    placement: "here",
    critical: false,
    restarts: 0,
    doors: [],
    children: [],
    ...changes,
  };
}

test("a start and a stop are told once each, with the time they took", () => {
  const reader = new StepReader();
  const looks: [number, ChildState][] = [
    [0, "backoff"],
    [10, "starting"],
    [20, "starting"],
    [150, "ready"],
    [900, "degraded"],
    [1_000, "stopping"],
    [1_030, "stopped"],
  ];

  const steps = looks.flatMap(([atMs, state]) => reader.read([child("bus", state)], atMs));

  expect(steps).toEqual([
    { what: "bus", phase: "begin", verb: "start" },
    { what: "bus", phase: "done", verb: "start", tookMs: 140, detail: "here" },
    { what: "bus", phase: "begin", verb: "stop" },
    { what: "bus", phase: "done", verb: "stop", tookMs: 30 },
  ]);
});

test("a restart that goes from stopping to starting at once is an end and a beginning", () => {
  const reader = new StepReader();
  for (const state of ["starting", "ready", "stopping"] as const) reader.read([child("bus", state)], 0);

  expect(reader.read([child("bus", "starting")], 7)).toEqual([
    { what: "bus", phase: "done", verb: "stop", tookMs: 7 },
    { what: "bus", phase: "begin", verb: "start" },
  ]);
});

test("a new failure is told with its words, an old one is not told again", () => {
  const reader = new StepReader();
  const lastError = { at: "2026-01-01T00:00:00.000Z", code: "A_B", message: "it broke" };
  reader.read([child("bus", "ready")], 0);

  expect(reader.read([child("bus", "backoff", { lastError })], 1)).toEqual([
    { what: "bus", phase: "failed", verb: "start", detail: "A_B: it broke" },
  ]);
  expect(reader.read([child("bus", "backoff", { lastError })], 2)).toEqual([]);
});

test("children of children are seen", () => {
  const reader = new StepReader();

  const steps = reader.read([child("stage", "ready", { children: [child("gateway", "starting")] })], 0);

  expect(steps).toEqual([{ what: "gateway", phase: "begin", verb: "start" }]);
});
