/** The view kept over a restart: a file of entries, so that only what is new has to be read from the node. */
import { createHash } from "node:crypto";
import { open, readFile, rename } from "node:fs/promises";
import {
  HASH_LENGTH_BYTES,
  scriptHashFromBytes,
  scriptHashToBytes,
  type Txid,
  txidFromBytes,
  txidToBytes,
} from "../../../bitcoin/bytes.ts";
import { WITNESS_SCALE } from "../../../bitcoin/transaction.ts";
import type { Entry, Pay, Spend } from "../view/entry.ts";

/** The first line says what the file is; another format has another number. */
const MAGIC = "troupe mempool 1";
/** Entries that are written without letting others have their turn: a few milliseconds. */
const SLICE = 1_000;
const HEAD_BYTES = HASH_LENGTH_BYTES + 4 + 4 + 8 + 4 + 4;
const PAY_BYTES = 8 + 1 + HASH_LENGTH_BYTES;
const SPEND_BYTES = HASH_LENGTH_BYTES + 4 + PAY_BYTES;

/** The old file stays whole until the new one is. */
export async function writeKept(path: string, network: string, entries: readonly Entry[]): Promise<void> {
  const draft = `${path}.new`;
  const digest = createHash("sha256");
  const file = await open(draft, "w", 0o600);
  try {
    const write = async (bytes: Uint8Array) => {
      digest.update(bytes);
      await file.write(bytes);
    };
    await write(Buffer.from(`${MAGIC} ${network}\n`));
    for (let start = 0; start < entries.length; start += SLICE) {
      await write(encode(entries.slice(start, start + SLICE)));
    }
    await file.write(digest.digest());
  } finally {
    await file.close();
  }
  await rename(draft, path);
}

/** Nothing for a file that is not there, of another network or format, or damaged: then the node is read again. */
export async function readKept(path: string, network: string): Promise<Map<Txid, Entry> | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    // The first start.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return new Map();
    throw error;
  }
  const head = Buffer.from(`${MAGIC} ${network}\n`);
  const end = bytes.length - HASH_LENGTH_BYTES;
  if (end < head.length || !bytes.subarray(0, head.length).equals(head)) return undefined;
  const digest = createHash("sha256").update(bytes.subarray(0, end)).digest();
  return digest.equals(bytes.subarray(end)) ? decode(bytes, head.length, end) : undefined;
}

function encode(entries: readonly Entry[]): Buffer {
  const lengthBytes = entries.reduce(
    (sum, { spends, pays }) => sum + HEAD_BYTES + SPEND_BYTES * spends.length + PAY_BYTES * pays.length,
    0,
  );
  const bytes = Buffer.alloc(lengthBytes);
  let at = 0;
  const hash = (value: Uint8Array) => {
    bytes.set(value, at);
    at += HASH_LENGTH_BYTES;
  };
  const pay = ({ amountSat, scriptHash }: Pay) => {
    at = bytes.writeDoubleLE(amountSat, at);
    at = bytes.writeUInt8(scriptHash === undefined ? 0 : 1, at);
    if (scriptHash === undefined) at += HASH_LENGTH_BYTES;
    else hash(scriptHashToBytes(scriptHash));
  };
  for (const { txid, timeS, weight, feeSat, spends, pays } of entries) {
    hash(txidToBytes(txid));
    at = bytes.writeUInt32LE(timeS, at);
    at = bytes.writeUInt32LE(weight, at);
    at = bytes.writeDoubleLE(feeSat, at);
    at = bytes.writeUInt32LE(spends.length, at);
    at = bytes.writeUInt32LE(pays.length, at);
    for (const spend of spends) {
      hash(txidToBytes(spend.txid));
      at = bytes.writeUInt32LE(spend.index, at);
      pay(spend);
    }
    for (const of of pays) pay(of);
  }
  return bytes;
}

/** The checksum has been compared: what is read here was written by `encode`. */
function decode(bytes: Buffer, start: number, end: number): Map<Txid, Entry> {
  const entries = new Map<Txid, Entry>();
  let at = start;
  const txid = () => {
    const found = txidFromBytes(bytes, at);
    at += HASH_LENGTH_BYTES;
    return found;
  };
  const u32 = () => {
    at += 4;
    return bytes.readUInt32LE(at - 4);
  };
  const double = () => {
    at += 8;
    return bytes.readDoubleLE(at - 8);
  };
  const pay = (): Pay => {
    const amountSat = double();
    const isIndexed = bytes.readUInt8(at) === 1;
    const scriptHash = isIndexed ? scriptHashFromBytes(bytes, at + 1) : undefined;
    at += 1 + HASH_LENGTH_BYTES;
    return { amountSat, scriptHash };
  };
  const spend = (): Spend => {
    const previous = txid();
    const index = u32();
    return { txid: previous, index, ...pay() };
  };
  while (at < end) {
    const id = txid();
    const timeS = u32();
    const weight = u32();
    const feeSat = double();
    const spendCount = u32();
    const payCount = u32();
    const spends = Array.from({ length: spendCount }, spend);
    const pays = Array.from({ length: payCount }, pay);
    const sizeVb = Math.ceil(weight / WITNESS_SCALE);
    entries.set(id, { txid: id, feeSat, weight, sizeVb, timeS, spends, pays, confirmedAt: undefined });
  }
  return entries;
}
