/** One supervisor per data directory: a lock file that names its holder and does not outlive it. */
import { randomBytes } from "node:crypto";
import { linkSync, readFileSync, unlinkSync } from "node:fs";
import { z } from "zod";
import { TroupeError } from "../../runtime/errors.ts";
import { writeDraft } from "../../runtime/whole-file.ts";
import { judge, ownIdentity } from "./identity.ts";

const HolderSchema = z.object({
  /** Random: tells two locks of the same process apart. */
  token: z.string().regex(/^[0-9a-f]{16}$/),
  pid: z.int().positive(),
  start: z.string().max(64),
  boot: z.string().max(64),
  space: z.string().max(512),
  since: z.string().max(40),
});
export type Holder = z.infer<typeof HolderSchema>;

/** Breaking a lock takes a lock of its own, and so on; nobody dies that often within a break. */
const BREAK_DEPTH_MAX = 4;
const LOCK_BYTES_MAX = 4_096;

export interface Lock {
  readonly holder: Holder;
  /** Frees the directory; only if it is still ours. */
  release(): void;
}

/** What is known of the holder of a lock file. */
export interface LockState {
  readonly holder: Holder;
  readonly state: "alive" | "dead" | "unknown";
}

/** Who holds the lock; undefined when nobody does. An unreadable file counts as held by a dead one: whoever wrote it did not finish. */
export function readLock(path: string): LockState | undefined {
  const holder = readHolder(path);
  if (holder === undefined) return undefined;
  return { holder, state: judge(holder) };
}

/**
 * Takes the lock, or throws `SUPERVISOR_ALREADY_RUNNING`.
 * `isServing` is asked when the holder cannot be seen from here (another container with the same volume): does somebody answer?
 */
export async function takeLock(path: string, isServing: () => Promise<boolean>): Promise<Lock> {
  return takeAt(path, isServing, 0);
}

/**
 * The file is written elsewhere and then linked, so that it appears whole or not at all. To break a dead holder's lock one
 * must first hold the lock named after the dead one's token: only one at a time may unlink it, and only while it still carries
 * that token. Without this, two that found the same dead lock could remove each other's new one.
 */
async function takeAt(path: string, isServing: () => Promise<boolean>, depth: number): Promise<Lock> {
  const holder: Holder = {
    token: randomBytes(8).toString("hex"),
    ...ownIdentity(),
    since: new Date().toISOString(),
  };
  const draft = `${path}.draft-${holder.token}`;
  writeDraft(draft, JSON.stringify(holder));
  try {
    if (tryLink(draft, path)) return lockOf(path, holder);
    const found = readLock(path);
    if (found === undefined) {
      // It went away between the two looks; whoever comes first gets it.
      if (tryLink(draft, path)) return lockOf(path, holder);
      throw alreadyRunning(readLock(path)?.holder);
    }
    const isDead = found.state === "dead" || (found.state === "unknown" && !(await isServing()));
    if (!isDead || depth === BREAK_DEPTH_MAX) throw alreadyRunning(found.holder);
    const right = await takeAt(`${path}.${found.holder.token}`, async () => true, depth + 1);
    try {
      if (readHolder(path)?.token === found.holder.token) unlinkSync(path);
      if (tryLink(draft, path)) return lockOf(path, holder);
      throw alreadyRunning(readLock(path)?.holder);
    } finally {
      right.release();
    }
  } finally {
    unlinkSync(draft);
  }
}

function lockOf(path: string, holder: Holder): Lock {
  return {
    holder,
    release() {
      if (readHolder(path)?.token === holder.token) unlinkSync(path);
    },
  };
}

export function alreadyRunning(holder: Holder | undefined): TroupeError {
  const who = holder === undefined ? "another process" : `process ${holder.pid} since ${holder.since}`;
  return new TroupeError(
    { code: "SUPERVISOR_ALREADY_RUNNING", pid: holder?.pid },
    `A supervisor already runs on this data directory (${who}). See it with: supervisor status; end it with: supervisor stop`,
  );
}

/** A file that is not a lock of ours has the token of zeros and a holder that cannot live. */
const UNREADABLE: Holder = Object.freeze({
  token: "0".repeat(16),
  pid: 2 ** 31 - 1,
  start: "",
  boot: "",
  space: "",
  since: "unknown",
});

function readHolder(path: string): Holder | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return HolderSchema.parse(JSON.parse(text.slice(0, LOCK_BYTES_MAX)));
  } catch {
    // Linked files are whole; this one was cut by a disk that lost its last writes, or somebody wrote it by hand.
    return { ...UNREADABLE, ...ownSpace() };
  }
}

function ownSpace(): Pick<Holder, "boot" | "space"> {
  const { boot, space } = ownIdentity();
  return { boot, space };
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}
