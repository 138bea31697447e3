/** Fills a node's mempool with a crowd of valid transactions: mines coins, splits them, spends them. Works on any regtest node. */
import type { Txid } from "../../bitcoin/bytes.ts";
import { bytesToHex } from "../../bitcoin/bytes.ts";
import { regtest } from "../../bitcoin/network.ts";
import { addressOfScript } from "../../bitcoin/script/address.ts";
import { type CrowdCoin, type CrowdTx, crowdScript, fanOut } from "./crowd.ts";

/** Calls in one request, each with its own outcome. */
export type CallMany = (
  calls: readonly { readonly method: string; readonly params: readonly unknown[] }[],
) => Promise<readonly { readonly result?: unknown; readonly error?: { readonly message: string } }[]>;

const REWARD_SAT = 5_000_000_000n;
const MATURITY = 100;
/** The reward halves after it. */
const BLOCKS_MAX = 148;
const BATCH = 250;
const COINS_EACH = 2_200;

/** At least `count` confirmed coins of the crowd's scripts, on a fresh chain. */
export async function mineCoins(call: CallMany, count: number): Promise<CrowdCoin[]> {
  const splits = Math.ceil(count / COINS_EACH);
  const blocks = MATURITY + splits;
  if (blocks > BLOCKS_MAX) throw new RangeError(`at most ${(BLOCKS_MAX - MATURITY) * COINS_EACH} coins`);
  const address = addressOfScript(crowdScript(0), regtest) as string;
  const [mined] = await many(call, "generatetoaddress", [[blocks, address]]);
  const hashes = (mined as string[]).slice(0, splits);
  const found = await many(
    call,
    "getblock",
    hashes.map((hash) => [hash, 1]),
  );
  const rewards = found.map((block) => (block as { tx: Txid[] }).tx[0] as Txid);
  const txs = rewards.map((txid, i) =>
    fanOut({ txid, index: 0, amountSat: REWARD_SAT, owner: 0 }, 1 + i * COINS_EACH),
  );
  await send(call, txs);
  for (let left = 1; left > 0; ) {
    await many(call, "generatetoaddress", [[1, address]]);
    const [info] = await many(call, "getmempoolinfo", [[]]);
    left = (info as { size: number }).size;
  }
  return txs.flatMap((tx) => tx.coins);
}

/** Throws if the node refuses one. */
export async function send(call: CallMany, txs: Iterable<CrowdTx>): Promise<void> {
  let params: unknown[][] = [];
  for (const tx of txs) {
    params.push([bytesToHex(tx.rawTx)]);
    if (params.length < BATCH) continue;
    await many(call, "sendrawtransaction", params);
    params = [];
  }
  if (params.length > 0) await many(call, "sendrawtransaction", params);
}

async function many(
  call: CallMany,
  method: string,
  params: readonly (readonly unknown[])[],
): Promise<unknown[]> {
  const answers = await call(params.map((given) => ({ method, params: given })));
  return answers.map(({ result, error }) => {
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  });
}
