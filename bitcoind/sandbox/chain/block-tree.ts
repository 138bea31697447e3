/** Every block the sandbox ever took, as a tree: heights, work, and which of them may stand in the active chain. */

import { type Header, workOf } from "../../../bitcoin/block/header.ts";
import type { BlockHash } from "../../../bitcoin/bytes.ts";
import type { BlockPlace } from "./block-log.ts";

/** Bitcoin Core's window of the median time past. */
const MEDIAN_TIME_BLOCKS = 11;

export interface BlockEntry {
  readonly hash: BlockHash;
  readonly header: Header;
  readonly height: number;
  readonly parent: BlockEntry | undefined;
  /** The work of the whole chain up to here. */
  readonly chainWork: bigint;
  /** The order of arrival; the first seen of equal work wins. */
  readonly arrival: number;
  readonly transactionCount: number;
  readonly place: BlockPlace;
  /** Broken, taken out by `invalidateblock`, or built on such a block. */
  isInvalid: boolean;
}

export class BlockTree {
  readonly #entries = new Map<BlockHash, BlockEntry>();

  get size(): number {
    return this.#entries.size;
  }

  get(hash: BlockHash): BlockEntry | undefined {
    return this.#entries.get(hash);
  }

  add(hash: BlockHash, header: Header, transactionCount: number, place: BlockPlace): BlockEntry {
    const parent = this.#entries.get(header.previousHash);
    const entry: BlockEntry = {
      hash,
      header,
      height: parent === undefined ? 0 : parent.height + 1,
      parent,
      chainWork: (parent?.chainWork ?? 0n) + workOf(header.bits),
      arrival: this.#entries.size,
      transactionCount,
      place,
      isInvalid: parent?.isInvalid ?? false,
    };
    this.#entries.set(hash, entry);
    return entry;
  }

  /** The valid block with the most work; of equals the one that came first. */
  best(): BlockEntry {
    let best: BlockEntry | undefined;
    for (const entry of this.#entries.values()) {
      // Insertion is the order of arrival, so "more" keeps the first of equals.
      if (!entry.isInvalid && (best === undefined || entry.chainWork > best.chainWork)) best = entry;
    }
    if (best === undefined) throw new Error("broken invariant: the genesis block is invalid");
    return best;
  }

  /** Takes a block and all that stands on it out of the running. */
  markInvalid(entry: BlockEntry): void {
    entry.isInvalid = true;
    // Parents arrive before their children, so one pass in that order reaches every descendant.
    for (const other of this.#entries.values()) if (other.parent?.isInvalid === true) other.isInvalid = true;
  }

  /** Gives a block, what it stands on, and what stands on it another chance. */
  markValid(entry: BlockEntry): void {
    for (let at: BlockEntry | undefined = entry; at !== undefined; at = at.parent) at.isInvalid = false;
    const branch = new Set([entry]);
    for (const other of this.#entries.values()) {
      if (other.parent === undefined || !branch.has(other.parent)) continue;
      other.isInvalid = false;
      branch.add(other);
    }
  }

  /** Invalid blocks that stand on a valid one: what must be remembered to know all invalid ones. */
  invalidRoots(): BlockHash[] {
    return [...this.#entries.values()]
      .filter((entry) => entry.isInvalid && entry.parent?.isInvalid !== true)
      .map((entry) => entry.hash);
  }

  /** Blocks that nothing stands on. */
  leaves(): BlockEntry[] {
    const parents = new Set([...this.#entries.values()].map((entry) => entry.parent));
    return [...this.#entries.values()].filter((entry) => !parents.has(entry));
  }
}

/** The median of the last eleven times, in seconds; a later block must be younger (BIP113). */
export function medianTimeS(entry: BlockEntry): number {
  const times: number[] = [];
  for (
    let at: BlockEntry | undefined = entry;
    at !== undefined && times.length < MEDIAN_TIME_BLOCKS;
    at = at.parent
  ) {
    times.push(at.header.timeS);
  }
  times.sort((a, b) => a - b);
  return times[times.length >> 1] as number;
}

export function ancestorAt(entry: BlockEntry, height: number): BlockEntry {
  let at: BlockEntry | undefined = entry;
  while (at !== undefined && at.height > height) at = at.parent;
  if (at === undefined || at.height !== height) throw new RangeError(`no ancestor at height ${height}`);
  return at;
}
