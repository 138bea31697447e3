/** What one participant has in a coinjoin's transaction: its coins among the inputs, its scripts among the outputs. */
import { equalBytes, type Txid, txidFromBytes } from "../../bitcoin/bytes.ts";
import type { Transaction } from "../../bitcoin/transaction.ts";

/** A coin as both sides of a coinjoin know it. */
export interface CoinjoinCoin {
  readonly txid: Txid;
  readonly vout: number;
  readonly valueSat: number;
  readonly scriptPubKey: Uint8Array;
}

export function outpointOf({ txid, vout }: Pick<CoinjoinCoin, "txid" | "vout">): string {
  return `${txid}:${vout}`;
}

/** Where our coins stand among the inputs, in the order of the coins; nothing if one is missing or named twice. */
export function indexesOf(
  transaction: Transaction,
  coins: readonly CoinjoinCoin[],
): readonly number[] | undefined {
  const places = new Map(
    transaction.inputs.map((input, index) => [
      outpointOf({ txid: txidFromBytes(input.previousTxidBytes), vout: input.previousIndex }),
      index,
    ]),
  );
  const indexes = new Set(coins.map((coin) => places.get(outpointOf(coin))).filter((at) => at !== undefined));
  return indexes.size === coins.length ? [...indexes] : undefined;
}

/** What the outputs to a script are worth, one by one. */
export function valuesTo(transaction: Transaction, script: Uint8Array): readonly number[] {
  return transaction.outputs
    .filter(({ scriptPubKey }) => equalBytes(scriptPubKey, script))
    .map(({ amountSat }) => Number(amountSat));
}

/** How many outputs are worth just this. */
export function outputsWorth(transaction: Transaction, valueSat: number): number {
  return transaction.outputs.filter(({ amountSat }) => amountSat === BigInt(valueSat)).length;
}
