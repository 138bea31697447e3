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
  const index = join(directory, INDEX_PLACES.index);
  if (existsSync(order)) {
    const isKept = readFileSync(order, "utf8").trim() === "keep";
    const place = `${index}.${isKept ? "kept" : "removed"}-${nowMs}`;
    // Without an index the last attempt ended right here.
    if (existsSync(index)) renameSync(index, place);
    rmSync(order);
    log.warn("the index is built anew, as it was ordered", isKept ? { kept: place } : {});
  }
  for (const name of readdirSync(directory).filter((one) => REMOVED.test(one))) {
    rm(join(directory, name), { recursive: true, force: true }).catch((error: unknown) =>
      log.warn("an old index cannot be removed; the next start tries again", { name, error }),
    );
  }
}
