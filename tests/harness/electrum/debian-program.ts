/** Real programs of Debian that tests run against: found, or missed with a printed reason; in CI their absence is an error. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Where many a user's path does not look. */
const SYSTEM_PATHS = ["/usr/bin", "/usr/sbin", "/usr/local/sbin"];

const PYTHON = "/usr/bin/python3";
const PYTHON_MODULES = "/usr/lib/python3/dist-packages";

/** Undefined when this machine has none. */
export function findProgram(program: string, debianPackage = program): string | undefined {
  const directories = [...(process.env["PATH"] ?? "").split(delimiter), ...SYSTEM_PATHS];
  const found = directories.map((directory) => join(directory, program)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  return missed(program, debianPackage);
}

/** Debian's own Python, when it has a module: another Python that comes first on the path knows nothing of Debian's modules. */
export function findPythonWith(module: string): string | undefined {
  const isThere = existsSync(join(PYTHON_MODULES, module));
  return isThere ? PYTHON : missed(`the Python module ${module}`, `python3-${module}`);
}

function missed(what: string, debianPackage: string): undefined {
  const reason = `${what} (Debian package ${debianPackage}) is not installed`;
  if (process.env["CI"]) throw new Error(`${reason}, and in CI its tests must run`);
  process.stderr.write(`tests with ${what} are skipped: ${reason}\n`);
  return undefined;
}
