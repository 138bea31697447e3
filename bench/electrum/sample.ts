/** Scripts, transactions and places of the chain that a server serves, found by asking it: any Electrum server will do. */
import { hexToBytes } from "../../bitcoin/bytes.ts";
import { isIndexedScript, scriptHashOf } from "../../bitcoin/script/scripthash.ts";
import { parseTransaction } from "../../bitcoin/transaction.ts";
import type { Randomness } from "../chain/randomness.ts";
import type { LineClient } from "./line-client.ts";

export interface Sample {
  readonly tipHeight: number;
  readonly scripthashes: readonly string[];
  readonly transactions: readonly { readonly txid: string; readonly height: number }[];
}

/** Positions are tried from here down: how many transactions a block has no server tells. */
const POSITION_MAX = 2_000;

export async function sampleOf(client: LineClient, random: Randomness, count: number): Promise<Sample> {
  const { height: tipHeight } = (await client.call("blockchain.headers.subscribe", [])) as { height: number };
  const transactions: { txid: string; height: number }[] = [];
  const scripthashes = new Set<string>();
  while (transactions.length < count) {
    const height = 1 + Math.floor(random.fraction() * tipHeight);
    const found = await transactionIn(client, height, random);
    if (found === undefined) continue;
    transactions.push({ txid: found, height });
    const raw = (await client.call("blockchain.transaction.get", [found])) as string;
    for (const { scriptPubKey } of parseTransaction(hexToBytes(raw)).outputs) {
      if (isIndexedScript(scriptPubKey)) scripthashes.add(scriptHashOf(scriptPubKey));
    }
  }
  return { tipHeight, scripthashes: [...scripthashes], transactions };
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
