/** The order to build the index anew: a file beside it, obeyed before the index is opened, so that it outlives every death between. */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "../../../runtime/log/log.ts";
import { INDEX_PLACES } from "../config.ts";

const REMOVED = /^index\.removed-\d+$/;

/** Moves the index away when that is wanted. What is to be removed goes while the new one is built. */
export function obeyRebuildOrder(directory: string, nowMs: number, log: Log): void {
  const order = join(directory, INDEX_PLACES.order);
  if (existsSync(order)) {
    const isKept = readFileSync(order, "utf8").trim() === "keep";
    const place = moveAway(directory, isKept ? "kept" : "removed", nowMs);
    rmSync(order);
    log.warn("the index is built anew, as it was ordered", isKept ? { kept: place } : {});
  }
  removeOld(directory, log);
}

/** Without an order: for an index that is built anew in seconds. */
export function dropIndex(directory: string, nowMs: number, log: Log): void {
  moveAway(directory, "removed", nowMs);
  removeOld(directory, log);
}

function moveAway(directory: string, fate: "kept" | "removed", nowMs: number): string {
  const index = join(directory, INDEX_PLACES.index);
  const place = `${index}.${fate}-${nowMs}`;
  // Without an index the last attempt ended right here.
  if (existsSync(index)) renameSync(index, place);
  return place;
}

function removeOld(directory: string, log: Log): void {
  for (const name of readdirSync(directory).filter((one) => REMOVED.test(one))) {
    rm(join(directory, name), { recursive: true, force: true }).catch((error: unknown) =>
      log.warn("an old index cannot be removed; the next start tries again", { name, error }),
    );
  }
}
