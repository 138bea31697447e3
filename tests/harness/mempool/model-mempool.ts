/** A mempool by brute force: a plain list of transactions, and every answer of the contract worked out anew from it. For fakes, and to compare with. */
import type { Handlers } from "../../../bus/bus.ts";
import type { MempoolView, mempoolContract } from "../../../bus/contracts/mempool.ts";

export interface ModelSpend {
  readonly txid: string;
  readonly index: number;
  readonly scripthash: string;
  readonly amountSat: number;
}

export interface ModelTx {
  readonly txid: string;
  readonly sizeVb: number;
  readonly timeS: number;
  readonly spends: readonly ModelSpend[];
  /** In the order of their indexes; nothing for an output that no index has, such as OP_RETURN. */
  readonly pays: readonly ({ readonly scripthash: string; readonly amountSat: number } | undefined)[];
}

type Reads = Pick<
  Handlers<typeof mempoolContract>,
  "histories" | "unspents" | "balances" | "spenders" | "transactions" | "recent"
>;

export class ModelMempool {
  /** Unconfirmed transactions, the newest last. Tests change it as they like. */
  readonly txs: ModelTx[] = [];
  view: MempoolView = { tip: null, isSynced: true };

  /** For `fakeActor(broker, mempoolContract, model.handlers())`. */
  handlers(): Reads {
    return {
      histories: ({ scripthashes, limit }) => ({
        view: this.view,
        results: scripthashes.map((hash) => limited(this.history(hash), limit)),
      }),
      unspents: ({ scripthashes, limit }) => ({
        view: this.view,
        results: scripthashes.map((hash) => {
          const found = this.coins(hash);
          return found.unspents.length + found.spent.length > limit ? null : found;
        }),
      }),
      balances: ({ scripthashes }) => ({
        view: this.view,
        results: scripthashes.map((hash) => this.balanceSat(hash)),
      }),
      spenders: ({ outpoints }) => ({
        view: this.view,
        results: outpoints.map(({ txid, index }) => {
          const spender = this.txs.find((tx) =>
            tx.spends.some((of) => of.txid === txid && of.index === index),
          );
          return spender === undefined ? null : { txid: spender.txid, ...this.#flag(spender) };
        }),
      }),
      transactions: ({ txids }) => ({
        view: this.view,
        results: txids.map((txid) => {
          const tx = this.txs.find((of) => of.txid === txid);
          if (tx === undefined) return null;
          const feeSat = feeSatOf(tx);
          return {
            feeSat,
            sizeVb: tx.sizeVb,
            weight: tx.sizeVb * 4,
            timeS: tx.timeS,
            ...this.#flag(tx),
            parents: [...new Set(tx.spends.map((spend) => spend.txid))].filter((of) => this.#has(of)).sort(),
            ancestors: familyOf(this.relatives(tx, "up")),
            descendants: familyOf(this.relatives(tx, "down")),
            packageSatPerKvb: (feeSat * 1_000) / tx.sizeVb,
            aheadVb: 0,
          };
        }),
      }),
      recent: ({ count }) => ({
        results: this.txs
          .slice(-count)
          .reverse()
          .map((tx) => ({ txid: tx.txid, feeSat: feeSatOf(tx), sizeVb: tx.sizeVb })),
      }),
    };
  }

  history(scripthash: string) {
    return this.txs
      .filter((tx) => [...tx.spends, ...tx.pays].some((of) => of?.scripthash === scripthash))
      .map((tx) => ({ txid: tx.txid, feeSat: feeSatOf(tx), ...this.#flag(tx) }))
      .sort(
        (a, b) =>
          Number(a.hasUnconfirmedInputs) - Number(b.hasUnconfirmedInputs) || compareText(a.txid, b.txid),
      );
  }

  coins(scripthash: string) {
    const spent = this.txs.flatMap((tx) =>
      tx.spends
        .filter((spend) => spend.scripthash === scripthash)
        .map(({ txid, index, amountSat }) => ({ txid, index, amountSat, spenderTxid: tx.txid })),
    );
    const unspents = this.txs.flatMap((tx) =>
      tx.pays.flatMap((output, index) =>
        output?.scripthash !== scripthash || spent.some((of) => of.txid === tx.txid && of.index === index)
          ? []
          : [{ txid: tx.txid, index, amountSat: output.amountSat, ...this.#flag(tx) }],
      ),
    );
    const byPlace = (a: { txid: string; index: number }, b: { txid: string; index: number }) =>
      compareText(a.txid, b.txid) || a.index - b.index;
    return { unspents: unspents.sort(byPlace), spent: spent.sort(byPlace) };
  }

  balanceSat(scripthash: string): number {
    let sum = 0;
    for (const tx of this.txs) {
      for (const output of tx.pays) if (output?.scripthash === scripthash) sum += output.amountSat;
      for (const spend of tx.spends) if (spend.scripthash === scripthash) sum -= spend.amountSat;
    }
    return sum;
  }

  /** A transaction with all that it builds on, or all that build on it. */
  relatives(tx: ModelTx, way: "up" | "down"): ModelTx[] {
    const found = new Set([tx]);
    for (const of of found) {
      for (const other of this.txs) {
        const [parent, child] = way === "up" ? [other, of] : [of, other];
        if (child.spends.some((spend) => spend.txid === parent.txid)) found.add(other);
      }
    }
    return [...found];
  }

  #flag(tx: ModelTx): { hasUnconfirmedInputs: boolean } {
    return { hasUnconfirmedInputs: tx.spends.some((spend) => this.#has(spend.txid)) };
  }

  #has(txid: string): boolean {
    return this.txs.some((tx) => tx.txid === txid);
  }
}

/** What goes in without coming out; outputs that no index has must carry nothing. */
export function feeSatOf(tx: ModelTx): number {
  const inSat = tx.spends.reduce((sum, spend) => sum + spend.amountSat, 0);
  return inSat - tx.pays.reduce((sum, output) => sum + (output?.amountSat ?? 0), 0);
}

function familyOf(txs: readonly ModelTx[]) {
  return {
    count: txs.length,
    sizeVb: txs.reduce((sum, tx) => sum + tx.sizeVb, 0),
    feeSat: txs.reduce((sum, tx) => sum + feeSatOf(tx), 0),
  };
}

function limited<T>(list: T[], limit: number): T[] | null {
  return list.length > limit ? null : list;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
