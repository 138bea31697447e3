/** The index of this host as files: how large it is, and the order to build it anew. */
import { existsSync, readdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { INDEX_PLACES } from "../../actors/indexer/config.ts";
import type { DataPaths } from "../host/data-directory.ts";

export interface IndexPlace {
  readonly directory: string;
  /** Nothing when there is no index yet. */
  readonly sizeBytes: number | undefined;
}

export function indexPlaceOf({ actors }: DataPaths): IndexPlace {
  const directory = join(actors, "indexer");
  const file = join(directory, INDEX_PLACES.index, "data.mdb");
  return { directory, sizeBytes: existsSync(file) ? statSync(file).size : undefined };
}

/** The indexer obeys it the next time it starts. `keep`: the old index is moved aside and not removed. */
export function orderRebuild({ directory }: IndexPlace, keep: boolean): void {
  const order = join(directory, INDEX_PLACES.order);
  // Whoever orders may be another user than the one who obeys; the directory is the owner's alone.
  writeFileSync(`${order}.new`, keep ? "keep\n" : "remove\n", { mode: 0o644 });
  renameSync(`${order}.new`, order);
}

/** The one that was moved aside last. */
export function keptIndexOf({ directory }: IndexPlace): string | undefined {
  const kept = readdirSync(directory).filter((name) => name.startsWith(`${INDEX_PLACES.index}.kept-`));
  const last = kept.sort().at(-1);
  return last === undefined ? undefined : join(directory, last);
}
