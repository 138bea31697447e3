/** The common form of all versions of partially signed transactions: maps of keys and values, one for the whole and one for each input and output. */
import { bytesToHex } from "../bytes.ts";
import { Reader, Writer } from "../codec.ts";
import { badPsbt } from "../errors.ts";
import { parseTransaction, type Transaction } from "../transaction.ts";

export type PsbtVersion = 0 | 2;

/** By the key's hex: its first byte says what kind of value it is. In the order in which they stand. */
export type KeyMap = ReadonlyMap<string, Uint8Array>;

export interface PsbtMaps {
  readonly version: PsbtVersion;
  readonly global: KeyMap;
  readonly inputs: readonly KeyMap[];
  readonly outputs: readonly KeyMap[];
}

const MAGIC = "70736274ff";
/** A transaction of standard weight with the parents of its inputs: larger ones are not looked at. */
export const PSBT_LENGTH_BYTES_MAX = 2_000_000;

/** The one-byte keys that are read or written here; the others pass through. */
export const GLOBAL = Object.freeze({
  unsignedTransaction: "00",
  transactionVersion: "02",
  fallbackLocktime: "03",
  inputCount: "04",
  outputCount: "05",
  modifiable: "06",
  version: "fb",
});
export const INPUT = Object.freeze({
  previousTxid: "0e",
  previousIndex: "0f",
  sequence: "10",
  timeLocktime: "11",
  heightLocktime: "12",
});
/** Of an input that is finished. */
export const FINAL = Object.freeze({ scriptSig: "07", witness: "08" });
export const OUTPUT = Object.freeze({ amount: "03", script: "04" });

const GLOBAL_OF_TWO: readonly string[] = [
  GLOBAL.transactionVersion,
  GLOBAL.fallbackLocktime,
  GLOBAL.inputCount,
  GLOBAL.outputCount,
  GLOBAL.modifiable,
];

/** Reads any version and checks that it has the fields of its own and none of the other's. */
export function readMaps(bytes: Uint8Array): PsbtMaps {
  if (bytes.length > PSBT_LENGTH_BYTES_MAX) throw badPsbt("it is too large");
  try {
    const reader = new Reader(bytes);
    if (bytesToHex(reader.bytes(MAGIC.length / 2)) !== MAGIC) throw badPsbt("it does not begin as one");
    const global = readMap(reader);
    const version = versionOf(global);
    const { inputCount, outputCount } = version === 0 ? countsOfZero(global) : countsOfTwo(global);
    // A transaction in the making: nothing to sign, and in version 0 not even readable without doubt.
    if (inputCount === 0) throw badPsbt("it spends nothing yet");
    // A map is at least the byte that ends it.
    if (inputCount + outputCount > reader.remaining) throw badPsbt("it is cut short");
    const maps = Array.from({ length: inputCount + outputCount }, () => readMap(reader));
    reader.finish();
    const found = { version, global, inputs: maps.slice(0, inputCount), outputs: maps.slice(inputCount) };
    if (version === 0) refuseFieldsOfTwo(found);
    return found;
  } catch (cause) {
    if (cause instanceof Error && (cause as { code?: unknown }).code === "BITCOIN_BAD_PSBT") throw cause;
    throw badPsbt("it is cut short or malformed", cause);
  }
}

export function writeMaps({ global, inputs, outputs }: Omit<PsbtMaps, "version">): Uint8Array {
  const writer = new Writer(1_024).bytes(Buffer.from(MAGIC, "hex"));
  for (const map of [global, ...inputs, ...outputs]) {
    for (const [key, value] of map) writer.varBytes(Buffer.from(key, "hex")).varBytes(value);
    writer.u8(0);
  }
  return writer.finish();
}

/** A field of exactly four bytes, as a number. */
export function u32Field(map: KeyMap, key: string): number | undefined {
  const value = map.get(key);
  if (value === undefined) return undefined;
  if (value.length !== 4) throw badPsbt(`field ${key} has ${value.length} bytes where four belong`);
  return new Reader(value).u32();
}

/** The transaction of version 0, which holds no signatures. */
export function unsignedTransactionOf(global: KeyMap): Transaction {
  const bytes = global.get(GLOBAL.unsignedTransaction);
  if (bytes === undefined) throw badPsbt("it has no transaction");
  const transaction = parseTransaction(bytes);
  const isUnsigned = transaction.inputs.every(
    ({ scriptSig, witness }) => scriptSig.length === 0 && witness.length === 0,
  );
  if (!isUnsigned) throw badPsbt("its transaction is signed already");
  return transaction;
}

function readMap(reader: Reader): KeyMap {
  const map = new Map<string, Uint8Array>();
  for (let length = reader.compactSize(); length > 0; length = reader.compactSize()) {
    const key = bytesToHex(reader.bytes(length));
    if (map.has(key)) throw badPsbt("a field is there twice");
    map.set(key, Uint8Array.from(reader.varBytes()));
  }
  return map;
}

function versionOf(global: KeyMap): PsbtVersion {
  const version = u32Field(global, GLOBAL.version) ?? 0;
  if (version !== 0 && version !== 2) throw badPsbt(`nobody has defined its version ${version}`);
  return version;
}

function countsOfZero(global: KeyMap) {
  const { inputs, outputs } = unsignedTransactionOf(global);
  return { inputCount: inputs.length, outputCount: outputs.length };
}

function countsOfTwo(global: KeyMap) {
  if (global.has(GLOBAL.unsignedTransaction)) throw badPsbt("version 2 has no whole transaction in it");
  return {
    inputCount: countField(global, GLOBAL.inputCount),
    outputCount: countField(global, GLOBAL.outputCount),
  };
}

function countField(global: KeyMap, key: string): number {
  const value = global.get(key);
  if (value === undefined) throw badPsbt("it does not say how many inputs and outputs it has");
  const reader = new Reader(value);
  const count = reader.compactSize();
  reader.finish();
  return count;
}

function refuseFieldsOfTwo({ global, inputs, outputs }: PsbtMaps): void {
  const hasAny = (map: KeyMap, keys: readonly string[]) => keys.some((key) => map.has(key));
  const isMixed =
    hasAny(global, GLOBAL_OF_TWO) ||
    inputs.some((map) => hasAny(map, Object.values(INPUT))) ||
    outputs.some((map) => hasAny(map, Object.values(OUTPUT)));
  if (isMixed) throw badPsbt("version 0 with fields of version 2");
}
