/** What a transaction must keep where it stands in the chain: coins that exist and are ripe, amounts, time locks. */
import type { Network } from "../../../bitcoin/network.ts";
import {
  FINAL_SEQUENCE,
  FIRST_TIME_LOCKTIME,
  isCoinbase,
  type Transaction,
} from "../../../bitcoin/transaction.ts";
import { RuleBroken } from "../refusal.ts";
import { ancestorAt, type BlockEntry, medianTimeS } from "./block-tree.ts";
import { type Coin, type OutpointKey, spentKey } from "./coins.ts";

/** BIP68. */
const SEQUENCE_DISABLE = 0x8000_0000;
const SEQUENCE_TIME = 0x40_0000;
const SEQUENCE_MASK = 0xffff;
const SEQUENCE_GRANULARITY_S = 512;

/** Where a transaction would stand: the block it is in, or the next one for the mempool. */
export interface Standing {
  readonly height: number;
  readonly parent: BlockEntry;
  readonly network: Network;
}

/** The coins that a transaction spends, one for each input; throws if one is missing. */
export function collectCoins(transaction: Transaction, find: (key: OutpointKey) => Coin | undefined): Coin[] {
  return transaction.inputs.map((input) => {
    const coin = find(spentKey(input));
    if (coin === undefined) throw new RuleBroken("bad-txns-inputs-missingorspent");
    return coin;
  });
}

/** Throws if a coin is a block's reward that may not be spent yet. */
export function checkMaturity(coins: readonly Coin[], standing: Standing): void {
  for (const coin of coins) {
    const depth = standing.height - coin.height;
    if (coin.isCoinbase && depth < standing.network.money.coinbaseMaturityBlocks) {
      throw new RuleBroken(
        "bad-txns-premature-spend-of-coinbase",
        `tried to spend coinbase at depth ${depth}`,
      );
    }
  }
}

/** What the inputs bring beyond the outputs. */
export function feeOf(transaction: Transaction, coins: readonly Coin[]): bigint {
  let fee = 0n;
  for (const coin of coins) fee += coin.output.amountSat;
  for (const output of transaction.outputs) fee -= output.amountSat;
  if (fee < 0n) throw new RuleBroken("bad-txns-in-belowout");
  return fee;
}

/** The absolute time lock; times are compared with the parent's median time (BIP113). */
export function isFinal(transaction: Transaction, standing: Standing): boolean {
  const { locktime } = transaction;
  if (locktime === 0) return true;
  const limit = locktime < FIRST_TIME_LOCKTIME ? standing.height : medianTimeS(standing.parent);
  return locktime < limit || transaction.inputs.every((input) => input.sequence === FINAL_SEQUENCE);
}

/** The relative time locks of BIP68. */
export function hasSequenceLocksMet(
  transaction: Transaction,
  coins: readonly Coin[],
  standing: Standing,
): boolean {
  if (transaction.version < 2 || isCoinbase(transaction)) return true;
  return transaction.inputs.every((input, i) => {
    if (input.sequence >= SEQUENCE_DISABLE) return true;
    const coinHeight = (coins[i] as Coin).height;
    const value = input.sequence & SEQUENCE_MASK;
    if ((input.sequence & SEQUENCE_TIME) === 0) return coinHeight + value <= standing.height;
    const before = ancestorAt(standing.parent, Math.max(Math.min(coinHeight, standing.height) - 1, 0));
    return medianTimeS(before) + value * SEQUENCE_GRANULARITY_S <= medianTimeS(standing.parent);
  });
}
