/** The rules every transaction must keep whatever the chain says: Bitcoin Core's `CheckTransaction`. */
import { bytesToHex } from "./bytes.ts";
import type { Network } from "./network.ts";
import {
  isCoinbase,
  isNullPrevout,
  strippedLengthBytesOf,
  type Transaction,
  WITNESS_SCALE,
} from "./transaction.ts";

export const MAX_BLOCK_WEIGHT = 4_000_000;

/** What is wrong, in the word Bitcoin Core's `reject-reason` uses, or nothing. */
export function checkTransaction(transaction: Transaction, network: Network): string | undefined {
  if (transaction.inputs.length === 0) return "bad-txns-vin-empty";
  if (transaction.outputs.length === 0) return "bad-txns-vout-empty";
  if (strippedLengthBytesOf(transaction) * WITNESS_SCALE > MAX_BLOCK_WEIGHT) return "bad-txns-oversize";
  return checkAmounts(transaction, network) ?? checkInputs(transaction);
}

function checkAmounts(transaction: Transaction, network: Network): string | undefined {
  let totalSat = 0n;
  for (const { amountSat } of transaction.outputs) {
    if (amountSat < 0n) return "bad-txns-vout-negative";
    if (amountSat > network.money.maxSat) return "bad-txns-vout-toolarge";
    totalSat += amountSat;
    if (totalSat > network.money.maxSat) return "bad-txns-txouttotal-toolarge";
  }
  return undefined;
}

function checkInputs(transaction: Transaction): string | undefined {
  const seen = new Set<string>();
  for (const input of transaction.inputs) {
    const outpoint = `${bytesToHex(input.previousTxidBytes)}:${input.previousIndex}`;
    // CVE-2018-17144: one coin spent twice in one transaction would create money.
    if (seen.has(outpoint)) return "bad-txns-inputs-duplicate";
    seen.add(outpoint);
  }
  if (isCoinbase(transaction)) {
    const lengthBytes = transaction.inputs[0]?.scriptSig.length ?? 0;
    return lengthBytes < 2 || lengthBytes > 100 ? "bad-cb-length" : undefined;
  }
  return transaction.inputs.some(isNullPrevout) ? "bad-txns-prevout-null" : undefined;
}
