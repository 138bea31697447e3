/** A node made up for tests: a small chain and a mempool, moved by whoever holds it, and told to a follower like a real one's. */
import type { MempoolSource } from "../../../actors/mempool/sync/source.ts";
import { type Block, serializeBlock } from "../../../bitcoin/block/block.ts";
import { genesisBlock } from "../../../bitcoin/block/genesis.ts";
import { blockHashOf } from "../../../bitcoin/block/header.ts";
import { merkleRoot } from "../../../bitcoin/block/merkle.ts";
import {
  type BlockHash,
  type ScriptHash,
  type Txid,
  txidFromBytes,
  txidToBytes,
} from "../../../bitcoin/bytes.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { isIndexedScript, scriptHashOf } from "../../../bitcoin/script/scripthash.ts";
import {
  serializeTransaction,
  sizeVbOf,
  type Transaction,
  txidBytesOf,
  txidOf,
} from "../../../bitcoin/transaction.ts";
import type {
  ConfirmedCoin,
  MempoolMoment,
  MempoolPulse,
  Outpoint,
} from "../../../bitcoind/questions/mempool.ts";
import type { SequenceEvent } from "../../../bitcoind/sequence.ts";
import { MODEL_SCRIPTS } from "../chain/model-chain.ts";
import type { ModelTx } from "./model-mempool.ts";

export interface NodeBlock {
  readonly hash: BlockHash;
  readonly bytes: Uint8Array;
  readonly transactions: readonly Transaction[];
}

interface NodeTx {
  readonly txid: Txid;
  readonly transaction: Transaction;
  readonly rawTx: Uint8Array;
}

const REWARD_SAT = 1_000_000;

export class ModelNode implements MempoolSource {
  readonly #random: () => number;
  readonly #scripts: readonly Uint8Array[];
  /** The active chain, the genesis block first. */
  blocks: NodeBlock[] = [];
  /** Parents before children. */
  mempool = new Map<Txid, NodeTx>();
  /** What ZMQ would tell, in order. */
  onEvent: (event: SequenceEvent) => void = () => undefined;
  #nonce = 0;
  #sequence = 0;

  /** Pays only to these scripts, to which their owner may add. */
  constructor(random: () => number, scripts: readonly Uint8Array[] = MODEL_SCRIPTS) {
    this.#random = random;
    this.#scripts = scripts;
    const genesis = genesisBlock(regtest);
    const bytes = serializeBlock(genesis);
    this.blocks.push({ hash: blockHashOf(bytes), bytes, transactions: genesis.transactions });
    for (let i = 0; i < 8; i++) this.mine(0);
  }

  get tip(): { readonly height: number; readonly hash: BlockHash } {
    return { height: this.blocks.length - 1, hash: (this.blocks.at(-1) as NodeBlock).hash };
  }

  /** As brute force wants it, with the fees worked out from the coins. */
  modelTxs(): ModelTx[] {
    return [...this.mempool.values()].map((tx) => this.modelTx(tx.transaction));
  }

  modelTx(transaction: Transaction): ModelTx {
    return {
      txid: txidOf(transaction),
      sizeVb: sizeVbOf(transaction),
      timeS: 0,
      spends: transaction.inputs.map((input) => {
        const txid = txidFromBytes(input.previousTxidBytes);
        const output = this.#outputOf({ txid, index: input.previousIndex });
        return { txid, index: input.previousIndex, ...output } as ModelTx["spends"][number];
      }),
      pays: transaction.outputs.map(({ amountSat, scriptPubKey }) =>
        isIndexedScript(scriptPubKey)
          ? { scripthash: scriptHashOf(scriptPubKey), amountSat: Number(amountSat) }
          : undefined,
      ),
    };
  }

