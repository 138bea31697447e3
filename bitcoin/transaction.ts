/** A parsed transaction and its serialisation: with witness (BIP144) as nodes send it, without as its id is made. */
import { equalBytes, type Txid, txidFromBytes } from "./bytes.ts";
import { compactSizeLength, Reader, Writer } from "./codec.ts";
import { malformed } from "./errors.ts";
import { sha256d } from "./hash.ts";
import type { Network } from "./network.ts";

/** Which optional parts may follow: only Litecoin's chain has "mweb". */
export type Serialization = Network["serialization"];

export interface Transaction {
  /** Unsigned, as Bitcoin Core has had it since version 28. */
  readonly version: number;
  readonly inputs: readonly TransactionInput[];
  readonly outputs: readonly TransactionOutput[];
  readonly locktime: number;
  /** Litecoin only: the transaction that ties a block to its extension block. */
  readonly isHogEx?: true;
}

export interface TransactionInput {
  /** Raw order; `txidFromBytes` makes it readable. */
  readonly previousTxidBytes: Uint8Array;
  readonly previousIndex: number;
  readonly scriptSig: Uint8Array;
  readonly sequence: number;
  readonly witness: readonly Uint8Array[];
}

export interface TransactionOutput {
  /** Signed, as on the wire; only `checkTransaction` says whether it may be. */
  readonly amountSat: bigint;
  readonly scriptPubKey: Uint8Array;
}

/** One unit of weight is a quarter of a virtual byte: witness bytes count once, all others four times. */
export const WITNESS_SCALE = 4;
export const MIN_INPUT_LENGTH_BYTES = 41;
export const MIN_OUTPUT_LENGTH_BYTES = 9;
export const FLAG_WITNESS = 1;
export const FLAG_MWEB = 8;
/** The index a coinbase's only input names. */
export const NULL_INDEX = 0xffff_ffff;
/** A transaction all of whose inputs have this sequence has no locktime. */
export const FINAL_SEQUENCE = 0xffff_ffff;
/** Below this a locktime is a height, from it on a time in seconds since 1970. */
export const FIRST_TIME_LOCKTIME = 500_000_000;

const NULL_TXID = new Uint8Array(32);
/** Shared, because a hostile witness may hold millions of empty items. */
const EMPTY = new Uint8Array(0);
const NO_WITNESS: readonly Uint8Array[] = Object.freeze([]);

/** Exactly one transaction and nothing after it. Scripts are views: they keep `bytes` alive. */
export function parseTransaction(bytes: Uint8Array, serialization: Serialization = "bitcoin"): Transaction {
  const reader = new Reader(bytes);
  const transaction = readTransaction(reader, serialization);
  reader.finish();
  return transaction;
}

/** Reads a transaction where the reader stands, by the rules of Bitcoin Core's `UnserializeTransaction`. */
export function readTransaction(reader: Reader, serialization: Serialization): Transaction {
  const version = reader.u32();
  let inputs = readInputs(reader);
  let flags = 0;
  let outputs: TransactionOutput[] = [];
  if (inputs.length === 0) {
    // No inputs means the marker of the extended form; a flag of zero means a transaction with nothing in it.
    flags = reader.u8();
    if (flags !== 0) {
      inputs = readInputs(reader);
      outputs = readOutputs(reader);
    }
  } else {
    outputs = readOutputs(reader);
  }
  if ((flags & FLAG_WITNESS) !== 0) inputs = readWitnesses(reader, inputs);
  const isHogEx = (flags & FLAG_MWEB) !== 0 && serialization === "mweb";
  if (isHogEx) readHogExMark(reader, outputs.length);
  if ((flags & ~(FLAG_WITNESS | (isHogEx ? FLAG_MWEB : 0))) !== 0) {
    throw malformed("a transaction has optional parts of an unknown kind", reader.offset);
  }
  const locktime = reader.u32();
  return isHogEx ? { version, inputs, outputs, locktime, isHogEx } : { version, inputs, outputs, locktime };
}

/** As nodes send it: with witnesses if there are any. */
export function serializeTransaction(transaction: Transaction): Uint8Array {
  return write(transaction, flagsOf(transaction));
}

/** Without witnesses: what the txid is the hash of. */
export function serializeStripped(transaction: Transaction): Uint8Array {
  return write(transaction, 0);
}

/** In raw order. */
export function txidBytesOf(transaction: Transaction): Uint8Array {
  return sha256d(serializeStripped(transaction));
}

export function txidOf(transaction: Transaction): Txid {
  return txidFromBytes(txidBytesOf(transaction));
}

/** In raw order; the hash with witnesses, equal to the txid where there are none. */
export function wtxidBytesOf(transaction: Transaction): Uint8Array {
  return sha256d(write(transaction, hasWitness(transaction) ? FLAG_WITNESS : 0));
}

export function wtxidOf(transaction: Transaction): Txid {
  return txidFromBytes(wtxidBytesOf(transaction));
}

export function hasWitness(transaction: Transaction): boolean {
  return transaction.inputs.some((input) => input.witness.length > 0);
}

