/** Reads the actors' log files as one: merged by time, from the end backwards, and on through rotation. */
import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";

const CHUNK_BYTES = 64 * 1024;
/** A log line is at most 16 KiB; what is longer is not ours and is cut. */
const LINE_BYTES_MAX = 64 * 1024;

export interface LogLine {
  readonly actor: string;
  /** As written, without its end. */
  readonly text: string;
  /** Milliseconds since the epoch; lines that cannot be read take the place of the line before them. */
  readonly timeMs: number;
  readonly level: string;
}

/** Says which lines are wanted. */
export type LineFilter = (line: LogLine) => boolean;

/** The actors that have a log in this directory, by name. */
export function actorsWithLogs(directory: string): string[] {
  return namesIn(directory)
    .map((name) => /^([a-z0-9_-]+)\.log$/.exec(name)?.[1])
    .filter((actor) => actor !== undefined)
    .sort();
}

/** The last `count` lines that pass the filter, oldest first, of these actors together, rotated files included. */
export function lastLines(
  directory: string,
  actors: readonly string[],
  count: number,
  filter: LineFilter,
): LogLine[] {
  const found = actors.flatMap((actor) => lastOf(directory, actor, count, filter));
  return count === 0 ? [] : byTime(found).slice(-count);
}

function lastOf(directory: string, actor: string, count: number, filter: LineFilter): LogLine[] {
  const newestFirst: LogLine[] = [];
  for (const path of filesOf(directory, actor)) {
    for (const text of linesBackwards(path)) {
      if (newestFirst.length >= count) return newestFirst.reverse();
      const line = parseLine(actor, text, newestFirst.at(-1)?.timeMs ?? Number.NaN);
      if (filter(line)) newestFirst.push(line);
    }
  }
  return newestFirst.reverse();
}

/** `x.log`, then `x.log.1`, `x.log.2`, …: youngest first. */
function filesOf(directory: string, actor: string): string[] {
  const ages = namesIn(directory)
    .filter((name) => name.startsWith(`${actor}.log.`))
    .map((name) => Number(name.slice(actor.length + 5)))
    .filter((age) => Number.isInteger(age) && age > 0)
    .sort((a, b) => a - b);
  return [`${actor}.log`, ...ages.map((age) => `${actor}.log.${age}`)].map((name) => join(directory, name));
}

function* linesBackwards(path: string): Generator<string> {
  const file = openOrUndefined(path);
  if (file === undefined) return;
  try {
    let position = fstatSync(file).size;
    let rest: Buffer = Buffer.alloc(0);
    while (position > 0) {
      const lengthBytes = Math.min(CHUNK_BYTES, position);
      position -= lengthBytes;
      const chunk = Buffer.concat([readAt(file, position, lengthBytes), rest]);
      let end = chunk.length;
      for (let at = chunk.lastIndexOf(0x0a, end - 1); at !== -1 && end > 0; ) {
        if (at < end - 1) yield chunk.toString("utf8", at + 1, end);
        end = at;
        at = end === 0 ? -1 : chunk.lastIndexOf(0x0a, end - 1);
      }
      rest = Buffer.from(chunk.subarray(0, Math.min(end, LINE_BYTES_MAX)));
    }
    if (rest.length > 0) yield rest.toString("utf8");
  } finally {
    closeSync(file);
  }
}

/** Follows the logs of a directory: each `poll` gives what has been written since the one before. */
export class LogFollower {
  readonly #directory: string;
  readonly #wanted: (actor: string) => boolean;
  readonly #tails = new Map<string, Tail>();

  /** What stands in the files now is not told; files that appear later are told from their beginning. */
  constructor(directory: string, wanted: (actor: string) => boolean) {
    this.#directory = directory;
    this.#wanted = wanted;
    for (const actor of actorsWithLogs(directory).filter(wanted)) {
      this.#tails.set(actor, new Tail(directory, actor, "end"));
    }
  }

