/** Looks up the coin that a taker shows: by the scripts that its key can have, in our own index. */
import { keyScript } from "../../../bitcoin/keys/key-script.ts";
import { scriptHashOf } from "../../../bitcoin/script/scripthash.ts";
import type { Bus, Client } from "../../../bus/bus.ts";
import { indexerContract } from "../../../bus/contracts/indexer.ts";
import { mempoolContract } from "../../../bus/contracts/mempool.ts";
import type { Opening } from "../../../joinmarket/podle/commitment.ts";
import type { ShownCoin } from "../../../joinmarket/podle/revelation.ts";

const KINDS = ["p2wpkh", "p2sh-p2wpkh", "p2pkh"] as const;

export class ShownCoins {
  readonly #indexer: Client<typeof indexerContract>;
  readonly #mempool: Client<typeof mempoolContract>;

  constructor(bus: Bus) {
    this.#indexer = bus.client(indexerContract);
    this.#mempool = bus.client(mempoolContract);
  }

  /** Nothing when the key has no such coin, or it is spent, also in the mempool. */
  async find({ txid, vout, P }: Opening): Promise<ShownCoin | undefined> {
    const scripts = KINDS.map((kind) => keyScript(P, kind));
    const { tip, results } = await this.#indexer.unspents({ scripthashes: scripts.map(scriptHashOf) });
    if (tip === null) return undefined;
    for (const [at, coins] of results.entries()) {
      const coin = coins?.find((one) => one.txid === txid && one.index === vout);
      const scriptPubKey = scripts[at];
      if (coin === undefined || scriptPubKey === undefined) continue;
      const spent = await this.#mempool.spenders({
        outpoints: [{ txid, index: vout }],
        confirmedTip: tip.hash,
      });
      if (spent.results[0] !== null) return undefined;
      return { valueSat: coin.amountSat, scriptPubKey, confirmations: tip.height - coin.height + 1 };
    }
    return undefined;
  }
}
