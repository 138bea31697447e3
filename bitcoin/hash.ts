/** Bitcoin's hash functions, by Node's one-shot `crypto.hash`: the fastest of four measured for inputs of a transaction's size. */
import { hash } from "node:crypto";

export function sha256(bytes: Uint8Array): Uint8Array {
  return hash("sha256", bytes, "buffer");
}

/** SHA-256 twice: ids of transactions and blocks, merkle nodes. */
export function sha256d(bytes: Uint8Array): Uint8Array {
  return hash("sha256", hash("sha256", bytes, "buffer"), "buffer");
}

/** RIPEMD-160 of SHA-256: the hash of a public key or of a script in an address. */
export function hash160(bytes: Uint8Array): Uint8Array {
  return hash("ripemd160", hash("sha256", bytes, "buffer"), "buffer");
}

/** BIP340's hash with a tag, so that a hash made for one purpose cannot stand in for another. */
export function taggedHash(tag: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const tagHash = hash("sha256", tag, "buffer");
  return hash("sha256", Buffer.concat([tagHash, tagHash, ...parts]), "buffer");
}
