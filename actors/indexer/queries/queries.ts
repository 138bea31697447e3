/** Questions about places in the chain, answered from one reading: nothing here waits or writes. */
import { equalBytes, HASH_LENGTH_BYTES, hexToBytes } from "../../../bitcoin/bytes.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import type { IndexerFailure } from "../errors.ts";
import type { Steps } from "../lookup/steps.ts";
import { keyHeadAt, TABLES, TRANSACTION } from "../rows/layout.ts";
import { KEY_VALUE_BYTES } from "../rows/row-key.ts";
import type { Reading } from "./memory.ts";

const TRANSACTION_T = TABLES.indexOf(TRANSACTION);
const LOOKUPS_PER_STEP = 32;
/** Stands for a transaction that no block has. */
export const NOWHERE = -1;

/** Hashes as people write them, as raw bytes one after another. Their shape has been checked. */
export function rawHashes(texts: readonly string[]): Uint8Array {
  const bytes = hexToBytes(texts.join(""));
  for (let at = 0; at < bytes.length; at += HASH_LENGTH_BYTES) {
    bytes.subarray(at, at + HASH_LENGTH_BYTES).reverse();
  }
  return bytes;
}

/** By raw id the transaction's number, or `NOWHERE`. Of two with one id (BIP30 names them) the later. */
export function* numbersOf(reading: Reading, txids: Uint8Array): Steps<Float64Array> {
  const count = txids.length / HASH_LENGTH_BYTES;
  const keys = reading.keys.of(txids, count);
  const numbers = new Float64Array(count).fill(NOWHERE);
  const order = Array.from({ length: count }, (_, i) => i);
  order.sort((a, b) => keyHeadAt(keys, a * KEY_VALUE_BYTES) - keyHeadAt(keys, b * KEY_VALUE_BYTES));
  for (let done = 0; done < count; done++) {
    if ((done + 1) % LOOKUPS_PER_STEP === 0) yield;
    const i = order[done] as number;
    const key = keys.subarray(i * KEY_VALUE_BYTES, i * KEY_VALUE_BYTES + TRANSACTION.keyBytes);
    numbers[i] = numberOf(reading, key, txids.subarray(i * HASH_LENGTH_BYTES, (i + 1) * HASH_LENGTH_BYTES));
  }
  return numbers;
}

/** Keys are short: each candidate is compared with the whole id. The newest runs first, for the latest is asked for. */
function numberOf({ lookup, view, txids }: Reading, key: Uint8Array, txid: Uint8Array): number {
  const runs = lookup.runs(view, TRANSACTION_T, key);
  for (let run = runs.length - 1; run >= 0; run--) {
    const { cursor, txNumberEnd } = runs[run] as (typeof runs)[0];
    let found = NOWHERE;
    let isFound = cursor.find(view, key);
    while (isFound) {
      const number = cursor.txNumber();
      if (number >= txNumberEnd || number >= view.state.txCount) break;
      const at = txids.locate(view, number);
      if (equalBytes(txids.bytes.subarray(at, at + HASH_LENGTH_BYTES), txid)) found = number;
      isFound = (cursor.next() || cursor.nextBlock(view)) && cursor.isAt(key);
    }
    if (found !== NOWHERE) return found;
  }
  return NOWHERE;
}

/** The number of the first transaction of the block at a height. Throws `INDEXER_RANGE` above the tip. */
export function firstNumberOf({ view, heights }: Reading, height: number): number {
  if (height < 0 || height > view.state.height) {
    throw outOfRange(`there is no block at height ${height}; the tip is ${view.state.height}`);
  }
  return heights.txCountBelow(height);
}

/** The ids of all transactions of a block, 32 bytes each in raw order. */
export function blockTxids(reading: Reading, height: number): Uint8Array {
  const first = firstNumberOf(reading, height);
  return reading.view.txids(first, reading.heights.txCountBelow(height + 1) - first);
}

/** The number of the transaction at a place, or `NOWHERE`. */
export function numberAt({ view, heights }: Reading, height: number, position: number): number {
  if (height < 0 || height > view.state.height || position < 0) return NOWHERE;
  const number = heights.txCountBelow(height) + position;
  return number < heights.txCountBelow(height + 1) ? number : NOWHERE;
}

/** The raw nodes that prove the transaction at a place that there is, from the leaf upwards. */
export function branchOf(reading: Reading, height: number, position: number): Uint8Array[] {
  return reading.blocks.branch(reading.view, height, () => blockTxids(reading, height), position);
}

/** Headers from a height on, as many as there are up to `countMax`, 80 bytes each. */
export function headersFrom({ view }: Reading, height: number, countMax: number): Uint8Array {
  const count = Math.max(0, Math.min(countMax, view.state.height + 1 - height));
  return view.headers(count === 0 ? 0 : height, count);
}

/** Proof that the header at a height is among those up to `checkpointHeight`. */
export function* headerProof(
  { view, headerTree }: Reading,
  height: number,
  checkpointHeight: number,
): Steps<{ root: Uint8Array; branch: Uint8Array[] }> {
  if (height < 0 || height > checkpointHeight || checkpointHeight > view.state.height) {
    throw outOfRange(`no header ${height} below checkpoint ${checkpointHeight}`);
  }
  return yield* headerTree.proof(view, height, checkpointHeight);
}

export function outOfRange(what: string): TroupeError {
  return new TroupeError<IndexerFailure>({ code: "INDEXER_RANGE", what }, what);
}
