/** A place in one table of one run: the packed block that was read last stays open, so that neighbouring keys share it. */

import { type Table, txNumberAt } from "../rows/layout.ts";
import { PACKED_BYTES_MAX, PackedReader } from "../rows/packed-block.ts";
import type { Snapshot } from "../store/snapshot.ts";
import type { RunGuide } from "./run-guide.ts";

/** Shared by all questions of a thread: what one of them opened is not there any more after it has let others run. */
export class RunCursor {
  readonly #table: Table;
  readonly #t: number;
  readonly runId: number;
  readonly #reader: PackedReader;
  #bytes: Uint8Array = new Uint8Array(PACKED_BYTES_MAX);
  readonly #row: Uint8Array;
  /** The open block's key in LMDB; undefined while none is open. */
  #key: Buffer | undefined;
  #guide: RunGuide | undefined;
  #at = 0;
  /** Keys looked for while there was no guide. */
  missedLookups = 0;

  constructor(table: Table, t: number, runId: number) {
    this.#table = table;
    this.#t = t;
    this.runId = runId;
    this.#reader = new PackedReader(table);
    this.#row = new Uint8Array(table.rowBytes);
  }

  get guide(): RunGuide | undefined {
    return this.#guide;
  }

  set guide(guide: RunGuide | undefined) {
    this.#guide = guide;
  }

  /** Goes to the first row of this key, or of those from `from` on, which begins with the key. False: there is none. */
  find(view: Snapshot, key: Uint8Array, from = key): boolean {
    const guide = this.#guide;
    if (guide === undefined) this.missedLookups += 1;
    else if (!guide.mayHold(key)) return false;
    if (!this.#isWithin(from) && !this.#openFor(view, from)) return false;
    this.#at = this.#reader.lowerBound(from);
    if (this.#at === this.#reader.count && !this.nextBlock(view)) return false;
    return this.#reader.compare(this.#at, key) === 0;
  }

  /** The row it stands on; used again for the next. */
  row(): Uint8Array {
    this.#reader.copyRow(this.#at, this.#row);
    return this.#row;
  }

  txNumber(): number {
    return txNumberAt(this.row(), this.#table.txNumberAt);
  }

  /** To the next row of the same block. False: that was the last one. */
  next(): boolean {
    this.#at += 1;
    return this.#at < this.#reader.count;
  }

  isAt(key: Uint8Array): boolean {
    return this.#reader.compare(this.#at, key) === 0;
  }

  /** To the first row of the next block. False: this was the run's last. */
  nextBlock(view: Snapshot): boolean {
    if (this.#key === undefined) return false;
    const key = view.blockKeyAfter(this.#t, this.runId, this.#key);
    return key !== undefined && this.#open(view, key);
  }

  /** Whether the first row of this key, if there is one, stands in the open block. */
  #isWithin(key: Uint8Array): boolean {
    const reader = this.#reader;
    if (this.#key === undefined) return false;
    return reader.compare(0, key) < 0 && reader.compare(reader.count - 1, key) >= 0;
  }

  #openFor(view: Snapshot, key: Uint8Array): boolean {
    const guide = this.#guide;
    if (guide !== undefined && this.#open(view, guide.keyOf(guide.floor(key)))) return true;
    const found = view.blockKeyBefore(this.#t, this.runId, key);
    return found !== undefined && this.#open(view, found);
  }

  #open(view: Snapshot, key: Buffer): boolean {
    const block = view.block(this.#t, key);
    if (block === undefined) return false;
    if (this.#bytes.length < block.length) this.#bytes = new Uint8Array(block.length);
    // LMDB's answer lies in memory that its next answer takes.
    this.#bytes.set(block);
    this.#reader.open(this.#bytes);
    this.#key = key;
    this.#at = 0;
    return true;
  }
}
