/** The configuration file on the disk: read with care, written whole or not at all. */
import { closeSync, constants, existsSync, fstatSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { TroupeError } from "../errors.ts";
import { createWhole, writeWhole } from "../whole-file.ts";

/** Hundreds of times what a full configuration needs. */
const CONFIG_BYTES_MAX = 1024 * 1024;

/**
 * The file's text, or undefined when it is missing and may be. Whoever can write this file chooses which node we
 * believe and where keys lie, so a file that others may write is refused.
 */
export function readConfigFile(path: string, isOptional: boolean): string | undefined {
  let file: number | undefined;
  try {
    // O_NONBLOCK: opening a named pipe must not wait for a writer.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(file);
    if (!stat.isFile()) throw unreadable(path, "it is not an ordinary file");
    if (stat.size > CONFIG_BYTES_MAX) throw unreadable(path, `it is larger than ${CONFIG_BYTES_MAX} bytes`);
    const uid = process.getuid?.();
    if (uid !== undefined && stat.uid !== uid && stat.uid !== 0) {
      throw exposed(path, `it belongs to another user (${stat.uid})`, `sudo chown ${uid} '${path}'`);
    }
    if ((stat.mode & 0o022) !== 0) {
      throw exposed(path, `mode ${(stat.mode & 0o777).toString(8)}`, `chmod 600 '${path}'`);
    }
    const bytes = readFileSync(file);
    if (bytes.length > CONFIG_BYTES_MAX)
      throw unreadable(path, `it is larger than ${CONFIG_BYTES_MAX} bytes`);
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TroupeError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    // Below a file there is none either; that the directory is a file is for others to say.
    if ((code === "ENOENT" || code === "ENOTDIR") && isOptional) return undefined;
    throw unreadable(path, READ_REASONS[code ?? ""] ?? (error as Error).message, error);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

const READ_REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "we have no permission",
  ENOTDIR: "a part of the path is not a directory",
  ELOOP: "its symbolic links go in a circle",
  ENXIO: "it is not an ordinary file",
  ERR_ENCODING_INVALID_ENCODED_DATA: "it is not UTF-8 text",
};

/** Throws `RUNTIME_CONFIG_EXISTS`: nobody is to answer questions in vain. */
export function assertNoConfigFile(path: string): void {
  if (existsSync(path)) throw isThere(path);
}

/** Writes the file with mode 0600, whole or not at all. Without `replace` an existing file stays. */
export function writeConfigFile(path: string, text: string, options: { replace: boolean }): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    if (options.replace) writeWhole(path, text);
    else createWhole(path, text);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") throw isThere(path, error);
    throw new TroupeError(
      { code: "RUNTIME_CONFIG_UNWRITABLE", path },
      `${path} could not be written: ${(error as Error).message}. Choose a path in a directory of yours.`,
      { cause: error },
    );
  }
}

function isThere(path: string, cause?: unknown): TroupeError {
  return new TroupeError(
    { code: "RUNTIME_CONFIG_EXISTS", path },
    `${path} is there already and was not touched. Give --force to replace it, or another path.`,
    { cause },
  );
}

function unreadable(path: string, why: string, cause?: unknown): TroupeError {
  return new TroupeError(
    { code: "RUNTIME_CONFIG_UNREADABLE", path },
    `The configuration file ${path} cannot be read: ${why}. ${remedyOf(path, cause)}`,
    { cause },
  );
}

function remedyOf(path: string, cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  if (code === "ENOENT") return `Type: supervisor config init '${path}' to have one written.`;
  if (code === "EACCES") return `Let us read it: sudo chown "$USER" '${path}' && chmod 600 '${path}'`;
  return "Mend it, or name another with --config.";
}

function exposed(path: string, why: string, remedy: string): TroupeError {
  return new TroupeError(
    { code: "RUNTIME_CONFIG_EXPOSED", path },
    `The configuration file ${path} can be written by other users (${why}), so it is not used. Check what it says, then type: ${remedy}`,
  );
}
