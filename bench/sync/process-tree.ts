/** What a process and all its descendants take, as Linux counts it: memory at their peak, processor time. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Of Linux on every machine that Node runs on. */
const TICKS_PER_SECOND = 100;

export class ProcessTree {
  readonly #pid: number;
  /** By process: what was last seen of it, so that one that ended still counts. */
  readonly #peaks = new Map<number, number>();
  readonly #seconds = new Map<number, number>();
  #ownBytesMax = 0;

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** Looks at every process of the tree; call it often, so that none lives and dies unseen. */
  look(): void {
    for (const pid of this.#all(this.#pid)) {
      const peak = /VmHWM:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`))?.[1];
      if (peak !== undefined) this.#peaks.set(pid, Number(peak) * 1_024);
      // Behind the name, which may hold anything, in parentheses: user and system time are the 12th and 13th field.
      const fields = read(`/proc/${pid}/stat`).split(") ").at(-1)?.split(" ") ?? [];
      if (fields.length > 13) {
        this.#seconds.set(pid, (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND);
      }
    }
    this.#ownBytesMax = Math.max(this.#ownBytesMax, this.ownBytesNow());
  }

  /** What all have together at this moment, without pages of files. */
  ownBytesNow(): number {
    const statuses = [...this.#all(this.#pid)].map((pid) => read(`/proc/${pid}/status`));
    return sum(statuses.map((status) => Number(/RssAnon:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1_024));
  }

  /** The kernel's own marks of the most memory that each ever held (files in the map included), added up. */
  get peakRssBytes(): number {
    return sum(this.#peaks.values());
  }

  /** The most that all had together at one look, without pages of files, which the kernel takes back when it needs them. */
  get peakOwnBytes(): number {
    return this.#ownBytesMax;
  }

  get cpuSeconds(): number {
    return sum(this.#seconds.values());
  }

  *#all(pid: number): Generator<number> {
    yield pid;
    for (const thread of list(`/proc/${pid}/task`)) {
      const children = read(`/proc/${pid}/task/${thread}/children`).split(" ");
      for (const child of children) if (child !== "") yield* this.#all(Number(child));
    }
  }
}

/** What a directory takes on its disk. */
export function diskBytes(path: string): number {
  const { blocks } = statSync(path);
  const names = statSync(path).isDirectory() ? list(path) : [];
  return blocks * 512 + sum(names.map((name) => diskBytes(join(path, name))));
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // it has ended meanwhile
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return []; // it has ended meanwhile
  }
}
