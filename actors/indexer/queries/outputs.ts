/** Everything that ever paid the scripts of a batch, as columns: no object is made for a row. */
import { HASH_LENGTH_BYTES } from "../../../bitcoin/bytes.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import type { RunPlace } from "../lookup/lookup.ts";
import type { RunCursor } from "../lookup/run-cursor.ts";
import type { Steps } from "../lookup/steps.ts";
import { AMOUNT_AT, FUNDING, keyHeadAt, TABLES, txNumberAt, VOUT_AT } from "../rows/layout.ts";
import { KEY_VALUE_BYTES } from "../rows/row-key.ts";
import type { Snapshot } from "../store/snapshot.ts";
import type { Reading } from "./memory.ts";

/** Of all scripts of one request: what they take in memory is about 100 MB. */
const ROWS_MAX = 2_000_000;
/** For each script. Arrays of so few bytes lie in the heap, where they cost next to nothing. */
const ROOM_EACH = 8;
/** For a whole batch, before it is known to need more. */
const ROOM_MAX = 64;
const BLOCKS_PER_STEP = 8;
const TXIDS_PER_STEP = 256;
const SCRIPTS_PER_STEP = 16;
const FUNDING_T = TABLES.indexOf(FUNDING);

export class Outputs {
  count = 0;
  txNumbers: Float64Array;
  indexes: Uint32Array;
  amountsSat: Float64Array;
  /** Raw ids, 32 bytes each; filled in the end. */
  txids = new Uint8Array(0);
  /** By script, in the order of the question: where its rows begin and end. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  /** 1 for a script that more transactions pay than was allowed; it has no rows. */
  readonly isTooMany: Uint8Array;

  private constructor(scripts: number) {
    const room = Math.min(ROOM_MAX, scripts * ROOM_EACH);
    this.txNumbers = new Float64Array(room);
    this.indexes = new Uint32Array(room);
    this.amountsSat = new Float64Array(room);
    this.starts = new Uint32Array(scripts);
    this.ends = new Uint32Array(scripts);
    this.isTooMany = new Uint8Array(scripts);
  }

  /** The outputs of scripts whose raw hashes stand one after another, each script's in the order of the chain. */
  static *of(reading: Reading, scriptHashes: Uint8Array, limit: number): Steps<Outputs> {
    const scripts = scriptHashes.length / HASH_LENGTH_BYTES;
    const outputs = new Outputs(scripts);
    const keys = reading.keys.of(scriptHashes, scripts);
    const keyOf = (script: number) =>
      keys.subarray(script * KEY_VALUE_BYTES, script * KEY_VALUE_BYTES + FUNDING.keyBytes);
    const order = Array.from({ length: scripts }, (_, script) => script);
    order.sort((a, b) => keyHeadAt(keys, a * KEY_VALUE_BYTES) - keyHeadAt(keys, b * KEY_VALUE_BYTES));
    for (let done = 0; done < scripts; done++) {
      if ((done + 1) % SCRIPTS_PER_STEP === 0) yield;
      const script = order[done] as number;
      outputs.starts[script] = outputs.count;
      if (!(yield* outputs.#add(reading, keyOf(script), limit))) outputs.isTooMany[script] = 1;
      outputs.ends[script] = outputs.count;
    }
    yield* outputs.#addTxids(reading);
    return outputs;
  }

  /** False: more transactions than allowed. */
  *#add({ lookup, view }: Reading, key: Uint8Array, limit: number): Steps<boolean> {
    const start = this.count;
    let from = key;
    let transactions = 0;
    let last = -1;
    for (;;) {
      const before = this.count;
      const isAll = this.#addSome(lookup.runs(view, FUNDING_T, key), view, key, from, last);
      for (let i = before; i < this.count; i++) {
        const txNumber = this.txNumbers[i] as number;
        if (txNumber !== last) transactions += 1;
        last = txNumber;
      }
      if (this.count > ROWS_MAX) throw tooLarge();
      if (transactions > limit) {
        this.count = start;
        return false;
      }
      if (isAll) return true;
      from = this.#behindLast(key);
      // The runs may be others afterwards, so the place is kept as that of a row.
      yield;
    }
  }

  /** Adds rows of the key, from one on, out of a bounded number of blocks; true if there are no more. */
  #addSome(
    runs: readonly RunPlace[],
    view: Snapshot,
    key: Uint8Array,
    from: Uint8Array,
    lastTxNumber: number,
  ): boolean {
    const { txCount } = view.state;
    const before = this.count;
    let blocks = 0;
    for (const { cursor, txNumberEnd } of runs) {
      if (txNumberEnd <= lastTxNumber) continue;
      const end = Math.min(txNumberEnd, txCount);
      let isFound = cursor.find(view, key, from);
      while (isFound) {
        const isInNext = this.#addBlock(cursor, key, end);
        if (++blocks >= BLOCKS_PER_STEP && this.count > before) return false;
        isFound = isInNext && cursor.nextBlock(view) && cursor.isAt(key);
      }
    }
    return true;
  }