  poll(): LogLine[] {
    for (const actor of actorsWithLogs(this.#directory).filter(this.#wanted)) {
      if (!this.#tails.has(actor)) this.#tails.set(actor, new Tail(this.#directory, actor, "beginning"));
    }
    return byTime([...this.#tails.values()].flatMap((tail) => tail.read()));
  }

  close(): void {
    for (const tail of this.#tails.values()) tail.close();
    this.#tails.clear();
  }
}

/** One actor's file, held open so that what is written before a rotation is read after it. */
class Tail {
  readonly #directory: string;
  readonly #actor: string;
  #file: number | undefined;
  #position = 0;
  #rest: Buffer = Buffer.alloc(0);
  #timeMs = Number.NaN;

  constructor(directory: string, actor: string, from: "beginning" | "end") {
    this.#directory = directory;
    this.#actor = actor;
    this.#file = openOrUndefined(join(directory, `${actor}.log`));
    if (this.#file !== undefined && from === "end") this.#position = fstatSync(this.#file).size;
  }

  read(): LogLine[] {
    const [current = "", ...older] = filesOf(this.#directory, this.#actor);
    if (this.#file === undefined) return this.#readFrom(current);
    const lines = this.#readOn();
    const inode = fstatSync(this.#file).ino;
    if (inodeOf(current) === inode) return lines;
    // Rotated, perhaps more than once since the last look: what lies between ours and the current one has not been read.
    const index = older.findIndex((path) => inodeOf(path) === inode);
    for (const path of older.slice(0, Math.max(0, index)).reverse()) lines.push(...this.#readFrom(path));
    lines.push(...this.#readFrom(current));
    return lines;
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #readFrom(path: string): LogLine[] {
    const file = openOrUndefined(path);
    // Between a rotation's rename and its new file there is none; the next look finds it.
    if (file === undefined) return [];
    this.close();
    this.#file = file;
    this.#position = 0;
    this.#rest = Buffer.alloc(0);
    return this.#readOn();
  }

  #readOn(): LogLine[] {
    const lines: LogLine[] = [];
    const file = this.#file;
    if (file === undefined) return lines;
    // Somebody emptied the file: what comes now stands at its beginning.
    if (fstatSync(file).size < this.#position) this.#position = 0;
    for (;;) {
      const chunk = readAt(file, this.#position, CHUNK_BYTES);
      if (chunk.length === 0) return lines;
      this.#position += chunk.length;
      let from = 0;
      for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, from)) {
        const text = Buffer.concat([this.#rest, chunk.subarray(from, end)]).toString("utf8");
        this.#rest = Buffer.alloc(0);
        from = end + 1;
        if (text === "") continue;
        const line = parseLine(this.#actor, text, this.#timeMs);
        this.#timeMs = line.timeMs;
        lines.push(line);
      }
      this.#rest = Buffer.concat([this.#rest, chunk.subarray(from)]).subarray(0, LINE_BYTES_MAX);
    }
  }
}

function parseLine(actor: string, text: string, otherwiseMs: number): LogLine {
  let value: { time?: unknown; level?: unknown } | null = null;
  try {
    value = JSON.parse(text) as { time?: unknown; level?: unknown } | null;
  } catch {
    // Cut short by a crash; it is shown as it is, where it stands.
  }
  const timeMs = typeof value?.time === "string" ? Date.parse(value.time) : Number.NaN;
  const level = typeof value?.level === "string" ? value.level : "";
  return { actor, text, timeMs: Number.isNaN(timeMs) ? otherwiseMs : timeMs, level };
}

/** Merges the actors' lines. Within one actor they stay as written, even when its clock was set back. */
function byTime(lines: readonly LogLine[]): LogLine[] {
  const byActor = new Map<string, LogLine[]>();
  for (const line of lines) {
    const queue = byActor.get(line.actor);
    if (queue === undefined) byActor.set(line.actor, [line]);
    else queue.push(line);
  }
  const queues = [...byActor.values()].map((queue) => ({ queue, next: 0 }));
  const merged: LogLine[] = [];
  while (merged.length < lines.length) {
    let first: { queue: LogLine[]; next: number } | undefined;
    for (const candidate of queues) {
      if (candidate.next === candidate.queue.length) continue;
      if (first === undefined || headMs(candidate) < headMs(first)) first = candidate;
    }
    const line = first?.queue[first.next];
    if (first === undefined || line === undefined) break;
    first.next++;
    merged.push(line);
  }
  return merged;
}

function headMs({ queue, next }: { queue: LogLine[]; next: number }): number {
  const timeMs = queue[next]?.timeMs ?? Number.NaN;
  return Number.isNaN(timeMs) ? 0 : timeMs;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function openOrUndefined(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

function readAt(file: number, position: number, lengthBytes: number): Buffer {
  const buffer = Buffer.alloc(lengthBytes);
  return buffer.subarray(0, readSync(file, buffer, 0, lengthBytes, position));
}
