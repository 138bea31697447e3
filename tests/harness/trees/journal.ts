/** A durable list: each record is on the disk before it is acknowledged, and its key is in the same record, so that a crash cannot part them. */
import { closeSync, constants, existsSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";

const { O_WRONLY, O_APPEND, O_CREAT, O_DSYNC } = constants;

interface JournalRecord {
  readonly key: string;
  readonly value: string;
}

export class Journal {
  readonly #file: number;
  readonly #lines = new Map<string, number>();

  constructor(path: string) {
    const records = existsSync(path) ? readJournal(path) : { records: [], lengthBytes: 0 };
    // Each write is on the disk when it returns. Not fsync: Node's permission model forbids it.
    this.#file = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_DSYNC, 0o600);
    // A record torn by a kill was never acknowledged: it goes, so that the next one begins on its own line.
    ftruncateSync(this.#file, records.lengthBytes);
    for (const { key } of records.records) this.#lines.set(key, this.#lines.size);
  }

  /** The line of the key, written now if it is new. */
  append(key: string, value: string): number {
    const known = this.#lines.get(key);
    if (known !== undefined) return known;
    writeSync(this.#file, `${JSON.stringify({ key, value } satisfies JournalRecord)}\n`);
    const line = this.#lines.size;
    this.#lines.set(key, line);
    return line;
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** The whole records of a journal, and how many bytes they take; a torn last one is left out. */
export function readJournal(path: string): { records: JournalRecord[]; lengthBytes: number } {
  const text = readFileSync(path, "utf8");
  const end = text.lastIndexOf("\n") + 1;
  const lines = text.slice(0, end).split("\n").filter(Boolean);
  return {
    records: lines.map((line) => JSON.parse(line) as JournalRecord),
    lengthBytes: Buffer.byteLength(text.slice(0, end)),
  };
}
