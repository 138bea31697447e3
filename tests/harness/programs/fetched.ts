/** What no package manager installs where tests look for it: fetched by a script of ours, once, into a directory of the user's own. */
import { spawnSync } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const FETCH_WITHIN_MS = 180_000;

export function cacheOf(name: string): string {
  return join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "troupe", name);
}

/** Whether it went well, in words. */
export function fetchInto(directory: string, scriptName: string): string {
  const script = fileURLToPath(new URL(`../../../scripts/${scriptName}`, import.meta.url));
  const run = spawnSync("bash", [script, directory], { timeout: FETCH_WITHIN_MS, encoding: "utf8" });
  return run.status === 0
    ? "fetched"
    : `it could not be fetched: ${(run.stderr || String(run.error)).trim().slice(-500)}`;
}
