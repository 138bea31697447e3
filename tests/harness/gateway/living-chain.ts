/** A random life of a chain and its mempool behind the Electrum door, and what the door must say of it: by looking at all of it. */
import { createHash } from "node:crypto";
import type { LongHistoryTerms } from "../../../actors/gateway/electrum/chain/long-scripts.ts";
import { bytesToHex, type Txid, txidFromBytes, txidToBytes } from "../../../bitcoin/bytes.ts";
import { isIndexedScript, scriptHashOf } from "../../../bitcoin/script/scripthash.ts";
import { isCoinbase, serializeTransaction, type Transaction, txidOf } from "../../../bitcoin/transaction.ts";
import { INDEXER_SETTLED_BLOCKS } from "../../../bus/contracts/indexer.ts";
import { isKept, MODEL_SCRIPT_HASHES, MODEL_SCRIPTS, ModelChain, ModelSource } from "../chain/model-chain.ts";
import type { ModelSpend, ModelTx } from "../mempool/model-mempool.ts";
import { ElectrumUnderTest, type MempoolHandlers } from "./electrum.ts";

export interface HistoryItem {
  readonly tx_hash: string;
  readonly height: number;
  readonly fee?: number;
}

export type Step = "send" | "outbid" | "drop" | "mine" | "replace";

interface Output {
  readonly scripthash: string;
  readonly amountSat: number;
}

const FEE_MAX_SAT = 10_000;

export class LivingChain {
  readonly chain: ModelChain;
  readonly source: ModelSource;
  readonly under: ElectrumUnderTest;
  readonly #random: () => number;
  /** All that were ever sent. */
  readonly #transactions: Map<string, Transaction>;

  private constructor(
    chain: ModelChain,
    source: ModelSource,
    under: ElectrumUnderTest,
    random: () => number,
    transactions: Map<string, Transaction>,
  ) {
    this.#transactions = transactions;
    this.chain = chain;
    this.source = source;
    this.under = under;
    this.#random = random;
  }

  static async start(
    random: () => number,
    longHistories?: LongHistoryTerms,
    isMounted = true,
  ): Promise<LivingChain> {
    const chain = new ModelChain(random);
    for (let i = 0; i < 8; i++) chain.mineThese([]);
    const source = new ModelSource(chain);
    const transactions = new Map<string, Transaction>();
    const rawTransactions: MempoolHandlers["rawTransactions"] = ({ txids }) => ({
      results: txids.map((txid) => {
        const sent = transactions.get(txid);
        return sent === undefined ? null : bytesToHex(serializeTransaction(sent));
      }),
    });
    const under = await ElectrumUnderTest.start(source, { rawTransactions }, longHistories, isMounted);
    return new LivingChain(chain, source, under, random, transactions);
  }

  /** One step of life; the news of it goes out in either order. */
  async take(step: Step): Promise<void> {
    const before = this.#answers();
    const txsBefore = [...this.under.model.txs];
    this.change(step);
    const after = this.#answers();
    const touched = MODEL_SCRIPT_HASHES.filter((hash) => before.get(hash) !== after.get(hash)).sort();
    if (this.#random() < 0.5) this.source.announce();
    const { txs } = this.under.model;
    const added = txs.filter(({ txid }) => !txsBefore.some((tx) => tx.txid === txid));
    const removed = txsBefore.filter(({ txid }) => !txs.some((tx) => tx.txid === txid));
    const outpoints = [...added, ...removed].flatMap(({ spends }) =>
      spends.map(({ txid, index }) => ({ txid, index })),
    );
    if (touched.length > 0) {
      await this.under.tellChange(touched, {
        added: added.map(({ txid }) => txid),
        removed: removed.map(({ txid }) => ({ txid, why: "dropped", by: null })),
        outpoints,
      });
    }
    this.source.announce();
  }

  /** One step of which nobody is told. */
  change(step: Step): void {
    if (step === "send") this.#send();
    else if (step === "outbid") this.#outbid();
    else if (step === "drop") this.#drop();
    else if (step === "mine") this.#mine();
    else this.#replace();
    this.#stand();
  }

  /** After a test has changed the chain itself. */
  tellTip(): void {
    this.#stand();
    this.source.announce();
  }

  /** The mempool stands on the tip. */
  #stand(): void {
    const tip = this.chain.blocks.at(-1);
    this.under.model.view = { tip: { height: this.chain.height, hash: tip?.hash as string }, isSynced: true };
  }

