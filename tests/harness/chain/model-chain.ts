/** A random regtest chain with branches, and what every question about it must be answered: by looking at all of it. */
import type { BlockSource, SourceTip } from "../../../actors/indexer/sync/block-source.ts";
import { type Block, serializeBlock } from "../../../bitcoin/block/block.ts";
import { genesisBlock } from "../../../bitcoin/block/genesis.ts";
import { serializeHeader } from "../../../bitcoin/block/header.ts";
import { merkleRoot } from "../../../bitcoin/block/merkle.ts";
import {
  type BlockHash,
  blockHashFromBytes,
  bytesToHex,
  type ScriptHash,
  scriptHashToBytes,
  type Txid,
  txidFromBytes,
  txidToBytes,
} from "../../../bitcoin/bytes.ts";
import { sha256d } from "../../../bitcoin/hash.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { opReturnScript, p2pkhScript, p2trScript, p2wpkhScript } from "../../../bitcoin/script/script.ts";
import { isIndexedScript, scriptHashOf } from "../../../bitcoin/script/scripthash.ts";
import { serializeTransaction, type Transaction, txidBytesOf } from "../../../bitcoin/transaction.ts";
import type { TransactionInBlock } from "../../../bitcoind/questions/raw-transactions.ts";
import { ChangeSignal } from "./change-signal.ts";

export interface ModelBlock {
  readonly hash: BlockHash;
  readonly header: Uint8Array;
  readonly bytes: Uint8Array;
  readonly transactions: readonly ModelTransaction[];
}

export interface ModelTransaction {
  readonly txid: Txid;
  readonly transaction: Transaction;
}

export interface ModelCoin {
  readonly txid: Txid;
  readonly index: number;
  readonly height: number;
  readonly amountSat: number;
  readonly scriptHash: ScriptHash;
}

/** Few scripts, so that each is met often. */
export const MODEL_SCRIPTS: readonly Uint8Array[] = [
  ...Array.from({ length: 4 }, (_, i) => p2wpkhScript(new Uint8Array(20).fill(i + 1))),
  ...Array.from({ length: 3 }, (_, i) => p2pkhScript(new Uint8Array(20).fill(i + 1))),
  p2trScript(new Uint8Array(32).fill(7)),
  new Uint8Array(0),
  opReturnScript(new Uint8Array(20)),
  Uint8Array.of(0, 0x6a, 1),
];

export const MODEL_SCRIPT_HASHES: readonly ScriptHash[] = MODEL_SCRIPTS.map((script) => scriptHashOf(script));

/** A transaction from one coin, one output for each of these scripts. */
export function payment(coin: ModelCoin | undefined, scripts: readonly Uint8Array[]): Transaction {
  if (coin === undefined) throw new RangeError("the chain has no coin left");
  const input = {
    previousTxidBytes: txidToBytes(coin.txid),
    previousIndex: coin.index,
    scriptSig: new Uint8Array(0),
    sequence: 0,
    witness: [],
  };
  const outputs = scripts.map((scriptPubKey) => ({ amountSat: 1_000n, scriptPubKey }));
  return { version: 2, inputs: [input], outputs, locktime: 0 };
}

/** Whether an index keeps the script of that hash at all. */
export function isKept(scriptHash: ScriptHash): boolean {
  return isIndexedScript(MODEL_SCRIPTS[MODEL_SCRIPT_HASHES.indexOf(scriptHash)] ?? new Uint8Array(0));
}

export class ModelChain {
  readonly #random: () => number;
  readonly #known = new Map<BlockHash, ModelBlock>();
  readonly blocks: ModelBlock[] = [];
  #made = 0;

  /** `random` gives numbers from 0 up to 1. */
  constructor(random: () => number) {
    this.#random = random;
    this.#add(genesisBlock(regtest));
  }

  get height(): number {
    return this.blocks.length - 1;
  }

  block(hash: BlockHash): ModelBlock | undefined {
    return this.#known.get(hash);
  }

