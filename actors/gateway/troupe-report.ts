/** What `/api/tree` and the live page are told: one value with everything that a page shows. */
import type { Tree } from "../../bus/contracts/supervisor.ts";
import { type Health, healthOf, type Readiness, readinessOf } from "./health.ts";
import type { Presence, TroupeView } from "./host-feed.ts";

export interface TroupeReport {
  readonly health: Health;
  readonly readiness: Readiness;
  /** The gateway's own host first, then the others by name. */
  readonly hosts: readonly {
    readonly host: string;
    readonly presence: Presence;
    readonly heardMsAgo: number | null;
    readonly tree: Tree | null;
  }[];
}

export function reportOf(view: TroupeView): TroupeReport {
  return {
    health: healthOf(view),
    readiness: readinessOf(view),
    hosts: view.hosts.map(({ host, presence, ageMs, tree }) => ({
      host,
      presence,
      heardMsAgo: ageMs === undefined ? null : Math.round(ageMs),
      tree: tree ?? null,
    })),
  };
}
