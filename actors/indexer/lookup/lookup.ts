/** Finds rows by key in all runs of a snapshot. One for each thread: it knows the runs from question to question. */
import { keyHeadAt, TABLES, type Table, txNumberAt } from "../rows/layout.ts";
import { type Run, runsFor, type StoreState } from "../store/format.ts";
import type { Snapshot } from "../store/snapshot.ts";
import { Guides } from "./guides.ts";
import { RunCursor } from "./run-cursor.ts";
import type { Steps } from "./steps.ts";

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

export class Lookup {
  readonly guides: Guides;
  readonly #cursors = new Map<string, RunCursor>();
  #state: StoreState | undefined;
  #plans: readonly TablePlan[] = [];

  constructor(guideBytesMax: number) {
    this.guides = new Guides(guideBytesMax);
  }

  /** The runs that may hold rows of a key, in the order of the chain. To be asked for anew after others had their turn. */
  runs(view: Snapshot, t: number, key: Uint8Array): readonly RunPlace[] {
    if (view.runsState !== this.#state) this.#follow(view.runsState);
    const { merged, unmerged, mergedTo } = this.#plans[t] as TablePlan;
    return keyHeadAt(key, 0) < mergedTo ? merged : unmerged;
  }

  /** Makes ready for many lookups in those runs of a table that have transactions from a number on. */
  *prepare(view: Snapshot, t: number, lookups: number, txNumberMin: number): Steps<void> {
    if (view.runsState !== this.#state) this.#follow(view.runsState);
    const { merged, unmerged } = this.#plans[t] as TablePlan;
    for (const { cursor, txNumberEnd } of new Set([...merged, ...unmerged])) {
      if (txNumberEnd > txNumberMin) yield* this.guides.makeAhead(view, cursor, lookups);
    }
  }

  /** Calls `found` with each row of a key, in the order of the chain; the row's bytes are used again for the next. */
  rows(view: Snapshot, t: number, key: Uint8Array, found: (row: Uint8Array) => void): void {
    const { txNumberAt: at } = TABLES[t] as Table;
    const { txCount } = view.state;
    for (const { cursor, txNumberEnd } of this.runs(view, t, key)) {
      let isFound = cursor.find(view, key);
      while (isFound) {
        const row = cursor.row();
        const txNumber = txNumberAt(row, at);
        if (txNumber >= txNumberEnd || txNumber >= txCount) break;
        found(row);
        isFound = (cursor.next() || cursor.nextBlock(view)) && cursor.isAt(key);
      }
    }
  }

  #follow(state: StoreState): void {
    this.#state = state;
    const used = new Set<string>();
    this.#plans = TABLES.map((table, t) => {
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
    for (const name of this.#cursors.keys()) if (!used.has(name)) this.#cursors.delete(name);
    this.guides.follow(state, (t, id) => this.#cursors.get(`${t}/${id}`));
  }
}

function planOf(state: StoreState, t: number, placeOf: (run: Run) => RunPlace): TablePlan {
  const { merge } = state;
  // The first blocks of a chain spend nothing: their runs have no rows in that table.
  const placesOf = (runs: readonly Run[]) => runs.filter((run) => run.blocks[t] !== 0).map(placeOf);
  if (merge === undefined) {
    const places = placesOf(state.runs);
    return { merged: places, unmerged: places, mergedTo: 0 };
  }
  const mergedTo = t < merge.table ? Number.POSITIVE_INFINITY : t === merge.table ? merge.from : 0;
  return {
    merged: mergedTo === 0 ? [] : placesOf(runsFor(state, t, 0)),
    unmerged: mergedTo === Number.POSITIVE_INFINITY ? [] : placesOf(runsFor(state, t, mergedTo)),
    mergedTo,
  };
}
