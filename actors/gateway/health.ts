/** What the tree means to somebody who asks "is it alive?" and "is it ready?": pure functions of the tree and its age. */
import type { ChildState, ChildStatus, Tree } from "../../bus/contracts/supervisor.ts";
import type { TreeView } from "./tree-feed.ts";

/** The supervisor repeats its tree every 10 s: after this long it has missed two and is silent. */
export const TREE_STALE_MS = 25_000;

/** A critical child that keeps the troupe from being ready. */
export interface Waiting {
  readonly id: string;
  readonly state: ChildState;
  readonly progress?: string | undefined;
  readonly lastError?: { readonly code: string; readonly message: string } | undefined;
}

export interface Health {
  readonly ok: boolean;
  readonly busUp: boolean;
  readonly supervisorHeardMsAgo: number | null;
  readonly reason?: string;
}

export interface Readiness {
  readonly ready: boolean;
  readonly waitingFor: readonly Waiting[];
  readonly reason?: string;
}

/** Alive: the supervisor was heard lately, and over the bus. */
export function healthOf(view: TreeView): Health {
  const supervisorHeardMsAgo = view.ageMs === undefined ? null : Math.round(view.ageMs);
  const told = { busUp: view.isBusUp, supervisorHeardMsAgo };
  if (!view.isBusUp) return { ok: false, ...told, reason: "the bus is down" };
  if (view.ageMs === undefined) {
    return { ok: false, ...told, reason: "the supervisor has not been heard yet" };
  }
  if (view.ageMs > TREE_STALE_MS) return { ok: false, ...told, reason: "the supervisor is silent" };
  return { ok: true, ...told };
}

/** Ready: alive, and every critical child is. */
export function readinessOf(view: TreeView): Readiness {
  const health = healthOf(view);
  const waitingFor = view.tree === undefined ? [] : criticalNotReady(view.tree);
  if (health.reason !== undefined) return { ready: false, waitingFor, reason: health.reason };
  if (view.tree?.ready) return { ready: true, waitingFor: [] };
  return { ready: false, waitingFor, reason: "not every critical part is ready" };
}

/** A part that runs elsewhere or is switched off is somebody else's to judge. */
function criticalNotReady(tree: Tree): Waiting[] {
  const found: Waiting[] = [];
  const look = (child: ChildStatus) => {
    const isIn = child.state === "ready" || child.state === "elsewhere" || child.state === "off";
    if (child.critical && !isIn) {
      const { id, state, progress, lastError } = child;
      found.push({
        id,
        state,
        ...(progress !== undefined && { progress }),
        ...(lastError !== undefined && { lastError: { code: lastError.code, message: lastError.message } }),
      });
    }
    child.children.forEach(look);
  };
  look(tree.root);
  return found;
}
