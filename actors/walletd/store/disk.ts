/** What wallet files need of a disk, in steps that a test can fail or end between; what is written is on the disk when it resolves. */
import { constants } from "node:fs";
import { type FileHandle, link, open, rename, rm } from "node:fs/promises";

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_SYNC, O_NOFOLLOW, O_NONBLOCK } = constants;

/** No wallet comes near; what is larger is not read at all. */
const FILE_BYTES_MAX = 512 * 1024 * 1024;

export interface DiskFile {
  /** Writes all of it, or rejects after having written some. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  truncate(lengthBytes: number): Promise<void>;
  close(): Promise<void>;
}

export interface Disk {
  /** Undefined when there is no such file. All of it, or its first bytes when so many are enough. */
  read(path: string, enoughBytes?: number): Promise<Buffer | undefined>;
  /** Makes a file for its owner only; throws `EEXIST` when the name is taken. */
  create(path: string): Promise<DiskFile>;
  open(path: string): Promise<DiskFile>;
  rename(from: string, to: string): Promise<void>;
  /** A second name for a file; throws `EEXIST` when that name is taken. */
  link(from: string, to: string): Promise<void>;
  /** Silent when there is no such file. */
  remove(path: string): Promise<void>;
}

export const systemDisk: Disk = {
  async read(path, enoughBytes) {
    let file: FileHandle;
    try {
      // O_NONBLOCK: a named pipe must not keep us waiting for a writer.
      file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    try {
      const stat = await file.stat();
      if (!stat.isFile() || stat.size > FILE_BYTES_MAX) {
        throw Object.assign(new Error("not an ordinary file, or too large for a wallet"), { code: "EFTYPE" });
      }
      if (enoughBytes === undefined) return await file.readFile();
      const { buffer, bytesRead } = await file.read(Buffer.alloc(enoughBytes), 0, enoughBytes, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  },
  create: async (path) => systemFile(await open(path, O_RDWR | O_CREAT | O_EXCL | O_SYNC, 0o600)),
  open: async (path) => systemFile(await open(path, O_RDWR | O_SYNC | O_NOFOLLOW)),
  rename,
  link,
  remove: (path) => rm(path, { force: true }),
};

/**
 * O_SYNC and not fsync, which Node's permission model refuses. It also makes a rename of the file lasting: journalled file
 * systems write what happened to the file's name before they report its next synchronous write as done.
 */
function systemFile(file: FileHandle): DiskFile {
  return {
    async write(bytes, position) {
      for (let done = 0; done < bytes.length; ) {
        // A nearly full disk takes a part, and says why with the next call.
        const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
        done += bytesWritten;
      }
    },
    truncate: (lengthBytes) => file.truncate(lengthBytes),
    close: () => file.close(),
  };
}

/** A whole file that waits for its name. */
export interface Draft {
  /**
   * Gives it the name in place of whatever has it, or a name that must be free (`EEXIST`). Whatever ends the program
   * meanwhile, the name means the old bytes or the new ones. After a rejection it may mean either.
   */
  publish(how: "replace" | "create"): Promise<DiskFile>;
}

/** The caller holds the lock of the name. After a rejection nothing has happened to the name. */
export async function writeDraft(disk: Disk, path: string, bytes: Uint8Array): Promise<Draft> {
  const draft = `${path}.new`;
  await disk.remove(draft);
  const file = await disk.create(draft);
  const giveUp = async () => {
    await file.close();
    // It takes room that a full disk does not have. When this fails too, the next draft removes it.
    await disk.remove(draft).catch(() => undefined);
  };
  try {
    await file.write(bytes, 0);
  } catch (error) {
    await giveUp();
    throw error;
  }
  return {
    async publish(how) {
      try {
        if (how === "replace") await disk.rename(draft, path);
        else await disk.link(draft, path);
        // The same byte once more, for the name to last.
        await file.write(bytes.subarray(0, 1), 0);
        if (how === "create") await disk.remove(draft);
        return file;
      } catch (error) {
        await giveUp();
        throw error;
      }
    },
  };
}
