/** The sandbox's set of unspent coins, with what is needed to take a block back. */
import { bytesToHex } from "../../../bitcoin/bytes.ts";
import { isUnspendable } from "../../../bitcoin/script/script.ts";
import {
  isCoinbase,
  type Transaction,
  type TransactionInput,
  type TransactionOutput,
  txidBytesOf,
} from "../../../bitcoin/transaction.ts";

export interface Coin {
  readonly output: TransactionOutput;
  readonly height: number;
  readonly isCoinbase: boolean;
}

/** A coin's name: the creating transaction's id (raw order, hex) and the output's index. */
export type OutpointKey = string;

/** What a block took away, in the order it did. */
export type SpentCoins = readonly { readonly key: OutpointKey; readonly coin: Coin }[];

export function outpointKey(txidBytes: Uint8Array, index: number): OutpointKey {
  return `${bytesToHex(txidBytes)}:${index}`;
}

export function spentKey(input: TransactionInput): OutpointKey {
  return outpointKey(input.previousTxidBytes, input.previousIndex);
}

export class CoinSet {
  readonly #coins = new Map<OutpointKey, Coin>();

  get size(): number {
    return this.#coins.size;
  }

  get(key: OutpointKey): Coin | undefined {
    return this.#coins.get(key);
  }

  /** Spends the inputs and adds the outputs. Every input must be there. */
  apply(transaction: Transaction, height: number, spent: { key: OutpointKey; coin: Coin }[]): void {
    const coinbase = isCoinbase(transaction);
    if (!coinbase) {
      for (const input of transaction.inputs) {
        const key = spentKey(input);
        const coin = this.#coins.get(key);
        if (coin === undefined) throw new Error(`broken invariant: the coin ${key} is not there to be spent`);
        spent.push({ key, coin });
        this.#coins.delete(key);
      }
    }
    const txid = txidBytesOf(transaction);
    transaction.outputs.forEach((output, index) => {
      if (isUnspendable(output.scriptPubKey)) return;
      // A copy: parsed scripts are views that would keep the whole block in memory.
      const kept = { amountSat: output.amountSat, scriptPubKey: Uint8Array.from(output.scriptPubKey) };
      this.#coins.set(outpointKey(txid, index), { output: kept, height, isCoinbase: coinbase });
    });
  }

  /** Undoes `apply` for a list of transactions, in the opposite order. */
  revert(transactions: readonly Transaction[], spent: SpentCoins): void {
    for (const transaction of transactions) {
      const txid = txidBytesOf(transaction);
      transaction.outputs.forEach((_, index) => {
        this.#coins.delete(outpointKey(txid, index));
      });
    }
    // A coin made and spent within the block must not come back: only those of other transactions do.
    const made = new Set(transactions.map((transaction) => bytesToHex(txidBytesOf(transaction))));
    for (const { key, coin } of spent) {
      if (!made.has(key.slice(0, 64))) this.#coins.set(key, coin);
    }
  }
}
