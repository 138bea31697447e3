/** Who is killed and how: the draw, and the blow. */
import type { DummyTree } from "../harness/trees/dummy-tree.ts";

export type Place = "thread" | "process" | "stage" | "bus";
export type Means = "terminate" | "sigkill" | "throw" | "rejection" | "exit" | "loop";

export interface Member {
  readonly id: string;
  readonly place: Place;
  /** The stage that a thread lives in. */
  readonly stage?: string;
}

export interface Kill {
  readonly member: Member;
  readonly means: Means;
}

/** How often each kill is drawn, of 1000. An endless loop is seen by its missing heartbeat only, and burns a core until then. */
const SHARES: readonly (readonly [place: Place, means: Means, share: number])[] = [
  ["thread", "terminate", 140],
  ["thread", "throw", 128],
  ["thread", "rejection", 60],
  ["thread", "exit", 90],
  ["thread", "loop", 2],
  ["process", "sigkill", 140],
  ["process", "throw", 68],
  ["process", "rejection", 50],
  ["process", "exit", 60],
  ["process", "loop", 2],
  ["stage", "sigkill", 60],
  ["bus", "terminate", 200],
];

const ORDER_DEADLINE_MS = 1_000;

/** What is to be done, and to which place; the member is found when there is one that stands. */
export function drawBlow(random: () => number): { place: Place; means: Means } {
  let left = random() * SHARES.reduce((sum, [, , share]) => sum + share, 0);
  const [place, means] = SHARES.find(([, , share]) => {
    left -= share;
    return left < 0;
  }) as (typeof SHARES)[number];
  return { place, means };
}

/** Resolves when the blow has been dealt; the death follows. */
export async function strike(troupe: DummyTree, { member, means }: Kill): Promise<void> {
  const life = troupe.tree.life(member.id);
  if (means === "terminate") life.kill();
  else if (means === "sigkill") process.kill(life.pid as number, "SIGKILL");
  // When the order does not arrive, because the bus is down, the member is killed all the same.
  else
    await troupe
      .client(member.id)
      .break({ how: means }, { deadlineMs: ORDER_DEADLINE_MS })
      .catch(() => life.kill());
}
