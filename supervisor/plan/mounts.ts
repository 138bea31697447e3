/** Which members of other actors an actor gets into its thread: only of such as run on this host, with our own code. */
import { join } from "node:path";
import type { MountPlan } from "../../bus/mount.ts";
import type { OwnNode } from "./own-node.ts";
import type { PlacedActor, Settings } from "./settings.ts";

/** Their stores are elsewhere, or are not there. */
const AWAY: ReadonlySet<string> = new Set(["off", "elsewhere"]);

export function mountsOf(
  asker: PlacedActor,
  { actors, config, paths, network }: Pick<Settings, "actors" | "config" | "paths" | "network">,
  ownNode: OwnNode | undefined,
): MountPlan[] {
  const mounts = asker.mounts?.(config, { network, ownNode }) ?? [];
  return mounts.flatMap(({ actor, entry, section }) => {
    const callee = actors.find(({ id }) => id === actor);
    if (callee === undefined || callee.isSwapped || AWAY.has(callee.placement)) return [];
    return [{ contract: actor, entry: entry.href, dataDirectory: join(paths.actors, actor), section }];
  });
}
