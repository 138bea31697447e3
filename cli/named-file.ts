/** Files that a person names on the command line: read whole within a limit, or written anew; what keeps us from it is said in words. */
import { readFileSync } from "node:fs";
import { createWhole } from "../runtime/whole-file.ts";
import { misuse } from "./errors.ts";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a directory",
  ENOTDIR: "a part of the path is not a directory",
  EACCES: "we have no permission",
  EPERM: "we have no permission",
  ELOOP: "its symbolic links go in a circle",
  ENAMETOOLONG: "the name is too long",
  EROFS: "the disk is read-only",
  ENOSPC: "no space left on the disk",
  EDQUOT: "our quota of the disk is used up",
};

/** `-` is what comes in by the pipe. */
export function readNamed(path: string, bytesMax: number): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path === "-" ? 0 : path);
  } catch (error) {
    throw misuse(`${shown(path)} cannot be read: ${reasonOf(error, {})}.`);
  }
  if (bytes.length > bytesMax) {
    throw misuse(`${shown(path)} is too large: ${bytes.length} bytes, and ${bytesMax} at most.`);
  }
  return bytes;
}

/** For its owner only, whole or not at all, and never over another file. */
export function writeNamed(path: string, bytes: Uint8Array): void {
  try {
    createWhole(path, bytes);
  } catch (error) {
    const reasons = { ENOENT: "there is no such directory", EEXIST: "there is a file of that name" };
    throw misuse(`${path} cannot be written: ${reasonOf(error, reasons)}.`);
  }
}

function reasonOf(error: unknown, first: Readonly<Record<string, string>>): string {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return first[code] ?? REASONS[code] ?? message;
}

function shown(path: string): string {
  if (path === "-") return "What came by the pipe";
  return path.length > 100 ? `${path.slice(0, 100)}…` : path;
}
