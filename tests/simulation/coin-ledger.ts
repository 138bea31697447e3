/** What each wallet of a simulated market owns by the blocks alone, and what each transaction did to it: nothing that the wallets believe. */
import { txidFromBytes } from "../../bitcoin/bytes.ts";
import { scriptHashOf } from "../../bitcoin/script/scripthash.ts";
import { isInputSigned } from "../../bitcoin/signing/inputs.ts";
import { type Transaction, txidOf } from "../../bitcoin/transaction.ts";
import type { ModelNode } from "../harness/mempool/model-node.ts";

interface Coin {
  readonly owner: string | undefined;
  readonly amountSat: bigint;
  readonly scriptPubKey: Uint8Array;
}

/** One transaction that spent of a wallet's coins. */
export interface Spending {
  readonly txid: string;
  readonly owner: string;
  /** What the wallet has less after it; what it has more is below nothing. */
  readonly costSat: number;
  /** Whether a node would have taken it. */
  readonly isSigned: boolean;
}

export class CoinLedger {
  readonly #owners = new Map<string, string>();
  readonly #coins = new Map<string, Coin>();
  /** Of blocks that were read and that nobody has asked about yet. */
  readonly #found: Spending[] = [];
  #height = 0;

  /** Script hashes of a wallet. */
  own(owner: string, scriptHashes: Iterable<string>): void {
    for (const hash of scriptHashes) this.#owners.set(hash, owner);
  }

  balanceSat(owner: string): number {
    let sum = 0n;
    for (const coin of this.#coins.values()) if (coin.owner === owner) sum += coin.amountSat;
    return Number(sum);
  }

  coin(outpoint: string): Coin | undefined {
    return this.#coins.get(outpoint);
  }

  /** Whether a node would take it: all of its coins are in blocks, and each is signed for. */
  isSigned(transaction: Transaction): boolean {
    return transaction.inputs.every(({ previousTxidBytes, previousIndex }, i) => {
      const coin = this.coin(`${txidFromBytes(previousTxidBytes)}:${previousIndex}`);
      return coin !== undefined && isInputSigned(transaction, i, coin);
    });
  }

  /** Reads the blocks that are new. */
  read(node: ModelNode): void {
    for (; this.#height < node.blocks.length; this.#height++) {
      for (const transaction of node.blocks[this.#height]?.transactions ?? [])
        this.#found.push(...this.#take(transaction));
    }
  }

  /** Reads the blocks that are new; gives back what those took from the wallets that came since it was asked last. */
  follow(node: ModelNode): Spending[] {
    this.read(node);
    return this.#found.splice(0);
  }

  #take(transaction: Transaction): Spending[] {
    const txid = txidOf(transaction);
    const costs = new Map<string, bigint>();
    let isSigned = true;
    const spent = transaction.inputs.map((input) => {
      const outpoint = `${txidFromBytes(input.previousTxidBytes)}:${input.previousIndex}`;
      const coin = this.#coins.get(outpoint);
      this.#coins.delete(outpoint);
      if (coin?.owner !== undefined) costs.set(coin.owner, (costs.get(coin.owner) ?? 0n) + coin.amountSat);
      return coin;
    });
    if (costs.size > 0) {
      isSigned = spent.every((coin, i) => coin !== undefined && isInputSigned(transaction, i, coin));
    }
    for (const [index, { amountSat, scriptPubKey }] of transaction.outputs.entries()) {
      const owner = this.#owners.get(scriptHashOf(scriptPubKey));
      this.#coins.set(`${txid}:${index}`, { owner, amountSat, scriptPubKey });
      // Who only receives is none of those whose coins were spent.
      if (owner !== undefined && costs.has(owner)) costs.set(owner, (costs.get(owner) ?? 0n) - amountSat);
    }
    return [...costs].map(([owner, costSat]) => ({ txid, owner, costSat: Number(costSat), isSigned }));
  }
}
