/** The tree on a terminal: fits its width, tells what matters, and lets nobody draw on the screen. */
import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import type { ChildStatus } from "../../bus/contracts/supervisor.ts";
import { childStatus, treeOf as plainTree } from "../../tests/harness/cli/tree.ts";
import { paintFor, plainPaint } from "./terminal.ts";
import { renderTree } from "./tree-view.ts";

const NOW = Date.parse("2026-01-01T01:02:03.000Z");

const FIGURES = { uptimeMs: 3_723_000, eventLoopP99Ms: 11.6, heapBytes: 18_300_000 };

const child = (id: string, changes: Partial<ChildStatus> = {}) =>
  childStatus(id, { placement: "process 4243", ...FIGURES, ...changes });

const treeOf = (children: ChildStatus[]) =>
  plainTree(children, { kind: "supervisor", placement: "process 4242", ...FIGURES });

const gateway = child("gateway", {
  placement: "thread 3 of stage (4243)",
  restarts: 2,
  doors: [{ name: "http", address: "http://127.0.0.1:8080", doc: "the live page" }],
  lastError: { at: "2026-01-01T01:01:03.000Z", code: "SUPERVISOR_CHILD_EXITED", message: "it ended" },
});

test("is drawn with branches, doors and the last error", () => {
  const tree = treeOf([
    child("bus", { kind: "bus" }),
    child("stage", { kind: "stage", children: [gateway] }),
  ]);

  const lines = renderTree(tree, { width: 100, paint: plainPaint, nowMs: NOW });

  expect(lines).toEqual([
    "troupe 0.1.0 · regtest · box · process 4242 · up 1h 02m · ready",
    "bus  embedded nats://127.0.0.1:40123 up",
    "data /srv/troupe",
    "",
    "ACTOR          STATE              UP  RESTARTS      P99     HEAP  WHERE",
    "root           ready          1h 02m         0    12 ms    18 MB  process 4242",
    "├─ bus         ready          1h 02m         0    12 ms    18 MB  process 4243",
    "└─ stage       ready          1h 02m         0    12 ms    18 MB  process 4243",
    "   └─ gateway  ready          1h 02m         2    12 ms    18 MB  thread 3 of stage (4243)",
    "        http://127.0.0.1:8080  the live page",
    "        1m 00s ago: SUPERVISOR_CHILD_EXITED: it ended",
  ]);
});

test.each([40, 60, 80, 120])("no line is wider than a terminal of %i columns", (width) => {
  const long = child("gateway", {
    placement: "thread 3 of stage (4243)",
    state: "backoff",
    nextRestartInMs: 12_000,
    progress: "x".repeat(200),
    lastError: { at: "2026-01-01T01:01:03.000Z", code: "A_B", message: "m".repeat(500) },
    doors: [{ name: "http", address: `http://${"a".repeat(200)}` }],
  });

  const lines = renderTree(treeOf([child("stage", { children: [long] })]), {
    width,
    paint: paintFor({ isTTY: true }, {}),
    nowMs: NOW,
  });

  for (const line of lines) expect([...stripVTControlCharacters(line)].length).toBeLessThanOrEqual(width);
});

test("what a door is for is told to the end on a narrow terminal, and what is a page long is cut", () => {
  const doc = "The live page, /healthz, /readyz and /metrics, for whoever watches.";
  const wordy = child("gateway", {
    doors: [{ name: "http", address: "http://127.0.0.1:8080", doc }],
    progress: "word ".repeat(100).trim(),
  });

  const lines = renderTree(treeOf([wordy]), { width: 60, paint: plainPaint, nowMs: NOW });

  const below = lines.slice(7).map((line) => line.trim());
  expect(below).toHaveLength(5);
  expect(below[2]).toMatch(/^word .*…$/);
  expect(below.slice(3).join(" ")).toBe(`http://127.0.0.1:8080 ${doc}`);
});

test("a narrow terminal keeps the state and loses the details", () => {
  const text = renderTree(treeOf([gateway]), { width: 40, paint: plainPaint, nowMs: NOW }).join("\n");

  expect(text).toContain("STATE");
  expect(text).not.toContain("HEAP");
});

test("an actor's words cannot move the cursor or add lines", () => {
  const evil = child("gateway", { progress: "50 %\u001b[2J\nroot dead\u202e" });

  const text = renderTree(treeOf([evil]), { width: 100, paint: plainPaint, nowMs: NOW }).join("|");

  expect(text).toContain("50 %\\u001b[2J\\nroot dead\\u202e");
  expect(text).not.toMatch(/[\u001b\n\u202e]/);
});

test("colours are for terminals whose owner has not said no", () => {
  expect(paintFor({ isTTY: true }, {})("good", "x")).toContain("\u001b[");
  expect(paintFor({ isTTY: true }, { NO_COLOR: "1" })("good", "x")).toBe("x");
  expect(paintFor({ isTTY: false }, {})("good", "x")).toBe("x");
  expect(paintFor({ isTTY: true }, { TERM: "dumb" })("good", "x")).toBe("x");
  expect(paintFor({ isTTY: false }, { FORCE_COLOR: "1" })("good", "x")).toContain("\u001b[");
});
