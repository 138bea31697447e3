/** Scripts, transactions and places of a chain that servers are asked for: found in its file, or by asking a server. */
import { parseBlock } from "../../bitcoin/block/block.ts";
import { hexToBytes } from "../../bitcoin/bytes.ts";
import { regtest } from "../../bitcoin/network.ts";
import { isIndexedScript, scriptHashOf } from "../../bitcoin/script/scripthash.ts";
import { parseTransaction, txidOf } from "../../bitcoin/transaction.ts";
import type { ChainFileSource } from "../chain/chain-file.ts";
import type { Randomness } from "../chain/randomness.ts";
import type { LineClient } from "./line-client.ts";

export interface Sample {
  readonly tipHeight: number;
  readonly scripthashes: readonly string[];
  /** With hundreds of entries, as far as one can tell. */
  readonly busy: readonly string[];
  /** The one with most entries, as far as one can tell. */
  readonly busiest: string;
  readonly transactions: readonly { readonly txid: string; readonly height: number }[];
}

/** Positions are tried from here down: how many transactions a block has no server tells. */
const POSITION_MAX = 2_000;
const BLOCKS_READ_MAX = 150;
const BUSY_ENTRIES = [100, 400] as const;
const BUSY_MAX = 100;

/** At random from blocks up to that height. */
export async function sampleOfFile(
  chain: ChainFileSource,
  tipHeight: number,
  random: Randomness,
  count: number,
): Promise<Sample> {
  const blocks = Math.min(BLOCKS_READ_MAX, tipHeight);
  const transactions: { txid: string; height: number }[] = [];
  const scripthashes = new Set<string>();
  const payments = new Map<string, number>();
  for (let i = 0; i < blocks; i++) {
    const height = 1 + Math.floor((i * tipHeight) / blocks);
    const hash = chain.hashAt(height);
    if (hash === undefined) break;
    for await (const bytes of chain.blocks([hash])) {
      const found = parseBlock(bytes, regtest.serialization).transactions;
      const wanted = (count / blocks / found.length) * 1.1;
      for (const transaction of found) {
        const isTaken = random.fraction() < wanted;
        if (isTaken) transactions.push({ txid: txidOf(transaction), height });
        for (const { scriptPubKey } of transaction.outputs) {
          if (!isIndexedScript(scriptPubKey)) continue;
          const scripthash = scriptHashOf(scriptPubKey);
          payments.set(scripthash, (payments.get(scripthash) ?? 0) + 1);
          if (isTaken) scripthashes.add(scripthash);
        }
      }
    }
  }
  const share = blocks / tipHeight;
  const [least, most] = BUSY_ENTRIES;
  const isBusy = (seen: number) => seen / share >= least && seen / share <= most;
  const busy = [...payments].filter(([, seen]) => isBusy(seen)).map(([scripthash]) => scripthash);
  const [busiest] = [...payments].reduce((a, b) => (b[1] > a[1] ? b : a));
  return {
    tipHeight,
    scripthashes: [...scripthashes],
    busy: busy.slice(0, BUSY_MAX),
    busiest,
    transactions,
  };
}

/** Of any server. What it has most entries of nobody tells: scripts that are met more than once stand for those. */
export async function sampleOfServer(client: LineClient, random: Randomness, count: number): Promise<Sample> {
  const { height: tipHeight } = (await client.call("blockchain.headers.subscribe", [])) as { height: number };
  const transactions: { txid: string; height: number }[] = [];
  const payments = new Map<string, number>();
  while (transactions.length < count) {
    const height = 1 + Math.floor(random.fraction() * tipHeight);
    const found = await transactionIn(client, height, random);
    if (found === undefined) continue;
    transactions.push({ txid: found, height });
    const raw = (await client.call("blockchain.transaction.get", [found])) as string;
    for (const { scriptPubKey } of parseTransaction(hexToBytes(raw)).outputs) {
      if (!isIndexedScript(scriptPubKey)) continue;
      const scripthash = scriptHashOf(scriptPubKey);
      payments.set(scripthash, (payments.get(scripthash) ?? 0) + 1);
    }
  }
  const scripthashes = [...payments.keys()];
  const byCount = [...payments].sort((a, b) => b[1] - a[1]).map(([scripthash]) => scripthash);
  return {
    tipHeight,
    scripthashes,
    busy: byCount.slice(1, 1 + Math.max(1, byCount.length / 20)),
    busiest: byCount[0] as string,
    transactions,
  };
}

async function transactionIn(
  client: LineClient,
  height: number,
  random: Randomness,
): Promise<string | undefined> {
  for (let limit = POSITION_MAX; limit >= 1; limit = Math.floor(limit / 4)) {
    const position = Math.floor(random.fraction() * limit);
    const found = await client
      .call("blockchain.transaction.id_from_pos", [height, position])
      .catch(() => undefined);
    if (typeof found === "string") return found;
  }
  return undefined;
}
