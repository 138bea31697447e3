/** How a tree of supervisors is described, what it needs from outside, and what can be read off its status. */

import type { LoggedLine } from "../bus/child/controlled.ts";
import type { ChildReport, ChildState, ChildStatus } from "../bus/contracts/supervisor.ts";
import type { Clock } from "../runtime/clock.ts";
import type { ChildSpec } from "./child.ts";
import type { ExitReport, Intensity, Strategy } from "./spec.ts";

export interface SupervisorSpec {
  readonly id: string;
  /** `simple_one_for_one`: children come and go with `startChild`, and are stopped all at once. */
  readonly strategy: Strategy | "simple_one_for_one";
  readonly children: readonly (ChildSpec | NestedSpec)[];
  /** How often critical children may reach their own limit before this supervisor gives up. */
  readonly intensity: Intensity;
  /** Ends the supervisor when one, or the last, significant child has ended by itself. */
  readonly autoShutdown?: "never" | "any_significant" | "all_significant";
}

/** A supervisor as a child of another one. Its own children bound its times. */
export interface NestedSpec
  extends Pick<ChildSpec, "id" | "restart" | "critical" | "significant" | "backoff" | "dependsOn"> {
  readonly kind: "supervisor";
  readonly supervisor: Omit<SupervisorSpec, "id">;
  /** How often it may fail as a whole; SUBTREE_INTENSITY unless told. */
  readonly intensity?: Intensity;
}

/** What a tree needs from outside and tells to outside. */
export interface SupervisorHooks {
  readonly clock: Clock;
  /** 0 to 1; the jitter of the back-off. */
  readonly random: () => number;
  /** How often heartbeats are looked at. */
  readonly pollMs: number;
  /** OTP's five reports. */
  report(report: ChildReport): void;
  /** Something that `status` shows has changed. */
  changed(): void;
  logged(child: string, line: LoggedLine): void;
  warned(child: string, code: string, message: string): void;
}

/** True when every critical child, at any depth, can do its work. */
export function everyCriticalReady(statuses: readonly ChildStatus[]): boolean {
  return statuses.every((status) => {
    if (!status.critical || status.state === "off" || status.state === "elsewhere") return true;
    return status.state === "ready" && everyCriticalReady(status.children);
  });
}

/** Every id at any depth. */
export function namesIn(statuses: readonly ChildStatus[]): string[] {
  return statuses.flatMap((status) => [status.id, ...namesIn(status.children)]);
}

export type SupervisorPhase = "new" | "booting" | "running" | "ending" | "ended";

const SUPERVISOR_STATE: Readonly<Record<SupervisorPhase, ChildState>> = Object.freeze({
  new: "stopped",
  booting: "starting",
  running: "ready",
  ending: "stopping",
  ended: "stopped",
});

/** A report's code and words in one line. */
export function reasonOf(report: ExitReport): string {
  return `${report.code || report.kind}: ${report.message}`.slice(0, 500);
}

/** How a supervisor of this process shows itself; `life` is undefined before its start. */
export function supervisorStatus(
  id: string,
  phase: SupervisorPhase,
  life: { readonly startedAtMs: number; readonly upMs: number } | undefined,
  children: ChildStatus[],
): ChildStatus {
  return {
    id,
    kind: "supervisor",
    state: SUPERVISOR_STATE[phase],
    placement: `process ${process.pid}`,
    pid: process.pid,
    critical: true,
    startedAt: life === undefined ? undefined : new Date(life.startedAtMs).toISOString(),
    uptimeMs: life?.upMs,
    restarts: 0,
    doors: [],
    children,
  };
}
