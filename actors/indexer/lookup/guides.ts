/** Which runs get a guide: as many as the memory allows, the small ones first, each when it has been asked often enough. */
import { TABLES, type Table } from "../rows/layout.ts";
import type { Run, StoreState } from "../store/format.ts";
import type { Snapshot } from "../store/snapshot.ts";
import type { RunCursor } from "./run-cursor.ts";
import { RunGuide } from "./run-guide.ts";
import type { Steps } from "./steps.ts";

/**
 * A guide is made when its run has been looked into this often for each block that making it must read. By itself it pays
 * after a lookup for each block; but who asks goes on asking, and what is made between questions costs nobody's time.
 */
const LOOKUPS_PER_BLOCK = 0.01;
const LOOKUPS_MIN = 4;
/** Reading a block for it takes as long as a few lookups without: with so many ahead it is made before them. */
const LOOKUPS_AHEAD_PER_BLOCK = 4;

interface Candidate {
  readonly t: number;
  readonly table: Table;
  readonly runId: number;
  readonly blocks: number;
  readonly cursor: RunCursor;
}

export class Guides {
  readonly #bytesMax: number;
  #candidates: readonly Candidate[] = [];

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#candidates.reduce((sum, { cursor }) => sum + (cursor.guide?.bytes ?? 0), 0);
  }

  /**
   * Every run costs one seek, whatever its size, so the small ones come first. What is being merged keeps its guide:
   * its blocks go one by one, and a reader asks only for those that are left. What is merged into grows: it has none.
   */
  follow(state: StoreState, cursorOf: (t: number, runId: number) => RunCursor | undefined): void {
    const runs: readonly Run[] = [...state.runs, ...(state.merge?.sources ?? [])];
    const all = runs.flatMap((run) =>
      TABLES.flatMap((table, t): Candidate[] => {
        const cursor = cursorOf(t, run.id);
        return cursor === undefined
          ? []
          : [{ t, table, runId: run.id, blocks: run.blocks[t] as number, cursor }];
      }),
    );
    all.sort((a, b) => a.blocks - b.blocks);
    let bytes = 0;
    this.#candidates = all.filter(({ blocks, table, cursor }) => {
      bytes += RunGuide.bytesOf(blocks, table);
      if (bytes <= this.#bytesMax) return true;
      cursor.guide = undefined;
      return false;
    });
  }

  /** Whether a run waits for its guide. */
  get isWanted(): boolean {
    return this.#next() !== undefined;
  }

  /** Makes the guide that is wanted most. */
  *make(view: Snapshot): Steps<void> {
    const next = this.#next();
    if (next === undefined) return;
    next.cursor.missedLookups = 0;
    next.cursor.guide = yield* RunGuide.build(view, next.table, next.t, next.runId);
  }

  /** Makes the run's guide now, if so many lookups in it cost more than that. */
  *makeAhead(view: Snapshot, cursor: RunCursor, lookups: number): Steps<void> {
    if (cursor.guide !== undefined) return;
    const candidate = this.#candidates.find((one) => one.cursor === cursor);
    if (candidate === undefined || lookups < candidate.blocks * LOOKUPS_AHEAD_PER_BLOCK) return;
    cursor.guide = yield* RunGuide.build(view, candidate.table, candidate.t, candidate.runId);
  }

  #next(): Candidate | undefined {
    return this.#candidates.find(
      ({ blocks, cursor }) =>
        cursor.guide === undefined &&
        cursor.missedLookups >= Math.max(LOOKUPS_MIN, blocks * LOOKUPS_PER_BLOCK),
    );
  }
}
