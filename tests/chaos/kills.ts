/** Who is killed how, and how long it takes until it is back. */
import { performance } from "node:perf_hooks";
import type { DummyTree } from "../harness/trees/dummy-tree.ts";
import { until } from "../harness/trees/tree.ts";

export type Place = "thread" | "process" | "stage" | "bus";
export type Means = "terminate" | "sigkill" | "throw" | "rejection" | "exit" | "loop";

export interface Kill {
  readonly member: string;
  readonly place: Place;
  readonly means: Means;
}

/** How often each kill is drawn, of 100. An endless loop is seen by its missing heartbeat only, which takes seconds. */
const SHARES: readonly (readonly [place: Place, means: Means, share: number])[] = [
  ["thread", "terminate", 12],
  ["thread", "throw", 12],
  ["thread", "rejection", 6],
  ["thread", "exit", 9],
  ["thread", "loop", 1],
  ["process", "sigkill", 18],
  ["process", "throw", 8],
  ["process", "rejection", 6],
  ["process", "exit", 7],
  ["process", "loop", 1],
  ["stage", "sigkill", 8],
  ["bus", "terminate", 12],
];

export interface Members {
  readonly threads: readonly string[];
  readonly processes: readonly string[];
}

export function drawKill(random: () => number, members: Members): Kill {
  let left = random() * SHARES.reduce((sum, [, , share]) => sum + share, 0);
  const [place, means] = SHARES.find(([, , share]) => {
    left -= share;
    return left < 0;
  }) as (typeof SHARES)[number];
  const candidates = { thread: members.threads, process: members.processes, stage: ["stage"], bus: ["bus"] }[
    place
  ];
  return { member: candidates[Math.floor(random() * candidates.length)] as string, place, means };
}

/** Kills, waits until all that died with it is ready again, and says in how many milliseconds from the death. */
export async function killAndWait(troupe: DummyTree, kill: Kill): Promise<number> {
  const { tree } = troupe;
  const { member, means } = kill;
  const life = tree.life(member);
  let diedMs = performance.now();
  let readyMs: number | undefined;
  let hasEnded = false;
  tree.onReport = (report) => {
    if (report.child !== member) return;
    if (report.report === "child_terminated") {
      hasEnded = true;
      // A loop is no death yet: the clock runs from the moment at which the supervisor has ended it.
      if (means === "loop") diedMs = performance.now();
    } else if (report.report === "progress" && hasEnded) readyMs ??= performance.now();
  };
  if (means === "terminate") life.kill();
  else if (means === "sigkill") process.kill(life.pid as number, "SIGKILL");
  else {
    // When the order does not arrive the member is killed all the same.
    await troupe
      .client(member)
      .break({ how: means })
      .catch(() => life.kill());
    if (means !== "loop") diedMs = performance.now();
  }
  await tree.until(`${member} is back after ${means}`, () => readyMs !== undefined);
  await tree.until("all are ready", () =>
    tree.supervisor.statuses().every((status) => status.state === "ready"),
  );
  if (kill.place === "bus") await until("the driver is connected", () => troupe.driver.isUp);
  return (readyMs as unknown as number) - diedMs;
}
