/** One process for a wallet: a lock that the kernel lets go of when its owner dies, however it dies. */
import { createHash, randomBytes } from "node:crypto";
import { createServer, type Server } from "node:net";
import type { Disk } from "./disk.ts";
import { refusals } from "./refusals.ts";

const ATTEMPTS_MAX = 20;

export interface Lock {
  release(): Promise<void>;
}

/** Takes a name of this machine that one process can have at a time. */
export type TakeName = (name: string) => Promise<Server | "taken" | "unsupported">;

/**
 * The lock file holds a random text, and the owner of the lock listens on a socket with no place in the file system that is
 * named after that text. The kernel gives such a name once and takes it back from a dead process, so that a lock is never
 * stale, whoever has got the dead one's process id since; and nobody who cannot read the file knows the name.
 * The lock is held by whoever has the name and finds the text unchanged after having got it.
 */
export class WalletLock implements Lock {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #server: Server | undefined;

  private constructor(disk: Disk, path: string, server: Server | undefined) {
    this.#disk = disk;
    this.#path = path;
    this.#server = server;
  }

  static async take(
    disk: Disk,
    path: string,
    wallet: string,
    takeName: TakeName = listen,
  ): Promise<WalletLock> {
    let ours: Buffer | undefined;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const text = await disk.read(path);
      if (text === undefined) {
        ours = await writeLock(disk, path);
        continue;
      }
      const server = await takeName(nameFor(text));
      if (server === "taken") throw refusals.locked(wallet, "another process");
      if (server === "unsupported") {
        if (ours?.equals(text)) return new WalletLock(disk, path, undefined);
        const pid = pidIn(text);
        if (pid !== undefined && isAlive(pid)) throw refusals.locked(wallet, `process ${pid}`);
        await disk.remove(path);
        continue;
      }
      if ((await disk.read(path))?.equals(text)) return new WalletLock(disk, path, server);
      // Its last owner was just letting go of it.
      server.close();
    }
    throw refusals.locked(wallet, "other processes, one after the other");
  }

  async release(): Promise<void> {
    try {
      await this.#disk.remove(this.#path);
    } finally {
      this.#server?.close();
    }
  }
}

async function writeLock(disk: Disk, path: string): Promise<Buffer> {
  const text = Buffer.from(`${process.pid} ${randomBytes(16).toString("hex")}\n`);
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  const file = await disk.create(draft);
  try {
    await file.write(text, 0);
    await disk.link(draft, path);
  } catch (error) {
    // Somebody else was first: their text decides.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await file.close();
    await disk.remove(draft);
  }
  return text;
}

/** The living process that another program's lock file names, which holds nothing but its number. */
export function livingOwner(lockFile: Buffer | undefined): number | undefined {
  const pid = lockFile === undefined ? undefined : pidIn(lockFile);
  return pid !== undefined && isAlive(pid) ? pid : undefined;
}

function pidIn(text: Buffer): number | undefined {
  const pid = Number.parseInt(text.toString("latin1"), 10);
  return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
}

/** For systems without names that the kernel takes back: there the number of the process in the text has to do. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function nameFor(text: Buffer): string {
  return `\0troupe-wallet-${createHash("sha256").update(text).digest("hex")}`;
}

function listen(name: string): Promise<Server | "taken" | "unsupported"> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.unref();
    server.once("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code === "EADDRINUSE" ? "taken" : "unsupported");
    });
    server.listen(name, () => resolve(server));
  });
}
