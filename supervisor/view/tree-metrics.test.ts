/** The tree as Prometheus text. */
import { expect, test } from "vitest";
import type { ChildStatus } from "../../bus/contracts/supervisor.ts";
import { treeMetrics } from "./tree-metrics.ts";

const gateway: ChildStatus = {
  id: 'gate"way',
  kind: "actor",
  state: "parked",
  placement: "here",
  critical: false,
  restarts: 3,
  heartbeatAgeMs: 1_500,
  doors: [],
  children: [],
};

test("each family is declared once, with a sample for every child that has the figure", () => {
  const text = treeMetrics({ ...gateway, id: "root", state: "ready", heapBytes: 7, children: [gateway] });

  expect(text.match(/# TYPE troupe_actor_state gauge/g)).toHaveLength(1);
  expect(text).toContain('troupe_actor_state{actor="root",state="ready"} 1\n');
  expect(text).toContain('troupe_actor_state{actor="gate\\"way",state="parked"} 1\n');
  expect(text).toContain('troupe_actor_state{actor="gate\\"way",state="ready"} 0\n');
  expect(text).toContain('troupe_actor_restarts_total{actor="gate\\"way"} 3\n');
  expect(text).toContain('troupe_actor_heartbeat_age_seconds{actor="gate\\"way"} 1.5\n');
  expect(text.match(/^troupe_actor_heap_bytes\{/gm)).toHaveLength(1);
});
