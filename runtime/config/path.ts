/** Paths as people write them: `~` is the home directory. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** `~` and `~/x` become absolute; `~other` is left alone, we do not read the user table. */
export function expandHome(path: string): string {
  if (path === "~") return homedir();
  return path.startsWith("~/") ? join(homedir(), path.slice(2)) : path;
}

/** Absolute, with `~` expanded and a relative path taken from `base`. */
export function absolutePath(path: string, base: string): string {
  return resolve(base, expandHome(path));
}
