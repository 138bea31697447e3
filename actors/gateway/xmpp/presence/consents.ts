/** Who has subscribed to the door's presence: kept in a file, so that after a restart they see it again. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../../../../runtime/log/log.ts";
import { writeWhole } from "../../../../runtime/whole-file.ts";

const FILE = "xmpp-subscribers.json";
const MOST = 100_000;

export class Consents {
  readonly #path: string;
  readonly #log: Log;
  readonly #jids: Set<string>;

  constructor(directory: string, log: Log) {
    this.#path = join(directory, FILE);
    this.#log = log;
    this.#jids = new Set(this.#read());
  }

  has(jid: string): boolean {
    return this.#jids.has(jid);
  }

  all(): readonly string[] {
    return [...this.#jids];
  }

  add(jid: string): void {
    if (this.#jids.has(jid) || this.#jids.size >= MOST) return;
    this.#jids.add(jid);
    this.#write();
  }

  delete(jid: string): void {
    if (this.#jids.delete(jid)) this.#write();
  }

  #write(): void {
    try {
      writeWhole(this.#path, JSON.stringify([...this.#jids]));
    } catch (error) {
      // Presence is a convenience: without the file people see us again when they go online.
      this.#log.warn("the list of those who see our presence cannot be written", { error });
    }
  }

  #read(): string[] {
    try {
      const read: unknown = JSON.parse(readFileSync(this.#path, "utf8"));
      return Array.isArray(read) ? read.filter((jid) => typeof jid === "string").slice(0, MOST) : [];
    } catch {
      // None yet, or damaged: people subscribe again.
      return [];
    }
  }
}