  /** Adds the rows of the key in the open block; true if they may go on in the next one. */
  #addBlock(cursor: RunCursor, key: Uint8Array, end: number): boolean {
    do {
      if (!cursor.isAt(key)) return false;
      const row = cursor.row();
      const txNumber = txNumberAt(row, FUNDING.txNumberAt);
      // What is behind was rolled back, or came after this moment.
      if (txNumber >= end) return false;
      if (this.count === this.txNumbers.length) this.#grow();
      const at = this.count++;
      this.txNumbers[at] = txNumber;
      this.indexes[at] =
        ((row[VOUT_AT] as number) << 16) | ((row[VOUT_AT + 1] as number) << 8) | (row[VOUT_AT + 2] as number);
      // Amounts on the chain are below 2^53.
      this.amountsSat[at] = keyHeadAt(row, AMOUNT_AT) * 0x1_0000_0000 + keyHeadAt(row, AMOUNT_AT + 4);
    } while (cursor.next());
    return true;
  }

  /** The first place behind the row that was added last. */
  #behindLast(key: Uint8Array): Uint8Array {
    const last = this.count - 1;
    const from = new Uint8Array(FUNDING.idBytes);
    from.set(key);
    const view = new DataView(from.buffer);
    const txNumber = this.txNumbers[last] as number;
    from[FUNDING.txNumberAt] = txNumber / 0x1_0000_0000;
    view.setUint32(FUNDING.txNumberAt + 1, txNumber % 0x1_0000_0000);
    // An index fills its three bytes only in a transaction that no block has room for.
    const next = (this.indexes[last] as number) + 1;
    from[VOUT_AT] = next >>> 16;
    view.setUint16(VOUT_AT + 1, next & 0xffff);
    return from;
  }

  *#addTxids({ view, txids }: Reading): Steps<void> {
    this.txids = new Uint8Array(this.count * HASH_LENGTH_BYTES);
    for (let i = 0; i < this.count; i++) {
      txids.copy(view, this.txNumbers[i] as number, this.txids, i * HASH_LENGTH_BYTES);
      if ((i + 1) % TXIDS_PER_STEP === 0) yield;
    }
  }

  #grow(): void {
    const room = this.txNumbers.length * 2;
    const txNumbers = new Float64Array(room);
    txNumbers.set(this.txNumbers);
    const indexes = new Uint32Array(room);
    indexes.set(this.indexes);
    const amountsSat = new Float64Array(room);
    amountsSat.set(this.amountsSat);
    this.txNumbers = txNumbers;
    this.indexes = indexes;
    this.amountsSat = amountsSat;
  }
}

function tooLarge(): TroupeError {
  return new TroupeError(
    { code: "BUS_TOO_LARGE", rowsMax: ROWS_MAX },
    `the scripts have more than ${ROWS_MAX.toLocaleString("en")} outputs together; ask for fewer at once, or with a limit`,
  );
}
