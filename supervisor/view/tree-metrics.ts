/** The supervisor's own instruments, in Prometheus text: how each child is, as the tree shows it. */
import { CHILD_STATES, type ChildStatus } from "../../bus/contracts/supervisor.ts";

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter";
  readonly samples: (child: ChildStatus) => readonly (readonly [labels: string, value: number])[];
}

const one = (child: ChildStatus, value: number | undefined) =>
  value === undefined ? [] : [[label("actor", child.id), value] as const];

const FAMILIES: readonly Family[] = [
  {
    name: "troupe_actor_state",
    help: "1 for the state that the actor is in.",
    type: "gauge",
    samples: (child) =>
      CHILD_STATES.map(
        (state) =>
          [`${label("actor", child.id)},${label("state", state)}`, state === child.state ? 1 : 0] as const,
      ),
  },
  {
    name: "troupe_actor_restarts_total",
    help: "How often the actor was started again after a failure.",
    type: "counter",
    samples: (child) => one(child, child.restarts),
  },
  {
    name: "troupe_actor_heartbeat_age_seconds",
    help: "Age of the last sign of life.",
    type: "gauge",
    samples: (child) => one(child, seconds(child.heartbeatAgeMs)),
  },
  {
    name: "troupe_actor_eventloop_p99_seconds",
    help: "99th percentile of the event loop's delay.",
    type: "gauge",
    samples: (child) => one(child, seconds(child.eventLoopP99Ms)),
  },
  {
    name: "troupe_actor_heap_bytes",
    help: "JavaScript heap in use.",
    type: "gauge",
    samples: (child) => one(child, child.heapBytes),
  },
  {
    name: "troupe_actor_resident_bytes",
    help: "Resident memory of the actor's process.",
    type: "gauge",
    samples: (child) => one(child, child.rssBytes),
  },
];

export function treeMetrics(root: ChildStatus): string {
  const children = flat(root);
  return FAMILIES.map(({ name, help, type, samples }) => {
    const lines = children.flatMap(samples).map(([labels, value]) => `${name}{${labels}} ${value}\n`);
    return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
  }).join("");
}

function flat(child: ChildStatus): ChildStatus[] {
  return [child, ...child.children.flatMap(flat)];
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1_000;
}

function label(name: string, value: string): string {
  return `${name}="${value.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n")}"`;
}
