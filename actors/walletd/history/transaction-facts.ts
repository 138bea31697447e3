/** What a wallet remembers of a transaction that pays or spends from it: few numbers, whatever its size. */
import { txidFromBytes } from "../../../bitcoin/bytes.ts";
import type { Network } from "../../../bitcoin/network.ts";
import { addressOfScript } from "../../../bitcoin/script/address.ts";
import { scriptHashOf } from "../../../bitcoin/script/scripthash.ts";
import { isCoinbase, type Transaction } from "../../../bitcoin/transaction.ts";
import { type DetectedCoinjoin, detectCoinjoin } from "../../../joinmarket/coinjoin/detect.ts";
import type { WalletKey } from "../../../joinmarket/wallet/wallet-key.ts";
import type { ScriptBook } from "../accounts/script-book.ts";
import { outpointText } from "../coins/script-facts.ts";

/** From here on an input does not ask to be replaceable. */
const SEQUENCE_FINAL_MIN = 0xffff_fffe;

export interface OwnOutput {
  readonly index: number;
  readonly amountSat: number;
  readonly key: WalletKey;
}

export interface TransactionFacts {
  readonly isCoinbase: boolean;
  /** By what it says of itself (BIP125). */
  readonly isReplaceable: boolean;
  readonly coinjoin: DetectedCoinjoin | undefined;
  readonly inputs: readonly string[];
  /** By index. */
  readonly outputsSat: readonly number[];
  readonly ownOutputs: readonly OwnOutput[];
  /** The first output that is not ours, if it has one. */
  readonly foreignAddress: string | undefined;
}

export function factsOf(transaction: Transaction, book: ScriptBook, network: Network): TransactionFacts {
  const outputsSat = transaction.outputs.map(({ amountSat }) => Number(amountSat));
  const ownOutputs: OwnOutput[] = [];
  let foreign: Uint8Array | undefined;
  for (const [index, { scriptPubKey }] of transaction.outputs.entries()) {
    const key = book.find(scriptHashOf(scriptPubKey));
    if (key !== undefined) ownOutputs.push({ index, amountSat: outputsSat[index] ?? 0, key });
    else foreign ??= scriptPubKey;
  }
  return {
    isCoinbase: isCoinbase(transaction),
    isReplaceable: transaction.inputs.some(({ sequence }) => sequence < SEQUENCE_FINAL_MIN),
    coinjoin: detectCoinjoin(outputsSat.map((valueSat) => ({ valueSat }))),
    inputs: transaction.inputs.map(({ previousTxidBytes, previousIndex }) =>
      outpointText({ txid: txidFromBytes(previousTxidBytes), index: previousIndex }),
    ),
    outputsSat,
    ownOutputs,
    foreignAddress: foreign === undefined ? undefined : addressOfScript(foreign, network),
  };
}
