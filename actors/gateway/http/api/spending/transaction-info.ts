/** A transaction as JoinMarket's clients are told of it. */
import { z } from "zod";
import { bytesToHex, hexToBytes, txidFromBytes } from "../../../../../bitcoin/bytes.ts";
import { Writer } from "../../../../../bitcoin/codec.ts";
import type { Network } from "../../../../../bitcoin/network.ts";
import { addressOfScript } from "../../../../../bitcoin/script/address.ts";
import { parseTransaction, txidOf } from "../../../../../bitcoin/transaction.ts";

export const TransactionInfoSchema = z.object({
  hex: z.string(),
  inputs: z.array(
    z.object({ outpoint: z.string(), scriptSig: z.string(), nSequence: z.int(), witness: z.string() }),
  ),
  outputs: z.array(
    z.object({ value_sats: z.int(), scriptPubKey: z.string(), address: z.string().optional() }),
  ),
  txid: z.string(),
  nLockTime: z.int(),
  nVersion: z.int(),
});
export type TransactionInfo = z.output<typeof TransactionInfoSchema>;

export function transactionInfo(hex: string, network: Network): TransactionInfo {
  const transaction = parseTransaction(hexToBytes(hex), network.serialization);
  return {
    hex,
    inputs: transaction.inputs.map(({ previousTxidBytes, previousIndex, scriptSig, sequence, witness }) => ({
      outpoint: `${txidFromBytes(previousTxidBytes)}:${previousIndex}`,
      scriptSig: bytesToHex(scriptSig),
      nSequence: sequence,
      witness: witness.length === 0 ? "" : stackHex(witness),
    })),
    outputs: transaction.outputs.map(({ amountSat, scriptPubKey }) => {
      const address = addressOfScript(scriptPubKey, network);
      return {
        value_sats: Number(amountSat),
        scriptPubKey: bytesToHex(scriptPubKey),
        ...(address !== undefined && { address }),
      };
    }),
    txid: txidOf(transaction),
    nLockTime: transaction.locktime,
    nVersion: transaction.version,
  };
}

/** The whole stack as it stands in the transaction: how many items, and each with its length. */
function stackHex(items: readonly Uint8Array[]): string {
  const writer = new Writer().compactSize(items.length);
  for (const item of items) writer.varBytes(item);
  return bytesToHex(writer.finish());
}
