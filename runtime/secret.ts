/** Secrets: a wrapper that nothing prints by accident, and files that only their owner may read. */
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from "node:fs";
import { inspect } from "node:util";
import { z } from "zod";
import { expandHome } from "./config/path.ts";
import { TroupeError } from "./errors.ts";

export const SECRET_TEXT = "[secret]";

/** Longer than any credentials file, short enough to read at once. */
const SECRET_BYTES_MAX = 64 * 1024;

/** A value that logs, errors, JSON and the inspector show as `[secret]`. Only `reveal()` gives it away. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return SECRET_TEXT;
  }

  toJSON(): string {
    return SECRET_TEXT;
  }

  [inspect.custom](): string {
    return SECRET_TEXT;
  }
}

/** A configuration key that names a file with a secret in it. The value is the path, never the secret. */
export function secretFile(): z.ZodString {
  return z.string().min(1).max(4096).meta({ secretFile: true });
}

/**
 * Reads a file that must be an ordinary file of ours with no access for group and others.
 * A symbolic link is followed and what it leads to is judged. One newline at the end is not part of the secret.
 */
export function readSecretFile(path: string): Secret {
  const wanted = expandHome(path);
  let file: number | undefined;
  try {
    // O_NONBLOCK: opening a named pipe must not wait for a writer.
    file = openSync(realpathSync(wanted), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    // The open file is examined, not the path: what is read is what was examined.
    const stat = fstatSync(file);
    if (!stat.isFile()) throw unreadable(wanted, "it is not an ordinary file");
    const uid = process.getuid?.();
    if (uid !== undefined && stat.uid !== uid) {
      throw new TroupeError(
        { code: "RUNTIME_SECRET_EXPOSED", path: wanted },
        `The secret file ${wanted} belongs to another user (${stat.uid}), who can read it. ` +
          `Type: sudo chown ${uid} '${wanted}' && chmod 600 '${wanted}'`,
      );
    }
    if ((stat.mode & 0o077) !== 0) {
      throw new TroupeError(
        { code: "RUNTIME_SECRET_EXPOSED", path: wanted },
        `The secret file ${wanted} is open to other users (mode ${(stat.mode & 0o777).toString(8)}). ` +
          `Type: chmod 600 '${wanted}'. If others use this machine, replace the secret too.`,
      );
    }
    if (stat.size > SECRET_BYTES_MAX) {
      throw unreadable(wanted, `it is larger than ${SECRET_BYTES_MAX} bytes, so it is not a secret file`);
    }
    const text = readUpTo(file, SECRET_BYTES_MAX)
      .toString("utf8")
      .replace(/\r?\n$/, "");
    if (text.length === 0) throw unreadable(wanted, "it is empty");
    return new Secret(text);
  } catch (error) {
    if (error instanceof TroupeError) throw error;
    throw unreadable(wanted, reasonOf(error), error);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function readUpTo(file: number, bytesMax: number): Buffer {
  const buffer = Buffer.alloc(bytesMax);
  let length = 0;
  while (length < bytesMax) {
    const got = readSync(file, buffer, length, bytesMax - length, length);
    if (got === 0) break;
    length += got;
  }
  const content = Buffer.from(buffer.subarray(0, length));
  buffer.fill(0);
  return content;
}

function unreadable(path: string, why: string, cause?: unknown): TroupeError {
  return new TroupeError(
    { code: "RUNTIME_SECRET_UNREADABLE", path },
    `The secret file ${path} cannot be read: ${why}. Put the secret into that file, then type: chmod 600 '${path}'`,
    { cause },
  );
}

function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOENT") return "there is no such file";
  if (code === "EACCES" || code === "EPERM") return "we have no permission";
  if (code === "ELOOP") return "its symbolic links go in a circle";
  if (code === "ENOTDIR") return "a part of the path is not a directory";
  return error instanceof Error ? error.message : String(error);
}
