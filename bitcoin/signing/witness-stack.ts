/** A witness by itself, as BIP322's signatures and partially signed transactions hold it: how many items, then each. */
import { Reader, Writer } from "../codec.ts";

export function serializeWitness(witness: readonly Uint8Array[]): Uint8Array {
  const writer = new Writer().compactSize(witness.length);
  for (const item of witness) writer.varBytes(item);
  return writer.finish();
}

/** Throws BITCOIN_MALFORMED if it is cut short or has bytes left over. */
export function parseWitness(bytes: Uint8Array): readonly Uint8Array[] {
  const reader = new Reader(bytes);
  const witness = Array.from({ length: reader.count(1) }, () => Uint8Array.from(reader.varBytes()));
  reader.finish();
  return witness;
}
