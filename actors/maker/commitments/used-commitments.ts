/** Commitments that were used, in a file of one a line: whoever shows one again is refused. */
import { appendFileSync, readFileSync } from "node:fs";
import { canonicalCommitment } from "../../../joinmarket/messages/commitment.ts";
import { hasCode } from "../../../runtime/errors.ts";
import { writeWhole } from "../../../runtime/whole-file.ts";

export interface UsedCommitmentsOptions {
  readonly path: string;
  /** The oldest are forgotten first. */
  readonly most: number;
  /** Whether each is on the disk before anything else happens. */
  readonly isFlushed: boolean;
}

export class UsedCommitments {
  readonly #path: string;
  readonly #most: number;
  readonly #isFlushed: boolean;
  readonly #known = new Set<string>();
  #lines = 0;

  /** Reads what was kept; a line that a sudden end cut short is passed over. */
  constructor({ path, most, isFlushed }: UsedCommitmentsOptions) {
    this.#path = path;
    this.#most = most;
    this.#isFlushed = isFlushed;
    const text = readOrNothing(path);
    for (const line of text.split("\n")) {
      const commitment = canonicalCommitment(line.trim());
      if (commitment !== undefined) this.#remember(commitment);
      this.#lines++;
    }
    if (text !== "" && !text.endsWith("\n")) this.#rewrite();
  }

  get count(): number {
    return this.#known.size;
  }

  has(commitment: string): boolean {
    return this.#known.has(commitment);
  }

  /** False if it was known. */
  add(commitment: string): boolean {
    if (this.#known.has(commitment)) return false;
    this.#remember(commitment);
    appendFileSync(this.#path, `${commitment}\n`, { mode: 0o600, flush: this.#isFlushed });
    this.#lines++;
    // The file may hold as many forgotten ones as known ones before it is written anew.
    if (this.#lines > 2 * this.#most) this.#rewrite();
    return true;
  }

  #remember(commitment: string): void {
    this.#known.add(commitment);
    if (this.#known.size <= this.#most) return;
    for (const oldest of this.#known) {
      this.#known.delete(oldest);
      return;
    }
  }

  #rewrite(): void {
    writeWhole(this.#path, [...this.#known, ""].join("\n"));
    this.#lines = this.#known.size;
  }
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return "";
    throw error;
  }
}