/** The length of `serializeTransaction`, without making it. */
export function lengthBytesOf(transaction: Transaction): number {
  return lengthWith(transaction, flagsOf(transaction));
}

/** The length of `serializeStripped`, without making it. */
export function strippedLengthBytesOf(transaction: Transaction): number {
  return lengthWith(transaction, 0);
}

export function weightOf(transaction: Transaction): number {
  return strippedLengthBytesOf(transaction) * (WITNESS_SCALE - 1) + lengthBytesOf(transaction);
}

/** Virtual bytes, which fees are counted by: a quarter of the weight, rounded up. */
export function sizeVbOf(transaction: Transaction): number {
  return Math.ceil(weightOf(transaction) / WITNESS_SCALE);
}

/** True for the transaction that creates a block's new coins. */
export function isCoinbase(transaction: Transaction): boolean {
  const [first] = transaction.inputs;
  return transaction.inputs.length === 1 && first !== undefined && isNullPrevout(first);
}

/** True if the input spends nothing, as only a coinbase's may. */
export function isNullPrevout(input: TransactionInput): boolean {
  return input.previousIndex === NULL_INDEX && equalBytes(input.previousTxidBytes, NULL_TXID);
}

function readInputs(reader: Reader): TransactionInput[] {
  const count = reader.count(MIN_INPUT_LENGTH_BYTES);
  const inputs: TransactionInput[] = [];
  for (let i = 0; i < count; i++) {
    inputs.push({
      previousTxidBytes: reader.bytes(32),
      previousIndex: reader.u32(),
      scriptSig: reader.varBytes(),
      sequence: reader.u32(),
      witness: NO_WITNESS,
    });
  }
  return inputs;
}

function readOutputs(reader: Reader): TransactionOutput[] {
  const count = reader.count(MIN_OUTPUT_LENGTH_BYTES);
  const outputs: TransactionOutput[] = [];
  for (let i = 0; i < count; i++) {
    outputs.push({ amountSat: reader.i64(), scriptPubKey: reader.varBytes() });
  }
  return outputs;
}

function readWitnesses(reader: Reader, inputs: readonly TransactionInput[]): TransactionInput[] {
  const start = reader.offset;
  const witnessed = inputs.map((input) => ({ ...input, witness: readWitness(reader) }));
  if (witnessed.every((input) => input.witness.length === 0)) {
    throw malformed("a transaction announces witnesses and has none", start);
  }
  return witnessed;
}

function readWitness(reader: Reader): readonly Uint8Array[] {
  const count = reader.count(1);
  if (count === 0) return NO_WITNESS;
  const items: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const lengthBytes = reader.compactSize();
    items.push(lengthBytes === 0 ? EMPTY : reader.bytes(lengthBytes));
  }
  return items;
}

/** In a block only the HogEx carries the mweb flag, and a zero byte in place of a mweb transaction. */
function readHogExMark(reader: Reader, outputCount: number): void {
  const start = reader.offset;
  if (reader.u8() !== 0) throw malformed("a transaction of Litecoin's extension block", start);
  if (outputCount === 0) throw malformed("a HogEx transaction without outputs", start);
}

function flagsOf(transaction: Transaction): number {
  return (hasWitness(transaction) ? FLAG_WITNESS : 0) | (transaction.isHogEx === true ? FLAG_MWEB : 0);
}

function write(transaction: Transaction, flags: number): Uint8Array {
  const writer = new Writer(lengthWith(transaction, flags)).u32(transaction.version);
  if (flags !== 0) writer.u8(0).u8(flags);
  writer.compactSize(transaction.inputs.length);
  for (const input of transaction.inputs) {
    writer
      .fixed(input.previousTxidBytes, 32)
      .u32(input.previousIndex)
      .varBytes(input.scriptSig)
      .u32(input.sequence);
  }
  writer.compactSize(transaction.outputs.length);
  for (const output of transaction.outputs) writer.i64(output.amountSat).varBytes(output.scriptPubKey);
  if ((flags & FLAG_WITNESS) !== 0) {
    for (const input of transaction.inputs) {
      writer.compactSize(input.witness.length);
      for (const item of input.witness) writer.varBytes(item);
    }
  }
  if ((flags & FLAG_MWEB) !== 0) writer.u8(0);
  return writer.u32(transaction.locktime).finish();
}

function lengthWith(transaction: Transaction, flags: number): number {
  let length =
    8 + compactSizeLength(transaction.inputs.length) + compactSizeLength(transaction.outputs.length);
  for (const input of transaction.inputs) length += 40 + varLength(input.scriptSig);
  for (const output of transaction.outputs) length += 8 + varLength(output.scriptPubKey);
  if (flags !== 0) length += 2;
  if ((flags & FLAG_MWEB) !== 0) length += 1;
  if ((flags & FLAG_WITNESS) === 0) return length;
  for (const input of transaction.inputs) {
    length += compactSizeLength(input.witness.length);
    for (const item of input.witness) length += varLength(item);
  }
  return length;
}

function varLength(bytes: Uint8Array): number {
  return compactSizeLength(bytes.length) + bytes.length;
}
