/** Finds the folder of real blocks and public vectors that stands beside the repository, where there is one. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** `TROUPE_SHARED_DATA`, or the first `shared/data` beside this repository or one of the folders it stands in. */
export function findSharedData(): string | undefined {
  const named = process.env["TROUPE_SHARED_DATA"];
  if (named !== undefined) return existsSync(named) ? named : undefined;
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const candidate = join(folder, "shared", "data");
    if (existsSync(join(candidate, "vectors"))) return candidate;
    const above = dirname(folder);
    if (above === folder) return undefined;
    folder = above;
  }
}

/** Reads files of the folder. Call it inside a test or hook, so that a skipped suite reads nothing. */
export class SharedData {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  bytes(path: string): Uint8Array {
    return readFileSync(join(this.#folder, path));
  }

  json<T>(path: string): T {
    return JSON.parse(readFileSync(join(this.#folder, path), "utf8")) as T;
  }
}
