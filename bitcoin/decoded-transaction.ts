/** Transactions and scripts as the JSON that Bitcoin Core prints for people. */

import { bytesToHex, txidFromBytes } from "./bytes.ts";
import { coinsNumberFromSat } from "./fee.ts";
import type { Network } from "./network.ts";
import { addressOfScript } from "./script/address.ts";
import { scriptAsm } from "./script/script.ts";
import { classifyScript, type ScriptType } from "./script/script-type.ts";
import {
  isCoinbase,
  lengthBytesOf,
  serializeTransaction,
  sizeVbOf,
  type Transaction,
  type TransactionInput,
  txidOf,
  weightOf,
  wtxidOf,
} from "./transaction.ts";

const SCRIPT_NAMES: Readonly<Record<ScriptType["type"], string>> = {
  p2pkh: "pubkeyhash",
  p2sh: "scripthash",
  p2wpkh: "witness_v0_keyhash",
  p2wsh: "witness_v0_scripthash",
  p2tr: "witness_v1_taproot",
  p2a: "anchor",
  witness: "witness_unknown",
  p2pk: "pubkey",
  multisig: "multisig",
  op_return: "nulldata",
  unknown: "nonstandard",
};

export function decodeTransaction(transaction: Transaction, network: Network): Record<string, unknown> {
  return {
    txid: txidOf(transaction),
    hash: wtxidOf(transaction),
    version: transaction.version,
    size: lengthBytesOf(transaction),
    vsize: sizeVbOf(transaction),
    weight: weightOf(transaction),
    locktime: transaction.locktime,
    vin: transaction.inputs.map((input) => decodeInput(input, isCoinbase(transaction))),
    vout: transaction.outputs.map((output, n) => ({
      value: coinsNumberFromSat(output.amountSat),
      n,
      scriptPubKey: decodeScript(output.scriptPubKey, network),
    })),
    hex: bytesToHex(serializeTransaction(transaction)),
  };
}

export function decodeScript(script: Uint8Array, network: Network): Record<string, unknown> {
  const address = addressOfScript(script, network);
  return {
    asm: scriptAsm(script),
    hex: bytesToHex(script),
    ...(address === undefined ? {} : { address }),
    type: SCRIPT_NAMES[classifyScript(script).type],
  };
}

function decodeInput(input: TransactionInput, isCoinbaseInput: boolean): Record<string, unknown> {
  const witness = input.witness.map(bytesToHex);
  const txinwitness = witness.length === 0 ? {} : { txinwitness: witness };
  if (isCoinbaseInput) {
    return { coinbase: bytesToHex(input.scriptSig), ...txinwitness, sequence: input.sequence };
  }
  return {
    txid: txidFromBytes(input.previousTxidBytes),
    vout: input.previousIndex,
    scriptSig: { asm: scriptAsm(input.scriptSig), hex: bytesToHex(input.scriptSig) },
    ...txinwitness,
    sequence: input.sequence,
  };
}
