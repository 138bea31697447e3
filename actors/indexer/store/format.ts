/** What the store says of itself: its format and its state. Both are JSON under a key of the table `meta`. */
import type { BlockHash } from "../../../bitcoin/bytes.ts";

/** Raised whenever a byte in the store changes its meaning. There is no migration: an index is built again. */
export const FORMAT_VERSION = 2;

export interface StoreFormat {
  readonly version: number;
  readonly network: string;
  /** Of `RowKeys`, hex. */
  readonly secret: string;
}

/** A set of sorted rows of consecutive transactions, in all three tables under one number. */
export interface Run {
  readonly id: number;
  /** 0 as it was made from blocks; one more with each merge. */
  readonly level: number;
  readonly txNumberFirst: number;
  /** Rows of transactions from this number on were rolled back: readers skip them, the next merge drops them. */
  readonly txNumberEnd: number;
  /** Packed blocks, in the order of `TABLES`. */
  readonly blocks: readonly [number, number, number];
}

/** A merge under way: below (`table`, `from`) the target holds the rows, from there on the sources. */
export interface MergeState {
  readonly target: Run;
  readonly sources: readonly Run[];
  /** Place in `TABLES`. */
  readonly table: number;
  /** The first four bytes of the rows that come next. */
  readonly from: number;
}

export interface StoreState {
  /** -1 when nothing is indexed yet. */
  readonly height: number;
  readonly tipHash: BlockHash | undefined;
  readonly txCount: number;
  /** How often blocks were rolled back: whoever keeps facts by height compares it. */
  readonly rollbacks: number;
  readonly runNext: number;
  /** In the order of the chain; those of the merge are not among them. */
  readonly runs: readonly Run[];
  readonly merge: MergeState | undefined;
  /** Runs whose blocks are still to be deleted. */
  readonly dropped: readonly number[];
}

export const EMPTY_STATE: StoreState = Object.freeze({
  height: -1,
  tipHash: undefined,
  txCount: 0,
  rollbacks: 0,
  runNext: 1,
  runs: [],
  merge: undefined,
  dropped: [],
});

/** The runs that hold the rows of a key, in the order of the chain. */
export function runsFor(state: StoreState, table: number, keyHead: number): readonly Run[] {
  const { merge, runs } = state;
  if (merge === undefined) return runs;
  const isMerged = table < merge.table || (table === merge.table && keyHead < merge.from);
  const merging = isMerged ? [merge.target] : merge.sources;
  const place = runs.findIndex(({ txNumberFirst }) => txNumberFirst > merge.target.txNumberFirst);
  return place < 0 ? [...runs, ...merging] : [...runs.slice(0, place), ...merging, ...runs.slice(place)];
}

/** The state after the transactions from `txCount` on are gone: a matter of runs' limits, whatever their size. */
export function rolledBack(
  state: StoreState,
  height: number,
  tipHash: BlockHash | undefined,
  txCount: number,
): StoreState {
  const dropped = [...state.dropped];
  const cut = (runs: readonly Run[]): Run[] =>
    runs.flatMap((run) => {
      if (run.txNumberFirst >= txCount) {
        dropped.push(run.id);
        return [];
      }
      return [{ ...run, txNumberEnd: Math.min(run.txNumberEnd, txCount) }];
    });
  const runs = cut(state.runs);
  let merge: MergeState | undefined;
  if (state.merge !== undefined) {
    const sources = cut(state.merge.sources);
    const [target] = cut([state.merge.target]);
    merge = target === undefined ? undefined : { ...state.merge, sources, target };
  }
  return { ...state, height, tipHash, txCount, rollbacks: state.rollbacks + 1, runs, merge, dropped };
}

/**
 * The next merge: the oldest `fanIn` neighbours of one level. Neighbours only, so that a run always holds
 * consecutive transactions; one level only, so that each row is rewritten once per level.
 */
export function chooseMerge(state: StoreState, fanIn: number): readonly Run[] | undefined {
  for (let start = 0; start + fanIn <= state.runs.length; start++) {
    const group = state.runs.slice(start, start + fanIn);
    if (group.every(({ level }) => level === group[0]?.level)) return group;
  }
  return undefined;
}
