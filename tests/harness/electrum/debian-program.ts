/** Real programs of Debian that tests run against: found, or missed with a printed reason; in CI their absence is an error. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Where many a user's path does not look. */
const SYSTEM_PATHS = ["/usr/bin", "/usr/sbin", "/usr/local/sbin"];

/** Undefined when this machine has none. */
export function findProgram(program: string, debianPackage = program): string | undefined {
  const directories = [...(process.env["PATH"] ?? "").split(delimiter), ...SYSTEM_PATHS];
  const found = directories.map((directory) => join(directory, program)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  const reason = `${program} (Debian package ${debianPackage}) is not installed`;
  if (process.env["CI"]) throw new Error(`${reason}, and in CI its tests must run`);
  process.stderr.write(`tests with ${program} are skipped: ${reason}\n`);
  return undefined;
}
