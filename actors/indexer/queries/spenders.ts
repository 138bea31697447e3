/** Which transaction spends each of many outputs. */
import { HASH_LENGTH_BYTES } from "../../../bitcoin/bytes.ts";
import type { Steps } from "../lookup/steps.ts";
import { keyHeadAt, SPENDING, TABLES } from "../rows/layout.ts";
import { addIndexToKey, KEY_VALUE_BYTES } from "../rows/row-key.ts";
import type { Reading } from "./memory.ts";
import { sorted } from "./sorted.ts";

/** Looked up together, in the order of their keys: of so many most are neighbours, and a packed block is opened once for all. */
const SEGMENT = 131_072;
/** Keys that are made in one go, in a few milliseconds. */
const KEYS_AT_ONCE = 16_384;
const LOOKUPS_PER_STEP = 64;
/** From here on it is worth a look which runs can be made ready. */
const MANY = 64;
const SPENDING_T = TABLES.indexOf(SPENDING);
/** A head of 32 bits and a place below 2^21 are one exact number, and sort as one. */
const PLACES = 2 ** 21;

/** Some outputs as columns, one place each. */
export interface OutpointColumns {
  readonly count: number;
  /** Raw ids, 32 bytes each. */
  readonly txids: Uint8Array;
  readonly indexes: Uint32Array;
  /** The number of the output's own transaction, or -1 where it is not known: nothing is spent before it exists. */
  readonly txNumbers: Float64Array;
}

export const UNSPENT = -1;

/** By place the number of the spending transaction, or `UNSPENT`; those below `txNumberMin` count as none, and cost little. */
export function* spendersOf(
  reading: Reading,
  outputs: OutpointColumns,
  txNumberMin = 0,
): Steps<Float64Array> {
  const spenders = new Float64Array(outputs.count).fill(UNSPENT);
  const { lookup, view } = reading;
  if (outputs.count >= MANY) yield* lookup.prepare(view, SPENDING_T, outputs.count, txNumberMin);
  for (let from = 0; from < outputs.count; from += SEGMENT) {
    yield* segment(reading, outputs, from, Math.min(outputs.count, from + SEGMENT), spenders, txNumberMin);
  }
  return spenders;
}

function* segment(
  reading: Reading,
  { txids, indexes, txNumbers }: OutpointColumns,
  from: number,
  to: number,
  spenders: Float64Array,
  txNumberMin: number,
): Steps<void> {
  const count = to - from;
  const keys = new Uint8Array(count * KEY_VALUE_BYTES);
  const heads = new Float64Array(count);
  for (let first = 0; first < count; first += KEYS_AT_ONCE) {
    if (first > 0) yield;
    const end = Math.min(count, first + KEYS_AT_ONCE);
    const hashes = txids.subarray((from + first) * HASH_LENGTH_BYTES, (from + end) * HASH_LENGTH_BYTES);
    keys.set(reading.keys.of(hashes, end - first), first * KEY_VALUE_BYTES);
    for (let i = first; i < end; i++) {
      addIndexToKey(keys, i * KEY_VALUE_BYTES, indexes[from + i] as number);
      heads[i] = keyHeadAt(keys, i * KEY_VALUE_BYTES) * PLACES + i;
    }
  }
  const order = yield* sorted(heads);
  for (let done = 0; done < count; done++) {
    if ((done + 1) % LOOKUPS_PER_STEP === 0) yield;
    const i = (order[done] as number) % PLACES;
    const key = keys.subarray(i * KEY_VALUE_BYTES, i * KEY_VALUE_BYTES + SPENDING.keyBytes);
    spenders[from + i] = spenderOf(reading, key, Math.max(txNumbers[from + i] as number, txNumberMin - 1));
  }
}

/** The first transaction behind `txNumber` with this key: what stands before it spends another output. */
function spenderOf({ lookup, view }: Reading, key: Uint8Array, txNumber: number): number {
  const { txCount } = view.state;
  for (const { cursor, txNumberEnd } of lookup.runs(view, SPENDING_T, key)) {
    if (txNumberEnd <= txNumber) continue;
    let isFound = cursor.find(view, key);
    while (isFound) {
      const spender = cursor.txNumber();
      if (spender >= txNumberEnd || spender >= txCount) break;
      if (spender > txNumber) return spender;
      isFound = (cursor.next() || cursor.nextBlock(view)) && cursor.isAt(key);
    }
  }
  return UNSPENT;
}