  history(scripthash: string): HistoryItem[] {
    const confirmed = isKept(scripthash as never) ? this.chain.history(scripthash as never) : [];
    return [
      ...confirmed.map(({ txid, height }) => ({ tx_hash: txid, height })),
      ...this.under.model.history(scripthash).map(({ txid, feeSat, hasUnconfirmedInputs }) => ({
        tx_hash: txid,
        height: hasUnconfirmedInputs ? -1 : 0,
        fee: feeSat,
      })),
    ];
  }

  status(scripthash: string): string | null {
    const text = this.history(scripthash).map(({ tx_hash, height }) => `${tx_hash}:${height}:`);
    return text.length === 0 ? null : createHash("sha256").update(text.join("")).digest("hex");
  }

  balance(scripthash: string): { confirmed: number; unconfirmed: number } {
    const own = this.chain.coins().filter((coin) => coin.scriptHash === scripthash);
    return {
      confirmed: own.reduce((sum, { amountSat }) => sum + amountSat, 0),
      unconfirmed: this.under.model.balanceSat(scripthash),
    };
  }

  coins(scripthash: string): unknown[] {
    const { unspents, spent } = this.under.model.coins(scripthash);
    const isSpent = new Set(spent.map(({ txid, index }) => `${txid}:${index}`));
    const own = this.chain.coins().filter((coin) => coin.scriptHash === scripthash);
    return [
      ...own
        .filter(({ txid, index }) => !isSpent.has(`${txid}:${index}`))
        .map(({ txid, index, height, amountSat }) => item(txid, index, height, amountSat)),
      ...unspents.map(({ txid, index, amountSat }) => item(txid, index, 0, amountSat)),
    ];
  }

  stop(): Promise<void> {
    return this.under.stop();
  }

