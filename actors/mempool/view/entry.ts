/** A transaction as the mempool's view holds it: what it spends and pays, by script hash, without its bytes. */
import { type ScriptHash, type Txid, txidFromBytes } from "../../../bitcoin/bytes.ts";
import type { Network } from "../../../bitcoin/network.ts";
import { isIndexedScript, scriptHashOf } from "../../../bitcoin/script/scripthash.ts";
import {
  isCoinbase,
  parseTransaction,
  txidOf,
  WITNESS_SCALE,
  weightOf,
} from "../../../bitcoin/transaction.ts";

export interface Pay {
  readonly amountSat: number;
  /** Nothing for an output that no index has, such as OP_RETURN. */
  readonly scriptHash: ScriptHash | undefined;
}

export interface Spend extends Pay {
  readonly txid: Txid;
  readonly index: number;
}

export interface Entry {
  readonly txid: Txid;
  readonly feeSat: number;
  readonly weight: number;
  readonly sizeVb: number;
  /** When it was first seen, in seconds since 1970. */
  readonly timeS: number;
  readonly spends: readonly Spend[];
  readonly pays: readonly Pay[];
  /** The height of the block that has it; nothing while it is unconfirmed. Only the tables set it. */
  confirmedAt: number | undefined;
}

/** A transaction whose inputs are not resolved yet. */
export interface Draft {
  readonly txid: Txid;
  readonly weight: number;
  readonly outpoints: readonly { readonly txid: Txid; readonly index: number }[];
  readonly pays: readonly Pay[];
}

/** More than all coins there can be: what says so is no transaction. */
const AMOUNT_MAX_SAT = 21_000_000 * 100_000_000;

/** Nothing if the bytes are not the transaction of that id, or one that no mempool can hold. */
export function draftOf(
  txid: Txid,
  rawTx: Uint8Array,
  serialization: Network["serialization"],
): Draft | undefined {
  const transaction = parseTransaction(rawTx, serialization);
  if (isCoinbase(transaction) || transaction.inputs.length === 0 || txidOf(transaction) !== txid) {
    return undefined;
  }
  let sumSat = 0;
  const pays = transaction.outputs.map(({ amountSat, scriptPubKey }) => {
    const scriptHash = isIndexedScript(scriptPubKey) ? scriptHashOf(scriptPubKey) : undefined;
    const pay = { amountSat: Number(amountSat), scriptHash };
    sumSat += pay.amountSat >= 0 ? pay.amountSat : Number.POSITIVE_INFINITY;
    return pay;
  });
  if (sumSat > AMOUNT_MAX_SAT) return undefined;
  return {
    txid,
    weight: weightOf(transaction),
    outpoints: transaction.inputs.map(({ previousTxidBytes, previousIndex }) => ({
      txid: txidFromBytes(previousTxidBytes),
      index: previousIndex,
    })),
    pays,
  };
}

/** Nothing if a coin is missing, or if more comes out than goes in. */
export function entryOf(
  draft: Draft,
  coinOf: (txid: Txid, index: number, input: number) => Pay | undefined,
  timeS: number,
): Entry | undefined {
  const spends: Spend[] = [];
  let feeSat = 0;
  for (const { txid, index } of draft.outpoints) {
    const coin = coinOf(txid, index, spends.length);
    if (coin === undefined) return undefined;
    spends.push({ txid, index, amountSat: coin.amountSat, scriptHash: coin.scriptHash });
    feeSat += coin.amountSat;
  }
  for (const { amountSat } of draft.pays) feeSat -= amountSat;
  if (feeSat < 0) return undefined;
  const { txid, weight, pays } = draft;
  const sizeVb = Math.ceil(weight / WITNESS_SCALE);
  return { txid, feeSat, weight, sizeVb, timeS, spends, pays, confirmedAt: undefined };
}

/** About how much memory an entry takes with its places in the tables: measured, rounded up. */
export function memoryBytesOf({ spends, pays }: Pick<Entry, "spends" | "pays">): number {
  return 700 + 420 * spends.length + 320 * pays.length;
}
