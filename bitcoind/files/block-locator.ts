/** Finds blocks by hash in a node's files, reading on through them as far as it must. */
import type { BlockHash } from "../../bitcoin/bytes.ts";
import type { BlockFiles, BlockRecord, FilePosition } from "./block-files.ts";
import type { BlockPlace } from "./block-reader.ts";

/** Files looked through at once: a disk answers several small reads in the time of one. */
const FILES_AT_ONCE = 4;
/** Hexadecimal digits of a hash that a number holds exactly. */
const KEY_DIGITS = 13;

export interface LocatedBlock extends BlockPlace {
  readonly txCount: number;
}

export class BlockLocator {
  readonly files: BlockFiles;
  /**
   * Blocks that were passed and not yet asked for, by the last digits of their hash (the first ones are zeros). A node
   * receives blocks in nearly the order of the chain, so these are few, unless a sync goes on in the middle of it: then
   * all before it stay here, a hundred bytes each. Two hashes with the same 52 bits show when the block is read.
   */
  readonly #passed = new Map<number, LocatedBlock>();
  readonly #underWay: Promise<{ records: BlockRecord[]; next: FilePosition }>[] = [];
  #waiting: number[] | undefined;
  /** Where the last file that was looked through went on. */
  #next: FilePosition | undefined;

  constructor(files: BlockFiles) {
    this.files = files;
  }

  /** In the order of the hashes; nothing for a block that is in none of the files. Each block is found once. */
  async locate(hashes: readonly BlockHash[], signal: AbortSignal): Promise<(LocatedBlock | undefined)[]> {
    const found: (LocatedBlock | undefined)[] = [];
    let hasMore = true;
    for (const hash of hashes) {
      const key = hashKey(hash);
      while (hasMore && !this.#passed.has(key)) {
        signal.throwIfAborted();
        hasMore = await this.#readOn();
      }
      found.push(this.#passed.get(key));
      this.#passed.delete(key);
    }
    return found;
  }

  /** Looks through one more file, or through what was added to the last one; false when nothing was added. */
  async #readOn(): Promise<boolean> {
    if (this.#underWay.length === 0 && (this.#waiting ?? []).length === 0) {
      // All files were looked through: the node may have written since.
      const last = this.#next;
      const numbers = (await this.files.numbers()).filter((number) => number > (last?.file ?? -1));
      if (last !== undefined) {
        const { records, next } = await this.files.recordsOf(last);
        this.#add(records, next);
        this.#waiting = numbers;
        return records.length > 0 || numbers.length > 0;
      }
      this.#waiting = numbers;
    }
    this.#begin();
    const oldest = this.#underWay.shift();
    if (oldest === undefined) return false;
    const { records, next } = await oldest;
    this.#add(records, next);
    this.#begin();
    return true;
  }

  #begin(): void {
    while (this.#underWay.length < FILES_AT_ONCE) {
      const number = this.#waiting?.shift();
      if (number === undefined) return;
      const records = this.files.recordsOf({ file: number, offset: 0 });
      records.catch(() => {}); // awaited in its turn
      this.#underWay.push(records);
    }
  }

  #add(records: readonly BlockRecord[], next: FilePosition): void {
    for (const { hash, ...located } of records) this.#passed.set(hashKey(hash), located);
    this.#next = next;
  }
}

/** The last digits of a hash: the first ones are zeros. Two blocks with one key show when their whole hashes are compared, or the block is read. */
export function hashKey(hash: BlockHash): number {
  return Number.parseInt(hash.slice(-KEY_DIGITS), 16);
}
