/** The compiled program, for tests that need real threads and processes: Node 20 runs no .ts in a thread. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The repository's root, whether this file runs from source or from `dist/`. */
const here = new URL("../../", import.meta.url);
const root = here.pathname.endsWith("/dist/") ? new URL("../", here) : here;

/** The address of a compiled file, such as `tests/harness/actors/bare.js`. */
export function builtUrl(path: string): URL {
  const url = new URL(`dist/${path}`, root);
  if (!existsSync(fileURLToPath(url))) throw new Error(`${path} is not built: run npm run build first`);
  return url;
}

/** A compiled module: `built<typeof import("../../supervisor/supervisor.ts")>("supervisor/supervisor.js")`. */
export async function built<M>(path: string): Promise<M> {
  return (await import(/* @vite-ignore */ builtUrl(path).href)) as M;
}
