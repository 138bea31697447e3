/** Which process of which boot of which machine: a pid alone is given again, and a lock file outlives its owner. */
import { execFileSync } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** What tells one process from every other that ever had its number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Start of the process as the kernel counts it; changes when the number is given again. */
  readonly start: string;
  /** Changes with every boot of the machine; empty where the system does not tell. */
  readonly boot: string;
  /** The machine, and the process namespace in it: numbers of another container mean nothing here. */
  readonly space: string;
}

export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, start: startOf(process.pid) ?? "", boot: bootId(), space: processSpace() };
}

/** `unknown`: it belongs to another machine or container, where we cannot look. */
export function judge(identity: ProcessIdentity): "alive" | "dead" | "unknown" {
  if (identity.boot !== bootId() && hostOf(identity.space) === hostname()) return "dead";
  if (identity.space !== processSpace()) return "unknown";
  if (identity.pid === process.pid) return identity.start === startOf(process.pid) ? "alive" : "dead";
  const start = startOf(identity.pid);
  return start !== undefined && start === identity.start ? "alive" : "dead";
}

function processSpace(): string {
  return `${hostname()}/${readLinkOr("/proc/self/ns/pid", "")}`;
}

function hostOf(space: string): string {
  return space.slice(0, space.indexOf("/"));
}

function bootId(): string {
  return readOr("/proc/sys/kernel/random/boot_id", "").trim();
}

/** Undefined when there is no such process. */
function startOf(pid: number): string | undefined {
  if (process.platform === "linux") {
    const stat = readOr(`/proc/${pid}/stat`, "");
    // The second field is the command in brackets and may hold anything, brackets and spaces too: count from the last one.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A zombie has ended; only its parent has not noticed yet.
    return stat === "" || fields[0] === "Z" ? undefined : fields[19];
  }
  try {
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], {
      encoding: "utf8",
      timeout: 5_000,
    }).trim();
  } catch {
    // `ps` exits 1 for a number that nobody has.
    return undefined;
  }
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // No such file: not Linux, or the process has gone.
    return otherwise;
  }
}

function readLinkOr(path: string, otherwise: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // Not Linux.
    return otherwise;
  }
}
