/** Electrum's name for an output script, and which scripts an Electrum server keeps. */
import { type ScriptHash, scriptHashFromBytes } from "../bytes.ts";
import { sha256 } from "../hash.ts";
import { OP_0, OP_RETURN } from "./opcodes.ts";

/** SHA-256 of the script, in raw order: the bytes an index is sorted by. */
export function scriptHashBytesOf(script: Uint8Array): Uint8Array {
  return sha256(script);
}

export function scriptHashOf(script: Uint8Array): ScriptHash {
  return scriptHashFromBytes(sha256(script));
}

/** False for scripts that begin `6a` or `006a`: data, never a coin. The empty script is indexed. */
export function isIndexedScript(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
  const first = start < end ? bytes[start] : undefined;
  if (first === OP_RETURN) return false;
  return !(first === OP_0 && start + 1 < end && bytes[start + 1] === OP_RETURN);
}
