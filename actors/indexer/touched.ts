/** The touched script hashes of a block, as people and contracts write them. */
import { HASH_LENGTH_BYTES, type ScriptHash, scriptHashFromBytes } from "../../bitcoin/bytes.ts";
import type { BlockNews } from "./sync/sync.ts";

export function touchedHashes({ touched }: BlockNews): ScriptHash[] | undefined {
  if (touched === undefined) return undefined;
  return Array.from({ length: touched.length / HASH_LENGTH_BYTES }, (_, i) =>
    scriptHashFromBytes(touched, i * HASH_LENGTH_BYTES),
  );
}
