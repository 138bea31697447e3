/** The script hashes that a block touches: of what it pays and of what it spends, each once, in order. */
import {
  compareBytes,
  equalBytes,
  HASH_LENGTH_BYTES,
  type ScriptHash,
  scriptHashFromBytes,
} from "../../bitcoin/bytes.ts";
import { isIndexedScript, scriptHashBytesOf } from "../../bitcoin/script/scripthash.ts";

/** Beside the first four bytes of a hash there is room for so many places in the 53 bits of a number: more than a block's outputs. */
const PLACES = 2 ** 21;

/** As people and contracts write them. */
export function touchedHashes(touched: Uint8Array): ScriptHash[] {
  return Array.from({ length: touched.length / HASH_LENGTH_BYTES }, (_, i) =>
    scriptHashFromBytes(touched, i * HASH_LENGTH_BYTES),
  );
}

/** Of the scripts that are indexed, 32 bytes each. */
export function hashesOf(scripts: readonly Uint8Array[]): Uint8Array {
  const hashes = new Uint8Array(scripts.length * HASH_LENGTH_BYTES);
  let length = 0;
  for (const script of scripts) {
    if (!isIndexedScript(script)) continue;
    hashes.set(scriptHashBytesOf(script), length);
    length += HASH_LENGTH_BYTES;
  }
  return hashes.subarray(0, length);
}

/** Two lists of hashes as one, each hash once, in order. */
export function joined(some: Uint8Array, others: Uint8Array): Uint8Array {
  const all = Buffer.concat([some, others]);
  const count = all.length / HASH_LENGTH_BYTES;
  // Numbers are sorted many times as fast as bytes by a function.
  const places = new Float64Array(count);
  for (let i = 0; i < count; i++) places[i] = all.readUInt32BE(i * HASH_LENGTH_BYTES) * PLACES + i;
  places.sort();
  const out = Buffer.alloc(all.length);
  let length = 0;
  const add = (place: number): void => {
    length += all.copy(out, length, place * HASH_LENGTH_BYTES, (place + 1) * HASH_LENGTH_BYTES);
  };
  for (let start = 0, end = 0; start < count; start = end) {
    for (end = start + 1; end < count && headAt(places, end) === headAt(places, start); ) end += 1;
    if (end - start === 1) add(placeAt(places, start));
    else for (const place of distinct(all, places.subarray(start, end))) add(place);
  }
  return Uint8Array.from(out.subarray(0, length));
}

function headAt(places: Float64Array, i: number): number {
  return Math.floor((places[i] as number) / PLACES);
}

function placeAt(places: Float64Array, i: number): number {
  return (places[i] as number) % PLACES;
}

/** Of hashes that begin alike, which mostly are the same one, each once and in order: their places. */
function distinct(all: Uint8Array, alike: Float64Array): number[] {
  const hashes = Array.from(alike, (_, i) => {
    const place = placeAt(alike, i);
    return { place, hash: all.subarray(place * HASH_LENGTH_BYTES, (place + 1) * HASH_LENGTH_BYTES) };
  }).sort((a, b) => compareBytes(a.hash, b.hash));
  return hashes
    .filter(({ hash }, i) => i === 0 || !equalBytes(hash, (hashes[i - 1] as { hash: Uint8Array }).hash))
    .map(({ place }) => place);
}
