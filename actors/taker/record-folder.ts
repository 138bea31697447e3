/** A folder of records, one file each, whole or not at all; the oldest of those that are over are deleted. */
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { z } from "zod";
import type { Log } from "../../runtime/log/log.ts";
import { writeWhole } from "../../runtime/whole-file.ts";
import { denials } from "./denials.ts";

export interface Kept {
  readonly id: string;
  readonly startedAtS: number;
}

export interface FolderRules<R extends Kept> {
  readonly schema: z.ZodType<R>;
  isOver(record: R): boolean;
  /** So many of those that are over stay. */
  readonly overMax: number;
}

const FILE = /^([0-9a-f]{16})\.json$/;

export class RecordFolder<R extends Kept> {
  readonly #path: string;
  readonly #rules: FolderRules<R>;

  constructor(path: string, rules: FolderRules<R>) {
    this.#path = path;
    this.#rules = rules;
  }

  /** All that can be read, the oldest first. */
  load(log: Log): R[] {
    mkdirSync(this.#path, { recursive: true, mode: 0o700 });
    const records: R[] = [];
    for (const name of readdirSync(this.#path)) {
      if (!FILE.test(name)) continue;
      try {
        records.push(this.#rules.schema.parse(JSON.parse(readFileSync(join(this.#path, name), "utf8"))));
      } catch (error) {
        // Its coins come free by themselves when their time is over.
        log.error("what was kept of a coinjoin cannot be read", { file: name, error });
      }
    }
    return records.sort((a, b) => a.startedAtS - b.startedAtS);
  }

  /** On the disk when it returns. */
  keep(record: R): void {
    try {
      writeWhole(join(this.#path, `${record.id}.json`), JSON.stringify(record));
    } catch (error) {
      throw denials.disk(error);
    }
  }

  /** Deletes the oldest that are over; gives back those that stay. */
  prune(records: readonly R[]): readonly R[] {
    const over = records.filter((record) => this.#rules.isOver(record));
    const dropped = new Set(
      over.slice(0, Math.max(0, over.length - this.#rules.overMax)).map(({ id }) => id),
    );
    for (const id of dropped) rmSync(join(this.#path, `${id}.json`), { force: true });
    return records.filter(({ id }) => !dropped.has(id));
  }
}
