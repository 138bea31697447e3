/** What is asked of Electrum servers, by the name of the row: each request is made anew of what the chain has. */
import type { Randomness } from "../chain/randomness.ts";
import type { Sample } from "./sample.ts";

export type Request = readonly [method: string, params: readonly unknown[]];

const HEADERS = 2_016;

export const METHODS: Readonly<Record<string, (sample: Sample, random: Randomness) => Request>> = {
  ping: () => ["server.ping", []],
  header: ({ tipHeight }, random) => ["blockchain.block.header", [below(random, tipHeight)]],
  header_proof: ({ tipHeight }, random) => ["blockchain.block.header", [below(random, tipHeight), tipHeight]],
  /** Of ours a lone one is one message over the bus, and nothing to search: from it the bus's own cost is reckoned. */
  id_from_pos: ({ tipHeight }, random) => [
    "blockchain.transaction.id_from_pos",
    [below(random, tipHeight), 0],
  ],
  headers: ({ tipHeight }, random) => [
    "blockchain.block.headers",
    [below(random, Math.max(1, tipHeight - HEADERS)), HEADERS],
  ],
  get_balance: ({ scripthashes }, random) => [
    "blockchain.scripthash.get_balance",
    [pick(random, scripthashes)],
  ],
  get_history: ({ scripthashes }, random) => [
    "blockchain.scripthash.get_history",
    [pick(random, scripthashes)],
  ],
  listunspent: ({ scripthashes }, random) => [
    "blockchain.scripthash.listunspent",
    [pick(random, scripthashes)],
  ],
  /** The same of scripts with hundreds of entries: few, so that whoever keeps answers has them. */
  get_balance_busy: ({ busy }, random) => ["blockchain.scripthash.get_balance", [pick(random, busy)]],
  get_history_busy: ({ busy }, random) => ["blockchain.scripthash.get_history", [pick(random, busy)]],
  listunspent_busy: ({ busy }, random) => ["blockchain.scripthash.listunspent", [pick(random, busy)]],
  /** A script that nobody has asked for before, and nobody has used: what a wallet does at its first start. */
  subscribe: (_, random) => ["blockchain.scripthash.subscribe", [anyHash(random)]],
  /** One that has been used. */
  subscribe_used: ({ scripthashes }, random) => [
    "blockchain.scripthash.subscribe",
    [pick(random, scripthashes)],
  ],
  get_merkle: ({ transactions }, random) => {
    const { txid, height } = pick(random, transactions);
    return ["blockchain.transaction.get_merkle", [txid, height]];
  },
  transaction_get: ({ transactions }, random) => [
    "blockchain.transaction.get",
    [pick(random, transactions).txid],
  ],
};

export function anyHash(random: Randomness): string {
  return Array.from({ length: 8 }, () => random.u32().toString(16).padStart(8, "0")).join("");
}

function below(random: Randomness, bound: number): number {
  return Math.floor(random.fraction() * bound);
}

function pick<T>(random: Randomness, items: readonly T[]): T {
  return items[below(random, items.length)] as T;
}