  #answers(): Map<string, string> {
    const { model } = this.under;
    return new Map(
      MODEL_SCRIPT_HASHES.map((hash) => [hash, JSON.stringify([model.history(hash), model.coins(hash)])]),
    );
  }

  #send(): void {
    const { txs } = this.under.model;
    const spent = new Set(txs.flatMap(({ spends }) => spends.map(({ txid, index }) => `${txid}:${index}`)));
    const confirmed = this.chain
      .coins()
      .map(({ txid, index, scriptHash, amountSat }) => ({ txid, index, scripthash: scriptHash, amountSat }));
    const unconfirmed = txs.flatMap(({ txid, pays }) =>
      pays.flatMap((output, index) => (output === undefined ? [] : [{ txid, index, ...output }])),
    );
    const free = [...confirmed, ...unconfirmed].filter(({ txid, index }) => !spent.has(`${txid}:${index}`));
    const spends = Array.from({ length: Math.min(free.length, 1 + this.#below(2)) }, () => this.#pick(free));
    if (spends.length > 0) this.#take(this.#spending(spends), spends);
  }

  #spending(spends: readonly ModelSpend[]): Transaction {
    let leftSat = spends.reduce((sum, { amountSat }) => sum + amountSat, 0);
    leftSat -= Math.min(leftSat, this.#below(FEE_MAX_SAT));
    const outputs = Array.from({ length: 1 + this.#below(3) }, () => {
      const scriptPubKey = MODEL_SCRIPTS[this.#below(MODEL_SCRIPTS.length)] as Uint8Array;
      const amountSat = isIndexedScript(scriptPubKey) ? this.#below(leftSat + 1) : 0;
      leftSat -= amountSat;
      return { amountSat: BigInt(amountSat), scriptPubKey };
    });
    return {
      version: 2,
      inputs: spends.map(({ txid, index }) => ({
        previousTxidBytes: txidToBytes(txid as Txid),
        previousIndex: index,
        scriptSig: new Uint8Array(0),
        sequence: this.#below(1_000_000),
        witness: [],
      })),
      outputs,
      locktime: this.#below(1_000_000),
    };
  }

  #take(transaction: Transaction, spends: readonly ModelSpend[]): void {
    const txid = txidOf(transaction);
    this.#transactions.set(txid, transaction);
    const pays = transaction.outputs.map(({ amountSat, scriptPubKey }): Output | undefined =>
      isIndexedScript(scriptPubKey)
        ? { scripthash: scriptHashOf(scriptPubKey), amountSat: Number(amountSat) }
        : undefined,
    );
    this.under.model.txs.push({ txid, sizeVb: 100, timeS: 0, spends, pays });
  }

  /** A transaction takes the place of one that spends the same, and of all that builds on that. */
  #outbid(): void {
    const tx = this.#drop();
    if (tx !== undefined) this.#take(this.#spending(tx.spends), tx.spends);
  }

  /** With all that builds on it. */
  #drop(): ModelTx | undefined {
    const { model } = this.under;
    const [tx] = model.txs.slice(this.#below(model.txs.length || 1));
    if (tx === undefined) return undefined;
    const gone = new Set(model.relatives(tx, "down"));
    keepOnly(model.txs, (one) => !gone.has(one));
    return tx;
  }

  /** A block of some unconfirmed transactions with what they build on. */
  #mine(): void {
    const { model } = this.under;
    const chosen = new Set(
      model.txs.filter(() => this.#random() < 0.5).flatMap((tx) => model.relatives(tx, "up")),
    );
    // The newest stand last, so parents come first.
    const ordered = model.txs.filter((tx) => chosen.has(tx));
    keepOnly(model.txs, (tx) => !chosen.has(tx));
    this.chain.mineThese(ordered.map(({ txid }) => this.#transactions.get(txid) as Transaction));
  }

  /** Blocks are given up, their transactions return as far as their inputs still exist, and a longer branch takes their place. */
  #replace(): void {
    const { model } = this.under;
    // Now and then deeper than what counts as settled.
    const depth = this.#random() < 0.2 ? INDEXER_SETTLED_BLOCKS + 2 : 1 + this.#below(3);
    const from = Math.max(1, this.chain.blocks.length - depth);
    const returned = this.chain.blocks
      .slice(from)
      .flatMap(({ transactions }) => transactions.map(({ transaction }) => transaction))
      .filter((transaction) => !isCoinbase(transaction));
    const outputs = new Map<string, ModelSpend>();
    const learn = (txid: string, transaction: Transaction) => {
      transaction.outputs.forEach(({ amountSat, scriptPubKey }, index) => {
        const scripthash = scriptHashOf(scriptPubKey);
        outputs.set(`${txid}:${index}`, { txid, index, scripthash, amountSat: Number(amountSat) });
      });
    };
    this.chain.turnBack(this.chain.blocks.length - from);
    for (const { transactions } of this.chain.blocks) {
      for (const { txid, transaction } of transactions) learn(txid, transaction);
    }
    const waiting = [
      ...returned,
      ...model.txs.map(({ txid }) => this.#transactions.get(txid) as Transaction),
    ];
    model.txs.length = 0;
    for (const transaction of waiting) {
      const spends = transaction.inputs.map(({ previousTxidBytes, previousIndex }) =>
        outputs.get(`${txidFromBytes(previousTxidBytes)}:${previousIndex}`),
      );
      if (spends.some((spend) => spend === undefined)) continue;
      this.#take(transaction, spends as ModelSpend[]);
      learn(txidOf(transaction), transaction);
    }
    // One more than was given up, or just as many: the node's word counts.
    for (let i = this.#below(2); i <= depth; i++) this.#mine();
  }

  #pick<T>(items: T[]): T {
    return items.splice(this.#below(items.length), 1)[0] as T;
  }

  #below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }
}

function item(txid: string, index: number, height: number, amountSat: number) {
  return { tx_hash: txid, tx_pos: index, height, value: amountSat };
}

function keepOnly(txs: ModelTx[], isKeptTx: (tx: ModelTx) => boolean): void {
  const kept = txs.filter(isKeptTx);
  txs.length = 0;
  txs.push(...kept);
}
