/** What is asked: scripts and transactions picked from a chain file, and the questions made of them. */

import { parseBlock } from "../../bitcoin/block/block.ts";
import { regtest } from "../../bitcoin/network.ts";
import { scriptHashOf } from "../../bitcoin/script/scripthash.ts";
import { txidOf } from "../../bitcoin/transaction.ts";
import type { Client } from "../../bus/bus.ts";
import type { indexerContract } from "../../bus/contracts/indexer.ts";
import type { ChainFileSource } from "../chain/chain-file.ts";
import type { Randomness } from "../chain/randomness.ts";

export interface ChainSample {
  readonly height: number;
  /** Scripts paid once or twice, some hundred times, and most of all. */
  readonly small: readonly string[];
  readonly medium: readonly string[];
  readonly huge: string;
  readonly txids: readonly string[];
}

const BLOCKS_READ = 24;
const LIMIT = 1_000_000;

/** Reads some of the first `share` of the chain. */
export async function sampleOf(chain: ChainFileSource, share: number): Promise<ChainSample> {
  const tip = await chain.tip();
  const height = Math.floor(tip.height * share);
  const payments = new Map<string, number>();
  const txids: string[] = [];
  const step = Math.max(1, Math.floor(height / BLOCKS_READ));
  for (let at = 1; at <= height; at += step) {
    const hash = chain.hashAt(at);
    if (hash === undefined) break;
    for await (const bytes of chain.blocks([hash])) {
      for (const transaction of parseBlock(bytes, regtest.serialization).transactions) {
        txids.push(txidOf(transaction));
        for (const { scriptPubKey } of transaction.outputs) {
          const scriptHash = scriptHashOf(scriptPubKey);
          payments.set(scriptHash, (payments.get(scriptHash) ?? 0) + 1);
        }
      }
    }
  }
  const byCount = [...payments].sort((a, b) => b[1] - a[1]).map(([scriptHash]) => scriptHash);
  return {
    height,
    small: [...payments].filter(([, count]) => count === 1).map(([scriptHash]) => scriptHash),
    medium: byCount.slice(20, 120),
    huge: byCount[0] as string,
    txids,
  };
}

export interface Question {
  readonly name: string;
  readonly batches: readonly number[];
  ask(client: Client<typeof indexerContract>, batch: number): Promise<unknown>;
}

export function questionsOf(sample: ChainSample, random: Randomness): readonly Question[] {
  const below = (bound: number) => Math.floor(random.fraction() * bound);
  const pick = (from: readonly string[], count: number) =>
    Array.from({ length: count }, () => from[below(from.length)] as string);
  const one = [1];
  const both = [1, 100];
  return [
    { name: "tip", batches: one, ask: (client) => client.tip({}) },
    {
      name: "balances",
      batches: both,
      ask: (client, batch) => client.balances({ scripthashes: pick(sample.small, batch), limit: LIMIT }),
    },
    {
      name: "histories",
      batches: both,
      ask: (client, batch) => client.histories({ scripthashes: pick(sample.small, batch), limit: LIMIT }),
    },
    {
      name: "unspents",
      batches: both,
      ask: (client, batch) => client.unspents({ scripthashes: pick(sample.small, batch), limit: LIMIT }),
    },
    {
      name: "histories-medium",
      batches: one,
      ask: (client, batch) => client.histories({ scripthashes: pick(sample.medium, batch), limit: LIMIT }),
    },
    {
      name: "places",
      batches: both,
      ask: (client, batch) => client.places({ txids: pick(sample.txids, batch) }),
    },
    {
      name: "spenders",
      batches: both,
      ask: (client, batch) =>
        client.spenders({ outpoints: pick(sample.txids, batch).map((txid) => ({ txid, index: 0 })) }),
    },
    {
      name: "merkleProofs",
      batches: both,
      ask: (client, batch) => client.merkleProofs({ txids: pick(sample.txids, batch) }),
    },
    {
      name: "headers",
      batches: one,
      ask: (client) => client.headers({ height: below(sample.height), count: 1 }),
    },
  ];
}