  /** The chain that ends with this block, as it is when that is the tip. */
  at(hash: BlockHash): ModelChain {
    const blocks: ModelBlock[] = [];
    let block = this.#known.get(hash);
    while (block !== undefined) {
      blocks.unshift(block);
      block = this.#known.get(blockHashFromBytes(block.header, 4));
    }
    const chain = new ModelChain(this.#random);
    chain.blocks.splice(0, chain.blocks.length, ...blocks);
    return chain;
  }

  /** Every block that was ever made, those that the chain has left among them. */
  get everyBlock(): readonly ModelBlock[] {
    return [...this.#known.values()];
  }

  /** Adds a block of a coinbase and up to `transactionsMax` others, which also spend each other. */
  mine(transactionsMax: number): void {
    const height = this.blocks.length;
    const coins = this.coins();
    const coinbase = this.#transaction([], 1 + this.#below(3), height);
    const transactions = [coinbase];
    for (let i = this.#below(transactionsMax + 1); i > 0 && coins.length > 0; i--) {
      const spent = Array.from({ length: Math.min(coins.length, 1 + this.#below(3)) }, () =>
        this.#pick(coins),
      );
      const made = this.#transaction(spent, 1 + this.#below(4), height);
      transactions.push(made);
      if (this.#random() < 0.5) coins.push(...this.#coinsOf(made, height));
    }
    this.#seal(transactions);
  }

  /** Adds a block of a coinbase and exactly these. */
  mineThese(transactions: readonly Transaction[]): void {
    this.#seal([this.#transaction([], 1 + this.#below(3), this.blocks.length), ...transactions]);
  }

  /** Adds a block whose coinbase is that of the block at `height` once more, as two blocks of 2010 have it (BIP30), and these. */
  mineCoinbaseOf(height: number, transactions: readonly Transaction[] = []): void {
    const [coinbase] = this.blocks[height]?.transactions ?? [];
    if (coinbase === undefined) throw new RangeError(`there is no block ${height}`);
    this.#seal([coinbase.transaction, ...transactions]);
  }

  #seal(transactions: readonly Transaction[]): void {
    const height = this.blocks.length;
    const leaves = Buffer.concat(transactions.map((transaction) => txidBytesOf(transaction)));
    const { header } = genesisBlock(regtest);
    this.#add({
      header: {
        ...header,
        previousHash: this.blocks.at(-1)?.hash as BlockHash,
        merkleRootBytes: merkleRoot(leaves),
        timeS: header.timeS + height,
        nonce: this.#made++,
      },
      transactions,
    });
  }

  /** The chain turns away `depth` blocks below its tip; the genesis block stays. */
  turnBack(depth: number): void {
    this.blocks.length = Math.max(1, this.blocks.length - depth);
  }

  /** All outputs that are coins, in the order of the chain. */
  coins(): ModelCoin[] {
    const coins = new Map<string, ModelCoin>();
    this.blocks.forEach(({ transactions }, height) => {
      for (const { txid, transaction } of transactions) {
        for (const input of transaction.inputs) {
          coins.delete(`${txidFromBytes(input.previousTxidBytes)}:${input.previousIndex}`);
        }
        if (height === 0) continue;
        for (const coin of this.#coinsOf(transaction, height)) {
          // Of two with one id the later counts, and stands where it was made.
          coins.delete(`${txid}:${coin.index}`);
          coins.set(`${txid}:${coin.index}`, coin);
        }
      }
    });
    return [...coins.values()];
  }

  /** Every transaction that pays or spends the script, in the order of the chain. */
  history(scriptHash: ScriptHash): { txid: Txid; height: number }[] {
    const owned = new Set<string>();
    const entries: { txid: Txid; height: number }[] = [];
    this.blocks.forEach(({ transactions }, height) => {
      for (const { txid, transaction } of transactions) {
        const paid = height === 0 ? [] : this.#coinsOf(transaction, height);
        const own = paid.filter((coin) => coin.scriptHash === scriptHash);
        for (const { index } of own) owned.add(`${txid}:${index}`);
        const isSpending = transaction.inputs.some((input) =>
          owned.has(`${txidFromBytes(input.previousTxidBytes)}:${input.previousIndex}`),
        );
        if (own.length > 0 || isSpending) entries.push({ txid, height });
      }
    });
    return entries;
  }

  /** Of two with one id the later. */
  heightOf(txid: Txid): number {
    return this.blocks.findLastIndex(({ transactions }) => transactions.some((one) => one.txid === txid));
  }

  /** By outpoint the transaction that spends it. */
  spenders(): Map<string, { txid: Txid; height: number }> {
    const spenders = new Map<string, { txid: Txid; height: number }>();
    this.blocks.forEach(({ transactions }, height) => {
      for (const { txid, transaction } of transactions.slice(1)) {
        for (const { previousTxidBytes, previousIndex } of transaction.inputs) {
          spenders.set(`${txidFromBytes(previousTxidBytes)}:${previousIndex}`, { txid, height });
        }
      }
    });
    return spenders;
  }

  /** The scripts of the outputs that a known block spends. */
  spentScripts(hash: BlockHash): Uint8Array[] {
    const outputs = new Map<string, Uint8Array>();
    for (const { transactions } of this.#known.values()) {
      for (const { txid, transaction } of transactions) {
        transaction.outputs.forEach(({ scriptPubKey }, i) => {
          outputs.set(`${txid}:${i}`, scriptPubKey);
        });
      }
    }
    const spending = this.#known.get(hash)?.transactions.slice(1) ?? [];
    return spending.flatMap(({ transaction }) =>
      transaction.inputs.map(
        ({ previousTxidBytes, previousIndex }) =>
          outputs.get(`${txidFromBytes(previousTxidBytes)}:${previousIndex}`) as Uint8Array,
      ),
    );
  }

  /** The kept script hashes that a block pays or spends from, sorted. */
  touched(hash: BlockHash): ScriptHash[] {
    const paid = (this.#known.get(hash)?.transactions ?? []).flatMap(({ transaction }) =>
      transaction.outputs.map(({ scriptPubKey }) => scriptPubKey),
    );
    const scripts = [...paid, ...this.spentScripts(hash)].filter((script) => isIndexedScript(script));
    const hashes = [...new Set(scripts.map((script) => scriptHashOf(script)))];
    return hashes.sort((a, b) => Buffer.compare(scriptHashToBytes(a), scriptHashToBytes(b)));
  }

  #add(block: Block): void {
    const bytes = serializeBlock(block);
    const header = serializeHeader(block.header);
    const transactions = block.transactions.map((transaction) => ({
      txid: txidFromBytes(txidBytesOf(transaction)),
      transaction,
    }));
    const made = { hash: blockHashFromBytes(sha256d(header)), header, bytes, transactions };
    this.#known.set(made.hash, made);
    this.blocks.push(made);
  }

  #transaction(spent: readonly ModelCoin[], outputs: number, height: number): Transaction {
    const isSegwit = this.#random() < 0.5;
    const inputs = spent.map(({ txid, index }) => ({
      previousTxidBytes: Buffer.from(txid, "hex").reverse(),
      previousIndex: index,
      scriptSig: new Uint8Array(this.#below(4)),
      sequence: 0xffff_ffff,
      witness: isSegwit ? [Uint8Array.of(height & 0xff)] : [],
    }));
    const coinbase = {
      previousTxidBytes: new Uint8Array(32),
      previousIndex: 0xffff_ffff,
      scriptSig: Uint8Array.of(4, height & 0xff, height >>> 8, this.#made & 0xff, this.#made++ >>> 8),
      sequence: 0xffff_ffff,
      witness: [],
    };
    return {
      version: 2,
      inputs: inputs.length === 0 ? [coinbase] : inputs,
      outputs: Array.from({ length: outputs }, () => ({
        amountSat: BigInt(this.#below(2_000_000_000)) * BigInt(1 + this.#below(1_000)),
        scriptPubKey: MODEL_SCRIPTS[
          Math.min(this.#below(MODEL_SCRIPTS.length), this.#below(MODEL_SCRIPTS.length))
        ] as Uint8Array,
      })),
      locktime: this.#made++,
    };
  }

  #coinsOf(transaction: Transaction, height: number): ModelCoin[] {
    const txid = txidFromBytes(txidBytesOf(transaction));
    return transaction.outputs.flatMap(({ amountSat, scriptPubKey }, index) =>
      isIndexedScript(scriptPubKey)
        ? [{ txid, index, height, amountSat: Number(amountSat), scriptHash: scriptHashOf(scriptPubKey) }]
        : [],
    );
  }

  #pick(coins: ModelCoin[]): ModelCoin {
    return coins.splice(this.#below(coins.length), 1)[0] as ModelCoin;
  }

  #below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }
}

/** Serves a model's best chain, and its other blocks by hash, as a node does. */
export class ModelSource implements BlockSource {
  readonly #chain: ModelChain;
  readonly #signal = new ChangeSignal();
  /** As a node does that holds for invalid what it has turned away from. */
  isOverruling = true;

  constructor(chain: ModelChain) {
    this.#chain = chain;
  }

  async overrules(): Promise<boolean> {
    return this.isOverruling;
  }

  /** Wakes whoever waits for a change. */
  announce(): void {
    this.#signal.changed();
  }

  async tip(): Promise<SourceTip> {
    return { height: this.#chain.height, hash: this.#chain.blocks.at(-1)?.hash as BlockHash };
  }

  async headersAfter(after: BlockHash | undefined, countMax: number): Promise<Uint8Array | undefined> {
    const height = after === undefined ? -1 : this.#chain.blocks.findIndex(({ hash }) => hash === after);
    if (height < 0 && after !== undefined) return undefined;
    return Buffer.concat(
      this.#chain.blocks.slice(height + 1, height + 1 + countMax).map(({ header }) => header),
    );
  }

  async *blocks(hashes: readonly BlockHash[]): AsyncGenerator<Uint8Array> {
    for (const hash of hashes) yield (this.#chain.block(hash) as ModelBlock).bytes;
  }

  async spentScripts(hash: BlockHash): Promise<readonly Uint8Array[]> {
    return this.#chain.spentScripts(hash);
  }

  async rawTransactions(wanted: readonly TransactionInBlock[]): Promise<readonly (string | undefined)[]> {
    return wanted.map(({ txid, block }) => {
      const found = this.#chain.block(block)?.transactions.find((candidate) => candidate.txid === txid);
      return found === undefined ? undefined : bytesToHex(serializeTransaction(found.transaction));
    });
  }

  waitForChange(timeoutMs: number, signal: AbortSignal): Promise<void> {
    return this.#signal.wait(timeoutMs, signal);
  }
}
