/** Looks up coins that somebody names and that no wallet here has: whether they exist, are unspent, what they are worth, and how deep they lie. */
import { parseTxid, type Txid } from "../../bitcoin/bytes.ts";
import type { Network } from "../../bitcoin/network.ts";
import { isCoinbase, type Transaction } from "../../bitcoin/transaction.ts";
import type { Bus, Client } from "../bus.ts";
import { indexerContract } from "../contracts/indexer.ts";
import { mempoolContract } from "../contracts/mempool.ts";
import { RawTransactions } from "./raw-transactions.ts";

export interface NamedOutpoint {
  readonly txid: string;
  readonly vout: number;
}

/** With the block that confirmed it. */
export interface ForeignCoin {
  readonly txid: Txid;
  readonly vout: number;
  readonly valueSat: number;
  readonly scriptPubKey: Uint8Array;
  readonly confirmations: number;
  readonly height: number | null;
}

const OUTPOINTS_MAX = 500;

export class ForeignCoins {
  readonly #indexer: Client<typeof indexerContract>;
  readonly #mempool: Client<typeof mempoolContract>;
  readonly #raw: RawTransactions;
  readonly #maturityBlocks: number;

  constructor(bus: Bus, network: Network) {
    this.#maturityBlocks = network.money.coinbaseMaturityBlocks;
    this.#indexer = bus.client(indexerContract);
    this.#mempool = bus.client(mempoolContract);
    this.#raw = new RawTransactions(bus, network);
  }

  /**
   * In the order of the question; nothing for one that does not exist, is spent, also by an unconfirmed transaction, or was
   * mined so lately that no node takes a transaction that spends it.
   */
  async look(outpoints: readonly NamedOutpoint[]): Promise<readonly (ForeignCoin | undefined)[]> {
    const found: (ForeignCoin | undefined)[] = [];
    for (let at = 0; at < outpoints.length; at += OUTPOINTS_MAX) {
      found.push(...(await this.#batch(outpoints.slice(at, at + OUTPOINTS_MAX))));
    }
    return found;
  }

  async #batch(outpoints: readonly NamedOutpoint[]): Promise<readonly (ForeignCoin | undefined)[]> {
    const txids = [...new Set(outpoints.map(({ txid }) => txid))];
    const asked = outpoints.map(({ txid, vout }) => ({ txid, index: vout }));
    const [{ tip, results: places }, { results: spent }] = await Promise.all([
      this.#indexer.places({ txids }),
      this.#indexer.spenders({ outpoints: asked }),
    ]);
    const view = tip === null ? {} : { confirmedTip: tip.hash };
    const { results: moving } = await this.#mempool.spenders({ outpoints: asked, ...view });
    const heights = new Map(txids.map((txid, i) => [txid, places[i]?.height ?? null]));
    const transactions = new Map<string, Transaction>();
    await this.#raw.fetch(txids, (txid, transaction) => void transactions.set(txid, transaction));
    return outpoints.map(({ txid, vout }, i) => {
      const transaction = transactions.get(txid);
      const output = transaction?.outputs[vout];
      const isSpent = (spent[i] ?? null) !== null || (moving[i] ?? null) !== null;
      if (transaction === undefined || output === undefined || isSpent) return undefined;
      const height = heights.get(txid) ?? null;
      const confirmations = height === null || tip === null ? 0 : Math.max(0, tip.height - height + 1);
      if (isCoinbase(transaction) && confirmations < this.#maturityBlocks) return undefined;
      return {
        txid: parseTxid(txid),
        vout,
        valueSat: Number(output.amountSat),
        scriptPubKey: output.scriptPubKey,
        confirmations,
        height,
      };
    });
  }
}
