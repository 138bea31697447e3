/** Sorts many numbers without making others wait. */
import type { Steps } from "../lookup/steps.ts";

/** What the built-in sort does in a few milliseconds. */
const SORTED_AT_ONCE = 32_768;
/** Below this the built-in one costs more than its work. */
const SORTED_BY_HAND = 24;
const MOVED_AT_ONCE = 131_072;

/** The numbers in ascending order: spread over buckets by value, then each bucket by itself. */
export function* sorted(values: Float64Array): Steps<Float64Array> {
  if (values.length <= SORTED_BY_HAND) return insertionSorted(values);
  if (values.length <= SORTED_AT_ONCE) return values.sort();
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  yield;
  const buckets = Math.ceil((2 * values.length) / SORTED_AT_ONCE);
  const scale = buckets / (most - least + 1);
  const ends = new Uint32Array(buckets + 1);
  for (const value of values) {
    const bucket = Math.floor((value - least) * scale) + 1;
    ends[bucket] = (ends[bucket] as number) + 1;
  }
  for (let bucket = 1; bucket <= buckets; bucket++) {
    ends[bucket] = (ends[bucket] as number) + (ends[bucket - 1] as number);
  }
  yield;
  const out = new Float64Array(values.length);
  const at = ends.slice(0, buckets);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    const bucket = Math.floor((value - least) * scale);
    out[at[bucket] as number] = value;
    at[bucket] = (at[bucket] as number) + 1;
    if ((i + 1) % MOVED_AT_ONCE === 0) yield;
  }
  for (let bucket = 0; bucket < buckets; bucket++) {
    out.subarray(ends[bucket], ends[bucket + 1]).sort();
    yield;
  }
  return out;
}

function insertionSorted(values: Float64Array): Float64Array {
  for (let i = 1; i < values.length; i++) {
    const value = values[i] as number;
    let at = i;
    for (; at > 0 && (values[at - 1] as number) > value; at--) values[at] = values[at - 1] as number;
    values[at] = value;
  }
  return values;
}
