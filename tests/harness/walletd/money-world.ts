/** A node's chain and mempool for the wallet daemon, told by an index and a mempool that each lag behind it as they please, and what a wallet owns by looking at all of it. */
import { bytesToHex, type Txid, txidFromBytes, txidToBytes } from "../../../bitcoin/bytes.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { p2wpkhScript } from "../../../bitcoin/script/script.ts";
import { isIndexedScript, scriptHashOf } from "../../../bitcoin/script/scripthash.ts";
import {
  parseTransaction,
  serializeTransaction,
  type Transaction,
  txidOf,
} from "../../../bitcoin/transaction.ts";
import { type IndexedTip, indexerContract } from "../../../bus/contracts/indexer.ts";
import { mempoolContract } from "../../../bus/contracts/mempool.ts";
import { type Connector, type FakeActor, fakeActor } from "../../../bus/fake.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import { ModelMempool } from "../mempool/model-mempool.ts";
import { ModelNode, type NodeBlock } from "../mempool/model-node.ts";

/** One coin of the wallet as text: outpoint, amount, and height or "-". */
export type CoinText = string;

/** What was true while the mempool stood still: the wallet's coins, and its transactions with their heights. */
export interface Moment {
  readonly tip: string;
  readonly coins: readonly CoinText[];
  readonly history: readonly string[];
}

interface Output {
  readonly txid: string;
  readonly index: number;
  readonly amountSat: number;
  readonly scriptHash: string;
}

const RELAY_SAT_PER_KVB = 1_000;

/** Pays nobody of interest, and does nothing by chance. */
export function stillWorld(): MoneyWorld {
  return new MoneyWorld(() => 0.5, [p2wpkhScript(new Uint8Array(20).fill(1))]);
}

const HEADER_BYTES = 80;
const TIME_AT = 68;
const NOT_REPLACEABLE = 0xffff_fffe;

export class MoneyWorld {
  /** What all blocks say that the time is, from the next one on that is looked at; their own when it says nothing. */
  timeS: number | undefined;
  readonly node: ModelNode;
  /** What others can be paid at; whoever adds to it is paid too. */
  readonly scripts: Uint8Array[];
  readonly #random: () => number;
  readonly #own = new Set<string>();
  readonly #raw = new Map<string, Transaction>();
  readonly #isSpent = new Set<Transaction>();
  readonly #model = new ModelMempool();
  #blocks: NodeBlock[] = [];
  #news: Promise<unknown> = Promise.resolve();
  #indexer: FakeActor<typeof indexerContract> | undefined;
  #mempool: FakeActor<typeof mempoolContract> | undefined;
  /** Each moment of the mempool, the newest last. */
  readonly moments: Moment[] = [];
  /** Every transaction that was handed in to be sent, in order. */
  readonly sent: Transaction[] = [];
  /** Makes the next broadcast's answer get lost, after the node has taken it or before. */
  loses: "after" | "before" | undefined;
  /** What the mempool throws instead of saying what the node asks for. */
  feesFailure: Error | undefined;
  /** Whether what waits goes for a later one that spends the same. */
  replaces = false;
  /** The mempool that is asked for its view has not heard of what was sent. */
  isSilent = false;
  /** The node of the model looks at no signatures: whoever lets bytes be garbled on their way looks at them here. */
  takes: (transaction: Transaction) => boolean = () => true;
  /** Asked before a broadcast is answered. */
  onBroadcast: () => Promise<void> | void = () => undefined;

  constructor(random: () => number, scripts: Uint8Array[]) {
    this.#random = random;
    this.scripts = scripts;
    this.node = new ModelNode(random, scripts);
  }

