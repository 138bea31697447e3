/** The folder in which coinjoins are kept: one file each, whole or not at all; the oldest of those that are over are deleted. */
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../../../runtime/log/log.ts";
import { writeWhole } from "../../../runtime/whole-file.ts";
import { denials } from "../denials.ts";
import { isOver, RecordSchema, type RunRecord } from "./record.ts";

const KEPT_MAX = 200;
const FILE = /^([0-9a-f]{16})\.json$/;

export class RecordFolder {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** All that can be read, the oldest first. */
  load(log: Log): RunRecord[] {
    mkdirSync(this.#path, { recursive: true, mode: 0o700 });
    const records: RunRecord[] = [];
    for (const name of readdirSync(this.#path)) {
      if (!FILE.test(name)) continue;
      try {
        records.push(RecordSchema.parse(JSON.parse(readFileSync(join(this.#path, name), "utf8"))));
      } catch (error) {
        // Its coins come free by themselves when their time is over.
        log.error("what was kept of a coinjoin cannot be read", { file: name, error });
      }
    }
    return records.sort((a, b) => a.startedAtS - b.startedAtS);
  }

  /** On the disk when it returns. */
  keep(record: RunRecord): void {
    try {
      writeWhole(join(this.#path, `${record.id}.json`), JSON.stringify(record));
    } catch (error) {
      throw denials.disk(error);
    }
  }

  /** Deletes the oldest that are over; gives back those that stay. */
  prune(records: readonly RunRecord[]): readonly RunRecord[] {
    const over = records.filter(isOver);
    const dropped = new Set(over.slice(0, Math.max(0, over.length - KEPT_MAX)).map(({ id }) => id));
    for (const id of dropped) rmSync(join(this.#path, `${id}.json`), { force: true });
    return records.filter(({ id }) => !dropped.has(id));
  }
}
