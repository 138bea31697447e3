/** Reads blocks out of a node's files into memory, for a thread that does nothing else meanwhile. */
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { nodeError } from "../errors.ts";

export const KEY_LENGTH_BYTES = 8;

/** Where a block itself lies, behind its frame. */
export interface BlockPlace {
  /** The number in the file's name. */
  readonly file: number;
  readonly offset: number;
  readonly lengthBytes: number;
}

/** Blocks to be read: plain data, so that it can be sent to a thread. */
export interface StoredBlocks {
  readonly directory: string;
  readonly key: Uint8Array | undefined;
  readonly places: readonly BlockPlace[];
}

/** Block i lies from `starts[i]` to `ends[i]`. */
export interface RawBlocks {
  readonly bytes: Uint8Array;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

/** Keeps its memory from one reading to the next: what it gave is valid until then. */
export class BlockReader {
  #bytes = new Uint8Array(0);

  /** Throws NODE_BLOCK_FILE_UNREADABLE, also where a file ends too early. What was read may be of any content. */
  read({ directory, key, places }: StoredBlocks): RawBlocks {
    const starts = new Uint32Array(places.length);
    const ends = new Uint32Array(places.length);
    let at = 0;
    places.forEach(({ offset, lengthBytes }, i) => {
      // At the same remainder of eight as in its file: so the key falls on whole words.
      at += (offset - at) & (KEY_LENGTH_BYTES - 1);
      starts[i] = at;
      at += lengthBytes;
      ends[i] = at;
    });
    if (this.#bytes.length < at) {
      this.#bytes = new Uint8Array(Math.ceil(at / KEY_LENGTH_BYTES) * KEY_LENGTH_BYTES);
    }
    const bytes = this.#bytes;
    let open: { readonly number: number; readonly path: string; readonly descriptor: number } | undefined;
    try {
      places.forEach(({ file, offset }, i) => {
        if (open?.number !== file) {
          if (open !== undefined) closeSync(open.descriptor);
          open = undefined;
          open = openFile(directory, file);
        }
        const start = starts[i] as number;
        const end = ends[i] as number;
        readWhole(open.descriptor, open.path, bytes, start, end, offset);
        if (key !== undefined) unhide(bytes, start, end, key);
      });
    } finally {
      if (open !== undefined) closeSync(open.descriptor);
    }
    return { bytes, starts, ends };
  }
}

export function fileName(number: number): string {
  return `blk${String(number).padStart(5, "0")}.dat`;
}

/**
 * What hides the content of the directory's files (Bitcoin Core 28 and later, in new data directories). Nothing where they are
 * plain: no key file, or a key of zeros. Throws what the system throws, and where the file is no key.
 */
export function readKey(directory: string): Uint8Array | undefined {
  try {
    const key = readFileSync(join(directory, "xor.dat"));
    if (key.length !== KEY_LENGTH_BYTES) throw new Error(`xor.dat has ${key.length} bytes instead of 8`);
    return key.some((byte) => byte !== 0) ? Uint8Array.from(key) : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Takes the key off the bytes from `start` to `end`, of which byte i is hidden by the key's byte i mod 8: four bytes at
 * a time, an eighth of the time that single bytes take.
 */
export function unhide(bytes: Uint8Array, start: number, end: number, key: Uint8Array): void {
  const lanesStart = Math.ceil(start / KEY_LENGTH_BYTES) * KEY_LENGTH_BYTES;
  // Few bytes may lie within one word.
  const lanesEnd = Math.max(lanesStart, end - (end % KEY_LENGTH_BYTES));
  for (let i = start; i < Math.min(end, lanesStart); i++)
    bytes[i] = (bytes[i] as number) ^ (key[i & 7] as number);
  const lanes =
    lanesEnd === lanesStart
      ? new Uint32Array(0)
      : new Uint32Array(bytes.buffer, bytes.byteOffset + lanesStart, (lanesEnd - lanesStart) / 4);
  const [even = 0, odd = 0] = new Uint32Array(Uint8Array.from(key).buffer);
  for (let i = 0; i < lanes.length; i += 2) {
    lanes[i] = (lanes[i] as number) ^ even;
    lanes[i + 1] = (lanes[i + 1] as number) ^ odd;
  }
  for (let i = lanesEnd; i < end; i++) bytes[i] = (bytes[i] as number) ^ (key[i & 7] as number);
}

function openFile(directory: string, number: number): { number: number; path: string; descriptor: number } {
  const path = join(directory, fileName(number));
  try {
    return { number, path, descriptor: openSync(path, "r") };
  } catch (error) {
    throw unreadable(path, (error as NodeJS.ErrnoException).code ?? String(error), error);
  }
}

function readWhole(
  descriptor: number,
  path: string,
  bytes: Uint8Array,
  start: number,
  end: number,
  offset: number,
): void {
  for (let at = start; at < end; ) {
    let read: number;
    try {
      read = readSync(descriptor, bytes, at, end - at, offset + at - start);
    } catch (error) {
      throw unreadable(path, (error as NodeJS.ErrnoException).code ?? String(error), error);
    }
    if (read === 0) throw unreadable(path, `it ends before byte ${offset + end - start}`);
    at += read;
  }
}

function unreadable(path: string, reason: string, cause?: unknown): Error {
  return nodeError(
    { code: "NODE_BLOCK_FILE_UNREADABLE", node: path, reason },
    `The node's block file ${path} cannot be read (${reason}).`,
    cause,
  );
}
