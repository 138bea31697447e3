/** A transaction as the contract tells it: with amounts and addresses, and which outputs are ours. */
import type { z } from "zod";
import { bytesToHex, txidFromBytes } from "../../../bitcoin/bytes.ts";
import type { Network } from "../../../bitcoin/network.ts";
import { addressOfScript } from "../../../bitcoin/script/address.ts";
import { scriptHashOf } from "../../../bitcoin/script/scripthash.ts";
import { serializeWitness } from "../../../bitcoin/signing/witness-stack.ts";
import { serializeTransaction, type Transaction, txidOf } from "../../../bitcoin/transaction.ts";
import type { TransactionSchema } from "../../../bus/contracts/walletd/objects.ts";
import type { ScriptBook } from "../accounts/script-book.ts";

export type DescribedTransaction = z.infer<typeof TransactionSchema>;

export function describeTransaction(
  transaction: Transaction,
  inputsSat: readonly (number | null)[],
  { book, network }: { readonly book: ScriptBook; readonly network: Network },
): DescribedTransaction {
  return {
    txid: txidOf(transaction),
    rawTx: bytesToHex(serializeTransaction(transaction)),
    version: transaction.version,
    locktime: transaction.locktime,
    inputs: transaction.inputs.map((input, i) => ({
      txid: txidFromBytes(input.previousTxidBytes),
      index: input.previousIndex,
      scriptSig: bytesToHex(input.scriptSig),
      sequence: input.sequence,
      witness: input.witness.length === 0 ? "" : bytesToHex(serializeWitness(input.witness)),
      amountSat: inputsSat[i] ?? null,
    })),
    outputs: transaction.outputs.map(({ amountSat, scriptPubKey }) => ({
      amountSat: Number(amountSat),
      script: bytesToHex(scriptPubKey),
      address: addressOfScript(scriptPubKey, network) ?? null,
      isOurs: book.find(scriptHashOf(scriptPubKey)) !== undefined,
    })),
  };
}
