/** Reads pieces of a node's block files at once, where they are asked for. What it gives may be of any content: check it. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Timer } from "../../runtime/clock.ts";
import { fileName, KEY_LENGTH_BYTES, readKey, unhide } from "./block-reader.ts";

export interface FileSlicesOptions {
  /** The node's directory with `blk00000.dat`. It need not be there. */
  readonly directory: string;
  readonly clock: Clock;
}

/** Descriptors at once: more would only hold more of what a node has pruned meanwhile. */
const OPEN_MAX = 32;
/** A file that is gone keeps its room on the disk as long as somebody has it open. */
const SWEEP_MS = 10_000;
/** So long a file that is not there, or a key that cannot be read, is not looked for again. */
const ABSENT_MS = 10_000;
/** What a node that begins anew may have changed is not looked at more often. */
const ANEW_MS = 10_000;

interface OpenFile {
  readonly descriptor: number;
  isUsed: boolean;
}

export class FileSlices {
  readonly #directory: string;
  readonly #clock: Clock;
  /** In the order of their use, the oldest first. */
  readonly #open = new Map<number, OpenFile>();
  readonly #absent = new Map<number, number>();
  #key: { readonly bytes: Uint8Array | undefined } | undefined;
  #keyAbsentMs = Number.NEGATIVE_INFINITY;
  #anewMs = Number.NEGATIVE_INFINITY;
  #bytes = new Uint8Array(0);
  #sweep: Timer | undefined;

  constructor({ directory, clock }: FileSlicesOptions) {
    this.#directory = directory;
    this.#clock = clock;
  }

  get openFiles(): number {
    return this.#open.size;
  }

  /** Valid until the next reading. Nothing where the file is not there, ends before, or cannot be read. */
  read(file: number, offset: number, lengthBytes: number): Uint8Array | undefined {
    if (lengthBytes <= 0) return undefined;
    try {
      const key = this.#keyNow();
      const descriptor = key && this.#descriptor(file);
      if (descriptor === undefined) return undefined;
      // At the same remainder of eight as in the file: so the key falls on whole words.
      const start = offset % KEY_LENGTH_BYTES;
      const end = start + lengthBytes;
      if (this.#bytes.length < end) this.#bytes = new Uint8Array(roomFor(end));
      for (let at = start; at < end; ) {
        const read = readSync(descriptor, this.#bytes, at, end - at, offset + at - start);
        if (read === 0) return undefined;
        at += read;
      }
      if (key?.bytes !== undefined) unhide(this.#bytes, start, end, key.bytes);
      return this.#bytes.subarray(start, end);
    } catch {
      // A disk that fails, a file whose rights were taken away: whoever asks has another way.
      this.#closeFile(file);
      return undefined;
    }
  }

  /** What was read was not what should be there: files and key are opened anew, if that has not been tried just now. */
  doubt(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#anewMs + ANEW_MS) return;
    this.#anewMs = nowMs;
    this.close();
    this.#key = undefined;
  }

  /** Lets go of all files; they are opened again where they are asked for. */
  close(): void {
    this.#sweep?.cancel();
    this.#sweep = undefined;
    for (const { descriptor } of this.#open.values()) closeSync(descriptor);
    this.#open.clear();
    this.#absent.clear();
  }

  /** Nothing where it cannot be read; with no `bytes` the files are plain. */
  #keyNow(): { readonly bytes: Uint8Array | undefined } | undefined {
    if (this.#key !== undefined) return this.#key;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#keyAbsentMs + ABSENT_MS) return undefined;
    try {
      this.#key = { bytes: readKey(this.#directory) };
    } catch {
      this.#keyAbsentMs = nowMs;
    }
    return this.#key;
  }

  #descriptor(file: number): number | undefined {
    const known = this.#open.get(file);
    if (known !== undefined) {
      known.isUsed = true;
      this.#open.delete(file);
      this.#open.set(file, known);
      return known.descriptor;
    }
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < (this.#absent.get(file) ?? Number.NEGATIVE_INFINITY)) return undefined;
    let descriptor: number;
    try {
      descriptor = openSync(join(this.#directory, fileName(file)), "r");
    } catch {
      this.#absent.set(file, nowMs + ABSENT_MS);
      // The directory may come later, and its key with it.
      if (this.#open.size === 0) this.#key = undefined;
      this.#sweepLater();
      return undefined;
    }
    this.#open.set(file, { descriptor, isUsed: true });
    if (this.#open.size > OPEN_MAX) this.#closeFile([...this.#open.keys()][0] as number);
    this.#sweepLater();
    return descriptor;
  }

  /** Closes what was not used since the last time, and what is not in the directory any more. */
  #sweepNow(): void {
    this.#sweep = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (const [file, open] of this.#open) {
      if (open.isUsed && isLinked(open.descriptor)) open.isUsed = false;
      else this.#closeFile(file);
    }
    for (const [file, untilMs] of this.#absent) if (untilMs <= nowMs) this.#absent.delete(file);
    if (this.#open.size + this.#absent.size > 0) this.#sweepLater();
  }

  #sweepLater(): void {
    this.#sweep ??= this.#clock.after(SWEEP_MS, () => this.#sweepNow(), { background: true });
  }

  #closeFile(file: number): void {
    const open = this.#open.get(file);
    if (open === undefined) return;
    this.#open.delete(file);
    closeSync(open.descriptor);
  }
}

function isLinked(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).nlink > 0;
  } catch {
    return false;
  }
}

/** A power of two: pieces of all sizes come in any order. */
function roomFor(lengthBytes: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(lengthBytes, 4096)));
}
