/** A block parsed whole into objects; the fast path that makes none is `block-walker.ts`. */
import { bytesToHex } from "../bytes.ts";
import { compactSizeLength, Reader, Writer } from "../codec.ts";
import { sha256d } from "../hash.ts";
import {
  lengthBytesOf,
  readTransaction,
  type Serialization,
  serializeTransaction,
  strippedLengthBytesOf,
  type Transaction,
  txidBytesOf,
  WITNESS_SCALE,
  wtxidBytesOf,
} from "../transaction.ts";
import { HEADER_LENGTH_BYTES, type Header, readHeader, serializeHeader } from "./header.ts";
import { merkleRoot } from "./merkle.ts";

export interface Block {
  readonly header: Header;
  readonly transactions: readonly Transaction[];
  /** Litecoin only: the extension block, not looked into. */
  readonly extensionBytes?: Uint8Array;
}

/** The shortest transaction that parses: version, marker, a flag of zero, locktime. */
export const MIN_TRANSACTION_LENGTH_BYTES = 10;

const WITNESS_COMMITMENT_PREFIX = "6a24aa21a9ed";

/** Exactly one block and nothing after it. Scripts are views: they keep `bytes` alive. */
export function parseBlock(bytes: Uint8Array, serialization: Serialization = "bitcoin"): Block {
  const reader = new Reader(bytes);
  const header = readHeader(reader);
  const count = reader.count(MIN_TRANSACTION_LENGTH_BYTES);
  const transactions: Transaction[] = [];
  for (let i = 0; i < count; i++) transactions.push(readTransaction(reader, serialization));
  const hasExtension = count >= 2 && transactions[count - 1]?.isHogEx === true;
  const extensionBytes = hasExtension ? reader.bytes(reader.remaining) : undefined;
  reader.finish();
  return extensionBytes === undefined ? { header, transactions } : { header, transactions, extensionBytes };
}

export function serializeBlock(block: Block): Uint8Array {
  const writer = new Writer(blockLengthBytesOf(block))
    .bytes(serializeHeader(block.header))
    .compactSize(block.transactions.length);
  for (const transaction of block.transactions) writer.bytes(serializeTransaction(transaction));
  if (block.extensionBytes !== undefined) writer.bytes(block.extensionBytes);
  return writer.finish();
}

export function blockLengthBytesOf(block: Block): number {
  const extension = block.extensionBytes?.length ?? 0;
  return (
    block.transactions.reduce((sum, transaction) => sum + lengthBytesOf(transaction), headLength(block)) +
    extension
  );
}

export function strippedBlockLengthBytesOf(block: Block): number {
  return block.transactions.reduce(
    (sum, transaction) => sum + strippedLengthBytesOf(transaction),
    headLength(block),
  );
}

export function blockWeightOf(block: Block): number {
  return strippedBlockLengthBytesOf(block) * (WITNESS_SCALE - 1) + blockLengthBytesOf(block);
}

/** All txids in raw order, one after another: the leaves of the block's merkle tree. */
export function txidLeavesOf(transactions: readonly Transaction[]): Uint8Array {
  return leavesOf(transactions, txidBytesOf);
}

/** The commitment to all witnesses (BIP141), for the given reserved value in the coinbase's witness. */
export function witnessCommitmentOf(transactions: readonly Transaction[], reserved: Uint8Array): Uint8Array {
  const leaves = leavesOf(transactions, wtxidBytesOf);
  // The coinbase holds the commitment, so its own place is zero.
  leaves.fill(0, 0, 32);
  return sha256d(Buffer.concat([merkleRoot(leaves), reserved]));
}

/** The commitment a coinbase states: in the last of its outputs that has one. */
export function statedWitnessCommitment(coinbase: Transaction): Uint8Array | undefined {
  const found = coinbase.outputs.findLast(
    ({ scriptPubKey }) =>
      scriptPubKey.length >= 38 && bytesToHex(scriptPubKey.subarray(0, 6)) === WITNESS_COMMITMENT_PREFIX,
  );
  return found?.scriptPubKey.subarray(6, 38);
}

/** The output script that states a commitment. */
export function witnessCommitmentScript(commitment: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(WITNESS_COMMITMENT_PREFIX, "hex"), commitment]);
}

function leavesOf(transactions: readonly Transaction[], hashOf: (of: Transaction) => Uint8Array): Uint8Array {
  const leaves = Buffer.allocUnsafe(transactions.length * 32);
  transactions.forEach((transaction, index) => {
    leaves.set(hashOf(transaction), index * 32);
  });
  return leaves;
}

function headLength(block: Block): number {
  return HEADER_LENGTH_BYTES + compactSizeLength(block.transactions.length);
}
