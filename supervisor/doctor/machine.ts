/** The doctor's look at this machine: Node, memory, files, disk, clock, and how well processes are kept apart. */
import { execFile } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from "node:fs";
import { freemem, totalmem } from "node:os";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { type Finding, fail, ok, warn } from "./finding.ts";

const run = promisify(execFile);

/** The indexer alone holds many sockets and store files; each wallet session is a socket more. */
const OPEN_FILES_WANTED = 8_192;
/** A block with its undo rows and the logs fit many times; a full disk is found before it is full. */
const DISK_FREE_FAIL_BYTES = 1 * 2 ** 30;
const DISK_FREE_WARN_BYTES = 10 * 2 ** 30;
/** The four processes at rest take about 0.5 GiB, an index being built about 1.2 GiB. */
const MEMORY_WANTED_BYTES = 2 * 2 ** 30;
const COMMAND_DEADLINE_MS = 2_000;
const MIN_NODE = Object.freeze({ major: 20, minor: 19 });

const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

export function checkNodeVersion(version = process.versions.node): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isOld = major < MIN_NODE.major || (major === MIN_NODE.major && minor < MIN_NODE.minor);
  if (isOld) {
    const wanted = `${MIN_NODE.major}.${MIN_NODE.minor}`;
    return fail("node.js", `Node.js ${version} is too old`, `install Node.js ${wanted} or newer`);
  }
  return ok("node.js", `Node.js ${version}`);
}

export function checkMemory(totalBytes = totalmem(), freeBytes = freemem()): Finding {
  const seen = `${gib(totalBytes)} in all, ${gib(freeBytes)} free`;
  return totalBytes < MEMORY_WANTED_BYTES
    ? warn("memory", seen, `an index of mainnet wants ${gib(MEMORY_WANTED_BYTES)}; add memory or swap`)
    : ok("memory", seen);
}

/** `limits` is the text of /proc/self/limits; absent on systems that have none. */
export function checkOpenFiles(limits = readIfThere("/proc/self/limits")): Finding {
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits ?? "")?.[1];
  if (soft === undefined) return ok("open files", "this system does not say how many files may be open");
  if (soft !== "unlimited" && Number(soft) < OPEN_FILES_WANTED) {
    return warn(
      "open files",
      `at most ${soft} files may be open; each Electrum client takes one`,
      `raise it: 'ulimit -n ${OPEN_FILES_WANTED}', or LimitNOFILE= in the systemd unit`,
    );
  }
  return ok("open files", `at most ${soft} may be open`);
}

/** The directory may not exist yet: then its nearest parent is judged. */
export function checkDataDirectory(directory: string): Finding[] {
  if (!existsSync(directory)) {
    const parent = nearestParent(directory);
    return [
      isWritable(parent)
        ? ok("data directory", `${directory} will be made at the first start`)
        : fail(
            "data directory",
            `${directory} does not exist and cannot be made in ${parent}`,
            `choose another with --data, or type: sudo install -d -m 700 -o $(id -un) '${directory}'`,
          ),
      checkDisk(parent),
    ];
  }
  const stat = statSync(directory);
  if (!stat.isDirectory()) {
    return [fail("data directory", `${directory} is not a directory`, "choose another with --data")];
  }
  if (!isWritable(directory)) {
    return [
      fail(
        "data directory",
        `${directory} is not writable for us`,
        `type: sudo chown -R $(id -un) '${directory}'`,
      ),
    ];
  }
  if ((stat.mode & 0o077) !== 0) {
    const mode = (stat.mode & 0o777).toString(8);
    return [
      warn(
        "data directory",
        `${directory} is open to other users (mode ${mode})`,
        `type: chmod 700 '${directory}'`,
      ),
      checkDisk(directory),
    ];
  }
  return [ok("data directory", `${directory}, ours alone`), checkDisk(directory)];
}

export function checkDisk(directory: string, freeBytes = freeBytesOf(directory)): Finding {
  const seen = `${gib(freeBytes)} free in ${directory}`;
  if (freeBytes < DISK_FREE_FAIL_BYTES)
    return fail("disk", seen, "free some space, or choose another --data");
  if (freeBytes < DISK_FREE_WARN_BYTES) {
    return warn("disk", seen, "enough for the sandbox; an index of mainnet takes far more");
  }
  return ok("disk", seen);
}

/** Timelocks, certificates and tokens all trust the clock. */
export async function checkClock(): Promise<Finding> {
  const synchronized = await output("timedatectl", ["show", "-p", "NTPSynchronized", "--value"]);
  if (synchronized === "yes") return ok("clock", "kept right by network time");
  if (synchronized === "no") {
    return warn("clock", "not kept right by network time", "type: sudo timedatectl set-ntp true");
  }
  const leap = /Leap status\s*:\s*(\w+)/.exec((await output("chronyc", ["tracking"])) ?? "")?.[1];
  if (leap === "Normal") return ok("clock", "kept right by chrony");
  if (leap !== undefined) {
    return warn("clock", `chrony says: ${leap}`, "see 'chronyc tracking' and 'chronyc sources'");
  }
  return ok("clock", `${new Date().toISOString()}; nothing here tells whether it is kept right`);
}

/** Another process of the same user can read walletd's memory while ptrace is open. */
export function checkProcessSeparation(
  scope = readIfThere("/proc/sys/kernel/yama/ptrace_scope")?.trim(),
  hasSetpriv = existsSync("/usr/bin/setpriv") || existsSync("/bin/setpriv"),
): Finding[] {
  const findings: Finding[] = [];
  if (process.platform !== "linux") {
    return [ok("process separation", "judged on Linux only")];
  }
  if (scope === undefined || Number(scope) < 1) {
    findings.push(
      warn(
        "ptrace",
        scope === undefined
          ? "this kernel does not restrict ptrace: programs of your user can read the wallet's memory"
          : "any program of your user can read the wallet's memory",
        "type: sudo sysctl -w kernel.yama.ptrace_scope=1 (where the kernel has Yama), or run Troupe as a user of its own",
      ),
    );
  } else {
    findings.push(ok("ptrace", `restricted (scope ${scope})`));
  }
  findings.push(
    hasSetpriv
      ? ok("setpriv", "present: no process outlives the supervisor")
      : warn(
          "setpriv",
          "absent: a process that hangs could outlive a killed supervisor",
          "install util-linux",
        ),
  );
  return findings;
}

async function output(command: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout } = await run(command, args, { timeout: COMMAND_DEADLINE_MS, maxBuffer: 64 * 1024 });
    return stdout.trim();
  } catch {
    // Absent or without a daemon to ask: either way it tells us nothing.
    return undefined;
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Only Linux has these files.
    return undefined;
  }
}

function freeBytesOf(directory: string): number {
  const stat = statfsSync(directory);
  return stat.bavail * stat.bsize;
}

function nearestParent(path: string): string {
  const parent = dirname(path);
  return existsSync(parent) || parent === path ? parent : nearestParent(parent);
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    // The answer is no, whatever the reason.
    return false;
  }
}
