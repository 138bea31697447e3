/** What a node publishes as ZMQ's `sequence`: every block that joins or leaves the chain, every transaction that enters or leaves the mempool. */
import type { BlockHash, Txid } from "../bitcoin/bytes.ts";

export type SequenceEvent =
  | { readonly kind: "connected" | "disconnected"; readonly hash: BlockHash }
  /** A removal is not told for transactions that a block took. */
  | { readonly kind: "added" | "removed"; readonly txid: Txid; readonly sequence: number };

const BLOCK_LENGTH_BYTES = 33;
const TRANSACTION_LENGTH_BYTES = 41;

/** Nothing for a body that is none of the four. Hashes come in display order. */
export function parseSequence(body: Uint8Array): SequenceEvent | undefined {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const hash = bytes.toString("hex", 0, 32);
  const letter = bytes.toString("latin1", 32, 33);
  if (bytes.length === BLOCK_LENGTH_BYTES) {
    if (letter === "C") return { kind: "connected", hash: hash as BlockHash };
    if (letter === "D") return { kind: "disconnected", hash: hash as BlockHash };
  }
  if (bytes.length === TRANSACTION_LENGTH_BYTES) {
    const sequence = Number(bytes.readBigUInt64LE(BLOCK_LENGTH_BYTES));
    if (letter === "A") return { kind: "added", txid: hash as Txid, sequence };
    if (letter === "R") return { kind: "removed", txid: hash as Txid, sequence };
  }
  return undefined;
}
