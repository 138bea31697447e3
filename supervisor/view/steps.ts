/** What happens to the children, as steps for the person who watches: read off the difference between two looks at the tree. */
import type { ChildState, ChildStatus } from "../../bus/contracts/supervisor.ts";
import type { Step } from "../admin/protocol.ts";

const UP: readonly ChildState[] = ["ready", "syncing", "degraded", "suspended"];

interface Seen {
  readonly state: ChildState;
  readonly sinceMs: number;
  readonly error: string | undefined;
}

/** Remembers the last look. Pure but for that: the moment is given. */
export class StepReader {
  readonly #seen = new Map<string, Seen>();

  /** What has changed since the last look, in the tree's order. */
  read(statuses: readonly ChildStatus[], nowMs: number): Step[] {
    return flat(statuses).flatMap((child) => this.#stepOf(child, nowMs));
  }

  #stepOf(child: ChildStatus, nowMs: number): Step[] {
    const before = this.#seen.get(child.id);
    const error = child.lastError?.at;
    if (before?.state === child.state && before.error === error) return [];
    const isSame = before?.state === child.state;
    this.#seen.set(child.id, { state: child.state, sinceMs: isSame ? before.sinceMs : nowMs, error });
    const steps: Step[] = [];
    const was = before?.state;
    const tookMs = before === undefined ? undefined : nowMs - before.sinceMs;
    if (child.lastError !== undefined && before !== undefined && before.error !== error) {
      steps.push({
        what: child.id,
        phase: "failed",
        verb: was === "stopping" ? "stop" : "start",
        detail: textOf(child.lastError),
      });
    }
    if (was === child.state) return steps;
    const hasEnded = was === "stopping" && ["stopped", "backoff", "starting"].includes(child.state);
    if (hasEnded) steps.push(done(child, "stop", tookMs));
    if (child.state === "starting") steps.push({ what: child.id, phase: "begin", verb: "start" });
    if (child.state === "stopping") steps.push({ what: child.id, phase: "begin", verb: "stop" });
    if (was === "starting" && UP.includes(child.state)) steps.push(done(child, "start", tookMs));
    return steps;
  }
}

function done(child: ChildStatus, verb: Step["verb"], tookMs: number | undefined): Step {
  const detail = verb === "start" ? child.placement : undefined;
  return {
    what: child.id,
    phase: "done",
    verb,
    ...(tookMs === undefined ? {} : { tookMs }),
    ...(detail === undefined ? {} : { detail }),
  };
}

function textOf({ code, message }: { code: string; message: string }): string {
  return (code === "" ? message : `${code}: ${message}`).slice(0, 2_000);
}

function flat(statuses: readonly ChildStatus[]): ChildStatus[] {
  return statuses.flatMap((status) => [status, ...flat(status.children)]);
}
