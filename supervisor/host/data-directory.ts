/** The data directory: what lies where in it, whether we can use it, and how it is made. */
import { accessSync, constants, mkdirSync, readFileSync, type Stats, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { TroupeError } from "../../runtime/errors.ts";

export interface DataPaths {
  readonly root: string;
  /** Sockets and locks: nothing in it outlives a boot of the machine. */
  readonly run: string;
  readonly socket: string;
  readonly lock: string;
  readonly logs: string;
  readonly actors: string;
  readonly bus: string;
  /** Holds the name of the network whose data lies here. */
  readonly network: string;
  readonly config: string;
}

export function dataPaths(root: string): DataPaths {
  const run = join(root, "run");
  return Object.freeze({
    root,
    run,
    socket: join(run, "supervisor.sock"),
    lock: join(run, "supervisor.lock"),
    logs: join(root, "logs"),
    actors: join(root, "actors"),
    bus: join(root, "bus"),
    network: join(root, "network"),
    config: join(root, "troupe.toml"),
  });
}

/** Looks without touching: throws `SUPERVISOR_DATA_UNUSABLE` or `SUPERVISOR_WRONG_NETWORK`. */
export function checkDataDirectory(paths: DataPaths, network: string): void {
  const { root } = paths;
  const stat = statIfThere(root);
  if (stat === undefined) {
    const parent = nearestParent(root);
    if (!isWritable(parent)) throw unusable(root, `it does not exist and ${parent} is not writable`);
    return;
  }
  if (!stat.isDirectory()) throw unusable(root, "it is not a directory");
  const uid = process.getuid?.();
  if (uid !== undefined && stat.uid !== uid) {
    throw unusable(root, `it belongs to another user (${stat.uid}); type: sudo chown -R ${uid} '${root}'`);
  }
  if (!isWritable(root)) throw unusable(root, `it is not writable; type: chmod u+rwx '${root}'`);
  // Others could lay their own files where we expect ours; that they may read is the doctor's business.
  if ((stat.mode & 0o022) !== 0) {
    throw unusable(root, `other users may write into it; type: chmod 700 '${root}'`);
  }
  const owner = networkOf(paths);
  if (owner !== undefined && owner !== network) {
    throw new TroupeError(
      { code: "SUPERVISOR_WRONG_NETWORK", found: owner, wanted: network },
      `The data directory ${root} belongs to ${owner}, and the configuration says ${network}. Choose another with --data`,
    );
  }
}

/** Makes the directories, mode 0700, and marks whose network it is. Called when every check has passed. */
export function makeDataDirectory(paths: DataPaths, network: string): void {
  try {
    for (const path of [paths.root, paths.run, paths.logs, paths.actors]) {
      mkdirSync(path, { recursive: true, mode: 0o700 });
    }
    if (networkOf(paths) === undefined) writeFileSync(paths.network, `${network}\n`, { mode: 0o600 });
  } catch (error) {
    throw unusable(paths.root, (error as NodeJS.ErrnoException).code ?? String(error), error);
  }
}

/** Undefined in a directory that has not been used yet. */
function networkOf(paths: DataPaths): string | undefined {
  try {
    return readFileSync(paths.network, "utf8").trim().slice(0, 32);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw unusable(paths.root, `${paths.network} cannot be read`, error);
  }
}

function unusable(path: string, why: string, cause?: unknown): TroupeError {
  return new TroupeError(
    { code: "SUPERVISOR_DATA_UNUSABLE", path },
    `The data directory ${path} cannot be used: ${why}. Or choose another with --data`,
    { cause },
  );
}

function statIfThere(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw unusable(
      path,
      code === "EACCES" ? "we may not look into the directory above it" : `${code}`,
      error,
    );
  }
}

function nearestParent(path: string): string {
  const parent = dirname(path);
  return parent === path || statIfThere(parent) !== undefined ? parent : nearestParent(parent);
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