  /** Sends a random transaction, if there is anything to spend. */
  send(): void {
    const coins = [...this.#spendable()];
    if (coins.length === 0) return;
    this.#accept(this.#spend(this.#some(coins, 1 + this.#below(3))));
  }

  /** Takes somebody's transaction, unless it spends what is not there or what another one spends. */
  submit(transaction: Transaction): boolean {
    const isFree = this.#isValid(transaction);
    if (isFree) this.#put(transaction, true);
    return isFree;
  }

  /** Sends one that spends what another one spends: that one goes, with all that build on it. */
  replace(): void {
    const rival = this.#any([...this.mempool.values()]);
    if (rival === undefined) return;
    const input = this.#any(rival.transaction.inputs);
    if (input === undefined) return;
    this.#accept(this.#spend([{ txid: txidFromBytes(input.previousTxidBytes), index: input.previousIndex }]));
  }

  /** The node drops one for want of room or time. */
  evict(): void {
    const gone = this.#any([...this.mempool.values()]);
    if (gone !== undefined) this.#removeFamily(gone);
  }

  /** A block with about that share of the mempool, and sometimes with a transaction that nobody had seen. */
  mine(share: number): void {
    const taken: Transaction[] = [];
    const inBlock = new Set<Txid>();
    for (const { txid, transaction } of this.mempool.values()) {
      const isReady = transaction.inputs.every((input) => {
        const parent = txidFromBytes(input.previousTxidBytes);
        return !this.mempool.has(parent) || inBlock.has(parent);
      });
      if (!isReady || this.#random() >= share) continue;
      taken.push(transaction);
      inBlock.add(txid);
    }
    if (this.#random() < 0.3) {
      const spent = new Set(taken.flatMap((of) => of.inputs.map(keyOfInput)));
      const free = [...this.#confirmedCoins()].filter((coin) => !spent.has(keyOf(coin)));
      if (free.length > 0) taken.push(this.#spend(this.#some(free, 1)));
    }
    this.#connect(taken);
  }

  /** A block of just these, whatever they spend. */
  mineThese(transactions: readonly Transaction[]): void {
    this.#connect(transactions);
  }

  /** Takes blocks back, and puts one more in their place; what they had comes back if it still may. */
  reorganise(depth: number, share: number): void {
    const back: Transaction[] = [];
    for (let i = 0; i < depth && this.blocks.length > 4; i++) {
      const gone = this.blocks.pop() as NodeBlock;
      back.unshift(...gone.transactions.slice(1));
      this.onEvent({ kind: "disconnected", hash: gone.hash });
    }
    const before = [...this.mempool.values()].map((tx) => tx.transaction);
    const known = new Set(this.mempool.keys());
    this.mempool = new Map();
    for (const transaction of [...back, ...before]) {
      if (this.#isValid(transaction)) this.#put(transaction, !known.has(txidOf(transaction)));
    }
    for (const txid of known) if (!this.mempool.has(txid)) this.#tell("removed", txid);
    for (let i = 0; i <= depth; i++) this.mine(share);
  }

  async moment(): Promise<MempoolMoment> {
    return { tip: this.tip, txids: [...this.mempool.keys()], figures: this.#figures() };
  }

  async pulse(): Promise<MempoolPulse> {
    return { tipHash: this.tip.hash, figures: this.#figures() };
  }

  async transactions(txids: readonly Txid[]): Promise<(Uint8Array | undefined)[]> {
    return txids.map((txid) => this.mempool.get(txid)?.rawTx);
  }

  async confirmedCoins(outpoints: readonly Outpoint[]): Promise<(ConfirmedCoin | undefined)[]> {
    const unspent = new Set([...this.#confirmedCoins()].map(keyOf));
    return outpoints.map((outpoint) => {
      const output = unspent.has(keyOf(outpoint)) ? this.#find(outpoint) : undefined;
      return output === undefined
        ? undefined
        : { amountSat: Number(output.amountSat), scriptPubKey: output.scriptPubKey };
    });
  }

  async blockBytes(hash: BlockHash): Promise<Uint8Array | undefined> {
    return this.blocks.find((block) => block.hash === hash)?.bytes;
  }

  #figures(): MempoolPulse["figures"] {
    let feeSat = 0n;
    for (const { transaction } of this.mempool.values()) {
      for (const input of transaction.inputs) {
        const outpoint = { txid: txidFromBytes(input.previousTxidBytes), index: input.previousIndex };
        feeSat += this.#find(outpoint)?.amountSat ?? 0n;
      }
      for (const output of transaction.outputs) feeSat -= output.amountSat;
    }
    return {
      transactions: this.mempool.size,
      feeSat,
      memoryBytes: 0,
      memoryBytesMax: 1,
      relaySatPerKvb: 100n,
      mempoolSatPerKvb: 100n,
      incrementalSatPerKvb: 100n,
    };
  }

  #accept(transaction: Transaction): void {
    const spent = new Set(transaction.inputs.map(keyOfInput));
    for (const rival of [...this.mempool.values()]) {
      if (rival.transaction.inputs.some((input) => spent.has(keyOfInput(input)))) this.#removeFamily(rival);
    }
    if (this.#isValid(transaction)) this.#put(transaction, true);
  }

  #put(transaction: Transaction, isNew: boolean): void {
    const txid = txidOf(transaction);
    this.mempool.set(txid, { txid, transaction, rawTx: serializeTransaction(transaction) });
    if (isNew) this.#tell("added", txid);
  }

  #removeFamily(entry: NodeTx): void {
    if (!this.mempool.delete(entry.txid)) return;
    this.#tell("removed", entry.txid);
    for (const other of [...this.mempool.values()]) {
      const isChild = other.transaction.inputs.some(
        (input) => txidFromBytes(input.previousTxidBytes) === entry.txid,
      );
      if (isChild) this.#removeFamily(other);
    }
  }

  #connect(taken: readonly Transaction[]): void {
    const previous = this.blocks.at(-1) as NodeBlock;
    const coinbase = this.#coinbase();
    const transactions = [coinbase, ...taken];
    const { header } = genesisBlock(regtest);
    const block: Block = {
      header: {
        ...header,
        previousHash: previous.hash,
        merkleRootBytes: merkleRoot(Buffer.concat(transactions.map((of) => txidBytesOf(of)))),
        nonce: this.#nonce++,
      },
      transactions,
    };
    const bytes = serializeBlock(block);
    const hash = blockHashOf(bytes);
    this.blocks.push({ hash, bytes, transactions });
    for (const transaction of taken) {
      // A node does not tell what a block took, only what it made impossible.
      this.mempool.delete(txidOf(transaction));
      const spent = new Set(transaction.inputs.map(keyOfInput));
      for (const rival of [...this.mempool.values()]) {
        if (rival.transaction.inputs.some((input) => spent.has(keyOfInput(input)))) this.#removeFamily(rival);
      }
    }
    this.onEvent({ kind: "connected", hash });
  }

  #tell(kind: "added" | "removed", txid: Txid): void {
    this.onEvent({ kind, txid, sequence: this.#sequence++ });
  }

  #isValid(transaction: Transaction): boolean {
    const free = new Set([...this.#spendable()].map(keyOf));
    return transaction.inputs.every((input) => free.has(keyOfInput(input)));
  }

  #coinbase(): Transaction {
    return {
      version: 2,
      inputs: [
        {
          previousTxidBytes: new Uint8Array(32),
          previousIndex: 0xffff_ffff,
          scriptSig: Uint8Array.from([4, ...bytesOfNumber(this.#nonce++)]),
          sequence: 0xffff_ffff,
          witness: [],
        },
      ],
      outputs: [{ amountSat: BigInt(REWARD_SAT), scriptPubKey: this.#script() }],
      locktime: 0,
    };
  }

  #spend(coins: readonly Outpoint[]): Transaction {
    const inSat = coins.reduce((sum, coin) => sum + Number(this.#find(coin)?.amountSat ?? 0n), 0);
    const paying = Math.max(0, inSat - 100 - this.#below(900));
    const count = 1 + this.#below(3);
    const outputs = Array.from({ length: count }, (_, i) => {
      const scriptPubKey = this.#script();
      const amountSat =
        i === count - 1 ? paying - (count - 1) * Math.floor(paying / count) : Math.floor(paying / count);
      return { amountSat: isIndexedScript(scriptPubKey) ? BigInt(amountSat) : 0n, scriptPubKey };
    });
    return {
      version: 2,
      inputs: coins.map((coin) => ({
        previousTxidBytes: txidToBytes(coin.txid),
        previousIndex: coin.index,
        scriptSig: Uint8Array.from(bytesOfNumber(this.#nonce++)),
        sequence: 0xffff_fffd,
        witness: [],
      })),
      outputs,
      locktime: 0,
    };
  }

  *#confirmedCoins(): Generator<Outpoint> {
    const spent = new Set<string>();
    for (const { transactions } of this.blocks) {
      for (const { inputs } of transactions) for (const input of inputs) spent.add(keyOfInput(input));
    }
    // The genesis block's coin is none.
    for (const { transactions } of this.blocks.slice(1)) yield* unspentOf(transactions, spent);
  }

  /** Also outputs of unconfirmed transactions; without what these spend. */
  *#spendable(): Generator<Outpoint> {
    const spent = new Set<string>();
    for (const { transaction } of this.mempool.values()) {
      for (const input of transaction.inputs) spent.add(keyOfInput(input));
    }
    for (const coin of this.#confirmedCoins()) if (!spent.has(keyOf(coin))) yield coin;
    yield* unspentOf(
      [...this.mempool.values()].map(({ transaction }) => transaction),
      spent,
    );
  }

  #find({ txid, index }: Outpoint): Transaction["outputs"][number] | undefined {
    const transaction =
      this.mempool.get(txid)?.transaction ??
      this.blocks.flatMap((block) => block.transactions).find((of) => txidOf(of) === txid);
    return transaction?.outputs[index];
  }

  #outputOf(outpoint: Outpoint): { scripthash: ScriptHash; amountSat: number } {
    const output = this.#find(outpoint);
    if (output === undefined) throw new Error("the model spends what is not there");
    return { scripthash: scriptHashOf(output.scriptPubKey), amountSat: Number(output.amountSat) };
  }

  #script(): Uint8Array {
    return this.#scripts[this.#below(this.#scripts.length)] as Uint8Array;
  }

  #below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }

  #any<T>(items: readonly T[]): T | undefined {
    return items[this.#below(items.length)];
  }

  #some<T>(items: readonly T[], count: number): T[] {
    const left = [...items];
    const some: T[] = [];
    for (let i = 0; i < count && left.length > 0; i++) some.push(...left.splice(this.#below(left.length), 1));
    return some;
  }
}

function* unspentOf(transactions: readonly Transaction[], spent: ReadonlySet<string>): Generator<Outpoint> {
  for (const transaction of transactions) {
    const txid = txidOf(transaction);
    for (let index = 0; index < transaction.outputs.length; index++) {
      const isCoin = isIndexedScript(transaction.outputs[index]?.scriptPubKey as Uint8Array);
      if (isCoin && !spent.has(`${txid}:${index}`)) yield { txid, index };
    }
  }
}

function keyOf({ txid, index }: Outpoint): string {
  return `${txid}:${index}`;
}

function keyOfInput(input: Transaction["inputs"][number]): string {
  return `${txidFromBytes(input.previousTxidBytes)}:${input.previousIndex}`;
}

function bytesOfNumber(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff];
}
