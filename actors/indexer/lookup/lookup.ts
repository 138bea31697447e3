/** Finds rows by key in all runs of a snapshot. One for each thread: it knows the runs from question to question. */
import { keyHeadAt, TABLES, type Table, txNumberAt } from "../rows/layout.ts";
import { type Run, runsFor, type StoreState } from "../store/format.ts";
import type { Snapshot } from "../store/snapshot.ts";
import { Guides } from "./guides.ts";
import { RunCursor } from "./run-cursor.ts";

/** A run as one state has it. */
export interface RunPlace {
  readonly cursor: RunCursor;
  /** Rows of transactions from here on were rolled back. */
  readonly txNumberEnd: number;
}

/** Which runs hold the rows of a key, by where a merge stands. */
interface TablePlan {
  readonly merged: readonly RunPlace[];
  readonly unmerged: readonly RunPlace[];
  /** Keys whose head is below are merged. */
  readonly mergedTo: number;
}

interface KnownState {
  readonly state: StoreState;
  readonly plans: readonly TablePlan[];
  readonly used: ReadonlySet<string>;
}

const KNOWN_MAX = 8;

export class Lookup {
  readonly guides: Guides;
  readonly #cursors = new Map<string, RunCursor>();
  /** The newest first. A long question holds its old state while others go on with new ones. */
  #known: KnownState[] = [];

  constructor(guideBytesMax: number) {
    this.guides = new Guides(guideBytesMax);
  }

  /** The runs that may hold rows of a key, in the order of the chain. */
  runs(view: Snapshot, t: number, key: Uint8Array): readonly RunPlace[] {
    const { merged, unmerged, mergedTo } = this.#plansOf(view.state)[t] as TablePlan;
    return keyHeadAt(key, 0) < mergedTo ? merged : unmerged;
  }

  /** Calls `found` with each row of a key, in the order of the chain; the row's bytes are used again for the next. */
  rows(view: Snapshot, t: number, key: Uint8Array, found: (row: Uint8Array) => void): void {
    const { txNumberAt: at } = TABLES[t] as Table;
    for (const { cursor, txNumberEnd } of this.runs(view, t, key)) {
      let isFound = cursor.find(view, key);
      while (isFound) {
        const row = cursor.row();
        if (txNumberAt(row, at) >= txNumberEnd) break;
        found(row);
        isFound = (cursor.next() || cursor.nextBlock(view)) && cursor.isAt(key);
      }
    }
  }

  #plansOf(state: StoreState): readonly TablePlan[] {
    for (const known of this.#known) if (known.state === state) return known.plans;
    return this.#learn(state);
  }

  #learn(state: StoreState): readonly TablePlan[] {
    const used = new Set<string>();
    const plans = TABLES.map((table, t) => {
      const place = ({ id, txNumberEnd }: Run): RunPlace => {
        const name = `${t}/${id}`;
        used.add(name);
        let cursor = this.#cursors.get(name);
        if (cursor === undefined) {
          cursor = new RunCursor(table, t, id);
          this.#cursors.set(name, cursor);
        }
        return { cursor, txNumberEnd };
      };
      return planOf(state, t, place);
    });
    this.#known = [{ state, plans, used }, ...this.#known.slice(0, KNOWN_MAX - 1)];
    for (const name of this.#cursors.keys()) {
      if (!this.#known.some((known) => known.used.has(name))) this.#cursors.delete(name);
    }
    this.guides.follow(state, (t, id) => this.#cursors.get(`${t}/${id}`));
    return plans;
  }
}

function planOf(state: StoreState, t: number, place: (run: Run) => RunPlace): TablePlan {
  const { merge } = state;
  if (merge === undefined) {
    const places = state.runs.map(place);
    return { merged: places, unmerged: places, mergedTo: 0 };
  }
  const mergedTo = t < merge.table ? Number.POSITIVE_INFINITY : t === merge.table ? merge.from : 0;
  return {
    merged: mergedTo === 0 ? [] : runsFor(state, t, 0).map(place),
    unmerged: mergedTo === Number.POSITIVE_INFINITY ? [] : runsFor(state, t, mergedTo).map(place),
    mergedTo,
  };
}