  async start(connector: Connector): Promise<void> {
    this.#blocks = [...this.node.blocks];
    this.followMempool();
    this.#indexer = await fakeActor(connector, indexerContract, {
      tip: () => ({ tip: { ...this.#tip, txCount: 1 }, isSynced: true }),
      histories: ({ scripthashes }) => ({
        tip: this.#tip,
        results: scripthashes.map((hash) => this.#history(hash)),
      }),
      unspents: ({ scripthashes }) => ({
        tip: this.#tip,
        results: scripthashes.map((hash) => this.#unspents(hash)),
      }),
      spenders: ({ outpoints }) => ({
        tip: this.#tip,
        results: outpoints.map(({ txid, index }) => this.#spenderOf(`${txid}:${index}`)),
      }),
      places: ({ txids }) => ({ tip: this.#tip, results: txids.map((txid) => this.#place(txid)) }),
      headers: ({ height, count }) => {
        const found = this.#blocks.slice(height, height + count);
        return { count: found.length, hex: found.map((block) => headerOf(block, this.timeS)).join("") };
      },
      rawTransactions: ({ txids }) => ({
        results: txids.map((txid) => (this.#place(txid) === null ? null : this.#rawOf(txid))),
      }),
    });
    this.#mempool = await fakeActor(connector, mempoolContract, {
      ...this.#model.handlers(),
      rawTransactions: ({ txids }) => ({ results: txids.map((txid) => this.#rawOf(txid)) }),
      relayFees: () => {
        if (this.feesFailure !== undefined) throw this.feesFailure;
        return {
          relaySatPerKvb: RELAY_SAT_PER_KVB,
          mempoolSatPerKvb: RELAY_SAT_PER_KVB,
          incrementalSatPerKvb: RELAY_SAT_PER_KVB,
        };
      },
      feeEstimates: ({ targets }) => ({ results: targets.map(() => 2 * RELAY_SAT_PER_KVB) }),
      broadcast: ({ rawTx }) => this.#broadcast(Buffer.from(rawTx, "base64")),
    });
  }

  async stop(): Promise<void> {
    await this.#news;
    await this.#indexer?.stop();
    await this.#mempool?.stop();
  }

  /** Script hashes that are the wallet's. */
  own(hashes: Iterable<string>): void {
    for (const hash of hashes) this.#own.add(hash);
    this.#remember();
  }

  /** As the node has it now, followed or not. */
  get now(): Moment {
    const outputs = new Map<string, Output & { height: number | null }>();
    const history: string[] = [];
    const take = (transaction: Transaction, height: number | null) => {
      const txid = idOf(transaction);
      let isOwn = false;
      for (const input of transaction.inputs) {
        isOwn = outputs.delete(`${txidFromBytes(input.previousTxidBytes)}:${input.previousIndex}`) || isOwn;
      }
      for (const output of outputsOf(transaction)) {
        if (!this.#own.has(output.scriptHash)) continue;
        outputs.set(`${output.txid}:${output.index}`, { ...output, height });
        isOwn = true;
      }
      if (isOwn) history.push(`${txid} ${height ?? "-"}`);
    };
    this.node.blocks.forEach(({ transactions }, height) => {
      for (const transaction of height === 0 ? [] : transactions) take(transaction, height);
    });
    for (const { transaction } of this.node.mempool.values()) take(transaction, null);
    const coins = [...outputs].map(([outpoint, { amountSat, height }]) =>
      coinText(outpoint, amountSat, height),
    );
    return { tip: this.node.tip.hash, coins: coins.sort(), history: history.sort() };
  }

  /** Script hashes of the wallet's that the node's chain and mempool pay, spent since or not. */
  get paid(): ReadonlySet<string> {
    const { blocks, mempool } = this.node;
    const all = [
      ...blocks.slice(1).flatMap(({ transactions }) => transactions),
      ...[...mempool.values()].map(({ transaction }) => transaction),
    ];
    const hashes = all.flatMap((transaction) => outputsOf(transaction)).map(({ scriptHash }) => scriptHash);
    return new Set(hashes.filter((hash) => this.#own.has(hash)));
  }

  /** The mempool comes level with the node; its news goes out before any answer of the new view. */
  followMempool(): void {
    for (const { transaction } of this.node.mempool.values()) this.#raw.set(txidOf(transaction), transaction);
    for (const { transactions } of this.node.blocks) {
      for (const transaction of transactions) this.#raw.set(txidOf(transaction), transaction);
    }
    const before = this.#answers();
    const known = new Set(this.#model.txs.map(({ txid }) => txid));
    this.#model.txs.splice(0, this.#model.txs.length, ...this.node.modelTxs());
    const after = this.#answers();
    const hashes = new Set([...before.keys(), ...after.keys()]);
    const touched = [...hashes].filter((hash) => before.get(hash) !== after.get(hash)).sort();
    const { tip } = this.node;
    const isMoved = tip.hash !== this.#model.view.tip?.hash;
    this.#model.view = { tip, isSynced: true };
    this.#remember();
    const added = this.#model.txs.map(({ txid }) => txid).filter((txid) => !known.has(txid));
    if (touched.length === 0 && !isMoved) return;
    this.#mempool?.publisher.event("view.changed", {
      view: this.#model.view,
      ...{ touched, added, removed: [], outpoints: [], part: 0, parts: 1 },
    });
  }

  /** The index goes one block towards the node; the news of it follows in its own time. False when it is level. */
  stepIndex(): boolean {
    const last = this.#blocks.at(-1) as NodeBlock;
    const next = this.node.blocks[this.#blocks.length];
    const isOnChain = this.node.blocks[this.#blocks.length - 1]?.hash === last.hash;
    if (isOnChain && next === undefined) return false;
    const block = isOnChain ? (next as NodeBlock) : last;
    const kind = isOnChain ? "block.connected" : "block.disconnected";
    const height = isOnChain ? this.#blocks.length : this.#blocks.length - 1;
    const body = {
      ...{
        height,
        hash: block.hash,
        header: headerOf(block, this.timeS),
        txCount: block.transactions.length,
      },
      ...{ touched: this.#touchedBy(block), part: 0, parts: 1 },
    };
    if (isOnChain) this.#blocks.push(block);
    else this.#blocks.pop();
    const lagTicks = Math.floor(this.#random() * 6);
    this.#news = this.#news
      .then(() => ticks(lagTicks))
      .then(() => this.#indexer?.publisher.event(kind, body));
    return true;
  }

  /** A block pays these, out of money that nobody misses; everybody knows of it. */
  async pay(
    ...outputs: readonly { readonly script: Uint8Array; readonly amountSat: number }[]
  ): Promise<string> {
    const source = this.node.blocks
      .flatMap(({ transactions: [coinbase] }) => (coinbase === undefined ? [] : [coinbase]))
      .find((coinbase) => !this.#isSpent.has(coinbase) && coinbase !== this.node.blocks[0]?.transactions[0]);
    if (source === undefined) throw new Error("the world has no money left: mine more");
    this.#isSpent.add(source);
    const payment: Transaction = {
      version: 2,
      inputs: [
        {
          previousTxidBytes: txidToBytes(txidOf(source)),
          ...{ previousIndex: 0, scriptSig: Uint8Array.of(1), sequence: 0xffff_fffd, witness: [] },
        },
      ],
      outputs: outputs.map(({ script, amountSat }) => ({
        scriptPubKey: script,
        amountSat: BigInt(amountSat),
      })),
      locktime: 0,
    };
    if (!this.node.submit(payment)) throw new Error("the node does not take the payment");
    this.node.mine(1);
    await this.follow();
    return txidOf(payment);
  }

  /** Somebody who has the same keys is faster. */
  spendElsewhere(txid: string, index: number): void {
    this.node.submit({
      version: 2,
      inputs: [
        {
          previousTxidBytes: txidToBytes(txid as Txid),
          ...{ previousIndex: index, scriptSig: Uint8Array.of(1), sequence: 0xffff_fffd, witness: [] },
        },
      ],
      outputs: [{ amountSat: 1_000n, scriptPubKey: p2wpkhScript(new Uint8Array(20).fill(9)) }],
      locktime: 0,
    });
  }

  async mine(blocks: number): Promise<void> {
    for (let i = 0; i < blocks; i++) this.node.mine(1);
    await this.follow();
  }

  /** Both are level with the node, and all news is out. */
  async follow(): Promise<void> {
    this.followMempool();
    while (this.stepIndex()) {
      // one block after the other
    }
    await this.#news;
  }

  get #tip(): IndexedTip {
    return { height: this.#blocks.length - 1, hash: this.#blocks.at(-1)?.hash as string };
  }

  #remember(): void {
    const now = this.now;
    if (JSON.stringify(this.moments.at(-1)) !== JSON.stringify(now)) this.moments.push(now);
  }

  /** As nodes do (BIP125): whether the new one pays enough is the wallet's to know. */
  #makeRoomFor({ inputs }: Transaction): void {
    const spent = new Set(inputs.map(spentBy));
    for (const [txid, { transaction }] of this.node.mempool) {
      const isRival = transaction.inputs.some(
        (input) => input.sequence < NOT_REPLACEABLE && spent.has(spentBy(input)),
      );
      if (isRival) this.node.mempool.delete(txid);
    }
  }

  async #broadcast(bytes: Uint8Array): Promise<{ txid: string }> {
    const transaction = parseTransaction(bytes, regtest.serialization);
    const txid = txidOf(transaction);
    const { loses } = this;
    this.loses = undefined;
    await this.onBroadcast();
    if (loses !== "before") {
      this.sent.push(transaction);
      this.#raw.set(txid, transaction);
      const isThere = this.node.mempool.has(txid as never) || this.#place(txid) !== null;
      if (!isThere && this.replaces) this.#makeRoomFor(transaction);
      if (!isThere && !(this.takes(transaction) && this.node.submit(transaction))) {
        throw new TroupeError(
          {
            code: "MEMPOOL_REFUSED",
            kind: "missing-inputs",
            reason: "bad-txns-inputs-missingorspent",
            rpcCode: -25,
          },
          "the node refuses it",
        );
      }
      if (!this.isSilent) this.followMempool();
    }
    if (loses === undefined) return { txid };
    throw new TroupeError(
      { code: "MEMPOOL_NODE_AWAY", reason: "the answer was lost", outcome: "unknown" },
      "the node is away",
    );
  }

  #rawOf(txid: string): string | null {
    const transaction = this.#raw.get(txid);
    return transaction === undefined ? null : bytesToHex(serializeTransaction(transaction));
  }

  *#confirmed(): Generator<{ transaction: Transaction; txid: string; height: number; position: number }> {
    for (let height = 1; height < this.#blocks.length; height++) {
      const { transactions = [] } = this.#blocks[height] ?? {};
      for (const [position, transaction] of transactions.entries()) {
        yield { transaction, txid: idOf(transaction), height, position };
      }
    }
  }

  #history(scriptHash: string): { txid: string; height: number }[] {
    const owned = new Set<string>();
    const entries: { txid: string; height: number }[] = [];
    for (const { transaction, txid, height } of this.#confirmed()) {
      const isSpending = transaction.inputs.some((input) => owned.has(outpointOf(input)));
      const paid = outputsOf(transaction).filter((output) => output.scriptHash === scriptHash);
      for (const { index } of paid) owned.add(`${txid}:${index}`);
      if (isSpending || paid.length > 0) entries.push({ txid, height });
    }
    return entries;
  }

  #unspents(scriptHash: string) {
    const coins = new Map<string, { txid: string; index: number; height: number; amountSat: number }>();
    for (const { transaction, height } of this.#confirmed()) {
      for (const input of transaction.inputs) coins.delete(outpointOf(input));
      for (const { txid, index, amountSat, scriptHash: hash } of outputsOf(transaction)) {
        if (hash === scriptHash) coins.set(`${txid}:${index}`, { txid, index, height, amountSat });
      }
    }
    return [...coins.values()];
  }

  #place(wanted: string): { height: number; position: number; blockHash: string } | null {
    for (const { txid, height, position } of this.#confirmed()) {
      if (txid === wanted) return { height, position, blockHash: this.#blocks[height]?.hash as string };
    }
    return null;
  }

  #spenderOf(outpoint: string): { txid: string; height: number } | null {
    for (const { transaction, txid, height } of this.#confirmed()) {
      if (transaction.inputs.some((input) => outpointOf(input) === outpoint)) return { txid, height };
    }
    return null;
  }

  #touchedBy({ transactions }: NodeBlock): string[] {
    const touched = new Set<string>();
    for (const transaction of transactions) {
      for (const { scriptHash } of outputsOf(transaction)) touched.add(scriptHash);
      for (const input of transaction.inputs) {
        const spent = this.#raw.get(txidFromBytes(input.previousTxidBytes))?.outputs[input.previousIndex];
        if (spent !== undefined) touched.add(scriptHashOf(spent.scriptPubKey));
      }
    }
    return [...touched].sort();
  }

  #answers(): Map<string, string> {
    const hashes = new Set(
      this.#model.txs.flatMap(({ spends, pays }) =>
        [...spends, ...pays].flatMap((of) => (of === undefined ? [] : [of.scripthash])),
      ),
    );
    return new Map(
      [...hashes].map((hash) => [hash, JSON.stringify([this.#model.history(hash), this.#model.coins(hash)])]),
    );
  }
}

export function coinText(outpoint: string, amountSat: number, height: number | null): CoinText {
  return `${outpoint} ${amountSat} ${height ?? "-"}`;
}

export async function ticks(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

function headerOf({ bytes }: NodeBlock, timeS: number | undefined): string {
  const header = Buffer.from(bytes.subarray(0, HEADER_BYTES));
  if (timeS !== undefined) header.writeUInt32LE(timeS, TIME_AT);
  return bytesToHex(header);
}

function outpointOf(input: Transaction["inputs"][number]): string {
  return `${txidFromBytes(input.previousTxidBytes)}:${input.previousIndex}`;
}

const known = new WeakMap<Transaction, readonly Output[]>();
const ids = new WeakMap<Transaction, Txid>();

function idOf(transaction: Transaction): Txid {
  const id = ids.get(transaction) ?? txidOf(transaction);
  ids.set(transaction, id);
  return id;
}

function outputsOf(transaction: Transaction): readonly Output[] {
  let outputs = known.get(transaction);
  if (outputs === undefined) {
    const txid = txidOf(transaction);
    outputs = transaction.outputs.flatMap(({ amountSat, scriptPubKey }, index) =>
      isIndexedScript(scriptPubKey)
        ? [{ txid, index, amountSat: Number(amountSat), scriptHash: scriptHashOf(scriptPubKey) }]
        : [],
    );
    known.set(transaction, outputs);
  }
  return outputs;
}

function spentBy({ previousTxidBytes, previousIndex }: Transaction["inputs"][number]): string {
  return `${txidFromBytes(previousTxidBytes)}:${previousIndex}`;
}
