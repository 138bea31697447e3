/** Starts programs so that the kernel ends them when we die, whatever they are doing: no orphans. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

let setpriv: string | false | undefined;

/**
 * The command to run `program` with, and what stands before its own arguments. On Linux it dies with us even when its
 * event loop never turns again to see a closed channel; elsewhere the closed channel alone must do. `TERM` is for programs
 * that have something to save.
 */
export function boundToUs(
  program: string,
  signal: "KILL" | "TERM" = "KILL",
): { command: string; prefix: string[] } {
  setpriv ??= findSetpriv() ?? false;
  return setpriv === false
    ? { command: program, prefix: [] }
    : { command: setpriv, prefix: ["--pdeathsig", signal, program] };
}

function findSetpriv(): string | undefined {
  if (process.platform !== "linux") return undefined;
  return ["/usr/bin/setpriv", "/bin/setpriv"].find((path) => {
    if (!existsSync(path)) return false;
    // Some small systems have a setpriv that does not know this option.
    const trial = spawnSync(path, ["--pdeathsig", "KILL", "/bin/true"], { stdio: "ignore", timeout: 5_000 });
    return trial.status === 0;
  });
}
