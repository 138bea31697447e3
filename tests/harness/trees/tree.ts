/** A tree of real children for tests: made of the compiled program, watched through its reports. */

import type { LoggedLine } from "../../../bus/child/controlled.ts";
import type { ChildReport, ChildStatus } from "../../../bus/contracts/supervisor.ts";
import { systemClock } from "../../../runtime/clock.ts";
import type { ChildSpec } from "../../../supervisor/child.ts";
import type { Launch, Life } from "../../../supervisor/life.ts";
import type { Supervisor } from "../../../supervisor/supervisor.ts";
import type { SupervisorSpec } from "../../../supervisor/tree.ts";
import { built } from "../built.ts";

/** Short waits, so that a test sees many lives; the rules are the same. */
export const QUICK_BACKOFF = Object.freeze({
  firstMs: 50,
  maxMs: 400,
  healthyMs: 60_000,
  consecutiveMax: 1_000,
});
const GIVE_UP_MS = 60_000;

export function childSpec(id: string, launch: Launch, changes: Partial<ChildSpec> = {}): ChildSpec {
  return {
    id,
    kind: "actor",
    restart: "permanent",
    critical: false,
    startTimeoutMs: 20_000,
    shutdown: { politeMs: 2_000, termMs: 4_000 },
    heartbeat: { warnMs: 4_000, deadMs: 5_000 },
    intensity: { count: 1_000, periodMs: 1_000 },
    backoff: QUICK_BACKOFF,
    launch,
    ...changes,
  };
}

export class TestTree {
  readonly supervisor: Supervisor;
  readonly reports: ChildReport[];
  readonly warnings: string[];
  readonly logged: (LoggedLine & { child: string })[];
  /** The present life of each child, to be broken by a test. */
  readonly lives: Map<string, Life>;
  /** Called at each report, beside its being kept. */
  onReport: (report: ChildReport) => void = () => {};

  private constructor(parts: Pick<TestTree, "supervisor" | "reports" | "warnings" | "logged" | "lives">) {
    this.supervisor = parts.supervisor;
    this.reports = parts.reports;
    this.warnings = parts.warnings;
    this.logged = parts.logged;
    this.lives = parts.lives;
  }

  static async start(
    children: readonly ChildSpec[],
    options: Partial<SupervisorSpec> = {},
  ): Promise<TestTree> {
    const { createSupervisor } =
      await built<typeof import("../../../supervisor/supervisor.ts")>("supervisor/supervisor.js");
    const reports: ChildReport[] = [];
    const warnings: string[] = [];
    const logged: (LoggedLine & { child: string })[] = [];
    const lives = new Map<string, Life>();
    const watched = children.map((spec): ChildSpec => {
      const { launch } = spec;
      if (typeof launch === "string") return spec;
      return {
        ...spec,
        launch(events) {
          const life = launch(events);
          lives.set(spec.id, life);
          return life;
        },
      };
    });
    const supervisor = createSupervisor(
      {
        id: "top",
        strategy: "one_for_one",
        intensity: { count: 3, periodMs: 300_000 },
        children: watched,
        ...options,
      },
      {
        clock: systemClock,
        random: Math.random,
        pollMs: 250,
        report(report) {
          reports.push(report);
          tree.onReport(report);
        },
        changed: () => {},
        logged: (child, line) => logged.push({ child, ...line }),
        warned: (child, code) => warnings.push(`${child} ${code}`),
      },
    );
    const tree: TestTree = new TestTree({ supervisor, reports, warnings, logged, lives });
    await supervisor.start();
    return tree;
  }

  status(id: string): ChildStatus {
    const search = (statuses: readonly ChildStatus[]): ChildStatus | undefined =>
      statuses.find((status) => status.id === id) ??
      statuses.map((status) => search(status.children)).find((found) => found !== undefined);
    const found = search(this.supervisor.statuses());
    if (found === undefined) throw new Error(`no child ${id} in the tree`);
    return found;
  }

  life(id: string): Life {
    const life = this.lives.get(id);
    if (life === undefined) throw new Error(`${id} has never been launched`);
    return life;
  }

  /** Bounded, generous; a test that waits in vain says what it waited for and how the tree stood. */
  async until(what: string, isSo: () => boolean): Promise<void> {
    await until(what, isSo, () => JSON.stringify(this.supervisor.statuses(), null, 1));
  }

  async backAfter(id: string, life: Life): Promise<void> {
    await this.until(`${id} is back`, () => this.lives.get(id) !== life && this.status(id).state === "ready");
  }
}

/** Tells a child that breaks when it is suspended to do so. On a busy machine it is dead before its answer has left. */
export async function breakNow(life: Life): Promise<void> {
  await life.suspend().catch(() => {});
}

export async function until(what: string, isSo: () => boolean, tell: () => string = () => ""): Promise<void> {
  const deadlineMs = performance.now() + GIVE_UP_MS;
  while (!isSo()) {
    if (performance.now() > deadlineMs) throw new Error(`waited in vain until ${what}\n${tell()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** True while a process with this number exists and is not a zombie. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // No such process.
    return false;
  }
}
