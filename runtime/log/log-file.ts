/** The log file of one actor: appended to at once, bounded by rotation, and patient with a full disk. */
import nodeFs from "node:fs";
import { dirname } from "node:path";
import { type Clock, systemClock } from "../clock.ts";
import { TroupeError } from "../errors.ts";
import type { LogDestination } from "./log.ts";

export const LOG_FILE_BYTES_MAX = 16 * 1024 * 1024;
export const LOG_FILES_KEPT = 3;

type FileSystem = Pick<
  typeof nodeFs,
  | "openSync"
  | "writeSync"
  | "fstatSync"
  | "fchmodSync"
  | "closeSync"
  | "renameSync"
  | "mkdirSync"
  | "fsyncSync"
>;

export interface LogFileOptions {
  readonly path: string;
  /** Named in the line that tells of lost lines. */
  readonly actor: string;
  readonly bytesMax?: number;
  /** How many old files stay beside the current one: `x.log.1` is the youngest. */
  readonly kept?: number;
  readonly clock?: Clock;
  readonly fileSystem?: FileSystem;
}

/**
 * Opens the file for appending, mode 0600, its directory 0700. Writes are synchronous: a line that was logged is in the
 * file when the thread dies a microsecond later (about 3 us a line, and log lines are rare).
 */
export function openLogFile(options: LogFileOptions): LogFile {
  return new LogFile(options);
}

export class LogFile implements LogDestination {
  readonly #path: string;
  readonly #actor: string;
  readonly #bytesMax: number;
  readonly #kept: number;
  readonly #clock: Clock;
  readonly #fs: FileSystem;
  #file: number | undefined;
  #bytes = 0;
  #endsInsideLine = false;
  #lost = 0;
  #lostSince = 0;
  #lostWhy = "";
  #isClosed = false;

  constructor(options: LogFileOptions) {
    this.#path = options.path;
    this.#actor = options.actor;
    this.#bytesMax = options.bytesMax ?? LOG_FILE_BYTES_MAX;
    this.#kept = options.kept ?? LOG_FILES_KEPT;
    this.#clock = options.clock ?? systemClock;
    this.#fs = options.fileSystem ?? nodeFs;
    try {
      this.#fs.mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      this.#open();
    } catch (error) {
      // A full disk is no reason not to start; a wrong path is.
      if (isNoSpace(error)) return;
      throw new TroupeError(
        { code: "RUNTIME_LOG_UNWRITABLE", path: this.#path },
        `The log file ${this.#path} cannot be opened: ${whyOf(error)}. Check that its directory belongs to us.`,
        { cause: error },
      );
    }
  }

  /** Lines lost since the last that was written. */
  get lostLines(): number {
    return this.#lost;
  }

  write(line: string): void {
    if (this.#isClosed) return;
    try {
      this.#append(this.#lost === 0 ? line : this.#lossLine() + line);
      this.#lost = 0;
    } catch (error) {
      if (this.#lost === 0) this.#lostSince = this.#clock.now();
      this.#lost++;
      this.#lostWhy = whyOf(error);
    }
  }

  /** Asks the disk to keep what was written: before an orderly end, not after each line. */
  flush(): void {
    if (this.#file === undefined) return;
    try {
      this.#fs.fsyncSync(this.#file);
    } catch {
      // Not every file system can; the lines are with the kernel in any case.
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#release();
  }

  #append(text: string): void {
    const bytes = Buffer.from(this.#endsInsideLine ? `\n${text}` : text, "utf8");
    if (this.#file === undefined) this.#open();
    if (this.#bytes > 0 && this.#bytes + bytes.length > this.#bytesMax) this.#rotate();
    const file = this.#file;
    if (file === undefined) throw new Error("the log file is not open");
    let written = 0;
    try {
      while (written < bytes.length)
        written += this.#fs.writeSync(file, bytes, written, bytes.length - written);
    } finally {
      this.#bytes += written;
      if (written > 0) this.#endsInsideLine = written < bytes.length;
    }
  }

  #open(): void {
    const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = nodeFs.constants;
    const file = this.#fs.openSync(this.#path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
    try {
      const { mode, size } = this.#fs.fstatSync(file);
      // An older file may be open to others. Only then: Node's permission model knows no fchmod.
      if ((mode & 0o077) !== 0) this.#fs.fchmodSync(file, 0o600);
      this.#bytes = size;
    } catch (error) {
      this.#fs.closeSync(file);
      throw error;
    }
    this.#file = file;
  }

  /** `x.log.2` becomes `x.log.3`, and so on; the oldest is overwritten. When that fails no line is written: bounded first. */
  #rotate(): void {
    for (let age = this.#kept - 1; age >= 1; age--) {
      try {
        this.#fs.renameSync(`${this.#path}.${age}`, `${this.#path}.${age + 1}`);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
    }
    this.#fs.renameSync(this.#path, `${this.#path}.1`);
    this.#release();
    this.#bytes = 0;
    this.#endsInsideLine = false;
    this.#open();
  }

  #release(): void {
    if (this.#file === undefined) return;
    const file = this.#file;
    this.#file = undefined;
    try {
      this.#fs.closeSync(file);
    } catch {
      // Nothing can be done about a file that does not close; the descriptor is gone.
    }
  }

  #lossLine(): string {
    const line = {
      level: "warn",
      time: new Date(this.#clock.now()).toISOString(),
      actor: this.#actor,
      code: "RUNTIME_LOG_LOST",
      lost: this.#lost,
      since: new Date(this.#lostSince).toISOString(),
      message: `${this.#lost} log ${this.#lost === 1 ? "line was" : "lines were"} lost: ${this.#lostWhy}`,
    };
    return `${JSON.stringify(line)}\n`;
  }
}

function isNoSpace(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOSPC" || code === "EDQUOT";
}

function whyOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOSPC") return "no space left on the disk";
  if (code === "EDQUOT") return "our quota of the disk is used up";
  if (code === "EACCES" || code === "EPERM") return "we have no permission";
  if (code === "EROFS") return "the disk is read-only";
  if (code === "ELOOP") return "it is a symbolic link";
  if (code === "ENOENT") return "its directory is gone";
  return code ?? (error instanceof Error ? error.message : String(error));
}
