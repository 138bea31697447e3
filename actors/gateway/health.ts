/** What the trees mean to somebody who asks "is it alive?" and "is it ready?": pure functions of the trees and their ages. */
import type { ChildState, ChildStatus, Tree } from "../../bus/contracts/supervisor.ts";
import type { HostView, TroupeView } from "./host-feed.ts";

/** A critical child that keeps the troupe from being ready. */
export interface Waiting {
  readonly host: string;
  readonly id: string;
  readonly state: ChildState;
  readonly progress?: string | undefined;
  readonly lastError?: { readonly code: string; readonly message: string } | undefined;
}

export interface Health {
  readonly ok: boolean;
  readonly busUp: boolean;
  /** Our own host's. */
  readonly supervisorHeardMsAgo: number | null;
  readonly reason?: string;
}

export interface Readiness {
  readonly ready: boolean;
  readonly waitingFor: readonly Waiting[];
  readonly reason?: string;
}

/** Alive: our own host's supervisor was heard lately, and over the bus. Other hosts have their own health. */
export function healthOf({ hosts: [own], isBusUp }: TroupeView): Health {
  const supervisorHeardMsAgo = own.ageMs === undefined ? null : Math.round(own.ageMs);
  const told = { busUp: isBusUp, supervisorHeardMsAgo };
  if (!isBusUp) return { ok: false, ...told, reason: "the bus is down" };
  if (own.tree === undefined) {
    return { ok: false, ...told, reason: "the supervisor has not been heard yet" };
  }
  if (own.presence === "silent") return { ok: false, ...told, reason: "the supervisor is silent" };
  return { ok: true, ...told };
}

/** Ready: alive, every host that was ever heard still is, and every critical child of every host is ready. */
export function readinessOf(view: TroupeView): Readiness {
  const waitingFor = view.hosts.flatMap((host) => criticalNotReady(host, view.hosts));
  const reason = healthOf(view).reason ?? absence(view.hosts);
  if (reason !== undefined) return { ready: false, waitingFor, reason };
  const isReady = waitingFor.length === 0 && view.hosts.every(({ tree }) => tree?.ready === true);
  if (isReady) return { ready: true, waitingFor };
  return { ready: false, waitingFor, reason: "not every critical part is ready" };
}

/** What to say of hosts that have gone: on purpose or not, their part of the work is not done. */
function absence(hosts: readonly HostView[]): string | undefined {
  const said = hosts.flatMap(({ host, presence }) => {
    if (presence === "silent") return [`host ${host} is silent`];
    return presence === "stopped" ? [`host ${host} has stopped`] : [];
  });
  return said.length === 0 ? undefined : said.join(", ");
}

function criticalNotReady({ host, tree, presence }: HostView, hosts: readonly HostView[]): Waiting[] {
  // Of one that is gone nobody knows more than that.
  if (tree === undefined || presence !== "heard") return [];
  const found: Waiting[] = [];
  const look = (child: ChildStatus) => {
    if (child.critical && !isIn(child, hosts)) {
      const { id, state, progress, lastError } = child;
      found.push({
        host,
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

/** What runs elsewhere is judged by the host that runs it; when there is none, it is missing. */
function isIn({ id, kind, state }: ChildStatus, hosts: readonly HostView[]): boolean {
  if (state === "ready" || state === "off") return true;
  if (state !== "elsewhere") return false;
  return kind === "bus" || hosts.some(({ tree }) => tree !== undefined && runs(tree.root, id));
}

function runs(child: Tree["root"], id: string): boolean {
  if (child.id === id) return child.state !== "elsewhere" && child.state !== "off";
  return child.children.some((inner) => runs(inner, id));
}
