/** The sandbox's chain: takes blocks, keeps the branch with the most work active, and its coins with it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Block, parseBlock } from "../../../bitcoin/block/block.ts";
import { genesisBlockBytes } from "../../../bitcoin/block/genesis.ts";
import { blockHashOf } from "../../../bitcoin/block/header.ts";
import type { BlockHash } from "../../../bitcoin/bytes.ts";
import { type Network, subsidySat } from "../../../bitcoin/network.ts";
import { type Transaction, txidBytesOf, wtxidOf } from "../../../bitcoin/transaction.ts";
import type { Clock } from "../../../runtime/clock.ts";
import { writeWhole } from "../../../runtime/whole-file.ts";
import { RuleBroken } from "../refusal.ts";
import { BlockLog, type BlockPlace } from "./block-log.ts";
import { checkBlock, checkBlockInPlace } from "./block-rules.ts";
import { type BlockEntry, BlockTree } from "./block-tree.ts";
import { type Coin, CoinSet, type OutpointKey, outpointKey, type SpentCoins } from "./coins.ts";
import type { ScriptChecker } from "./script-check.ts";
import {
  checkMaturity,
  collectCoins,
  feeOf,
  hasSequenceLocksMet,
  type Standing,
} from "./transaction-rules.ts";

/** What became of the active chain, in the order it happened. */
export interface ChainChange {
  readonly disconnected: readonly Block[];
  readonly connected: readonly Block[];
}

export interface ChainOptions {
  readonly directory: string;
  readonly network: Network;
  readonly clock: Clock;
  readonly scripts: ScriptChecker;
}

const INVALID_FILE = "invalidated";

export class Chain {
  readonly network: Network;
  readonly #clock: Clock;
  readonly #scripts: ScriptChecker;
  readonly #tree = new BlockTree();
  readonly #coins = new CoinSet();
  readonly #active: BlockEntry[] = [];
  readonly #spentBy = new Map<BlockHash, SpentCoins>();
  readonly #reasons = new Map<BlockHash, string>();
  readonly #invalidPath: string;
  readonly #log: BlockLog;
  /** Blocks that arrived before this one need no script check: set only while a stored chain is read again. */
  #trustedArrivals = 0;
  readonly #listeners: ((change: ChainChange) => void)[] = [];

  private constructor(options: ChainOptions) {
    this.network = options.network;
    this.#clock = options.clock;
    this.#scripts = options.scripts;
    this.#invalidPath = join(options.directory, INVALID_FILE);
    this.#log = BlockLog.open(options.directory, this.network, (bytes, place) => {
      const { header, transactions } = parseBlock(bytes);
      this.#tree.add(blockHashOf(bytes), header, transactions.length, place);
    });
  }

  /** Opens the chain kept in `directory`, or begins one at the genesis block. */
  static open(options: ChainOptions): Chain {
    const chain = new Chain(options);
    if (chain.#tree.size === 0) chain.#store(genesisBlockBytes(chain.network));
    const invalid = chain.#readInvalid();
    for (const hash of invalid) {
      const entry = chain.#tree.get(hash);
      if (entry !== undefined) chain.#tree.markInvalid(entry);
    }
    // Scripts of a stored chain were run when it was active, except perhaps those of the last block before a sudden end,
    // or those of the branch that an `invalidateblock` was about to bring up.
    chain.#trustedArrivals = invalid.length === 0 ? chain.#tree.size - 1 : 0;
    chain.#activate();
    chain.#trustedArrivals = 0;
    return chain;
  }

  /** Called after each change of the active chain, in the order in which the listeners came. */
  onChange(listener: (change: ChainChange) => void): void {
    this.#listeners.push(listener);
  }

  get tip(): BlockEntry {
    return this.#active[this.#active.length - 1] as BlockEntry;
  }

  get height(): number {
    return this.tip.height;
  }

  get tree(): BlockTree {
    return this.#tree;
  }

  /** How many coins there are; for people. */
  get coinCount(): number {
    return this.#coins.size;
  }

  at(height: number): BlockEntry | undefined {
    return this.#active[height];
  }

  isActive(entry: BlockEntry): boolean {
    return this.#active[entry.height] === entry;
  }

  coin(key: OutpointKey): Coin | undefined {
    return this.#coins.get(key);
  }

  /** Where a transaction of the next block stands. */
  next(): Standing {
    return { height: this.height + 1, parent: this.tip, network: this.network };
  }

  blockBytes(entry: BlockEntry): Uint8Array {
    return this.#log.read(entry.place);
  }

  /** What a block of the active chain spends, in the order of its inputs; nothing for any other. */
  spentBy(entry: BlockEntry): SpentCoins | undefined {
    return this.#spentBy.get(entry.hash);
  }

  /** Takes a block. Nothing: it is the new tip. A word: why it is not, as `submitblock` says it. */
  accept(bytes: Uint8Array): string | undefined {
    const block = parseBlock(bytes);
    const hash = blockHashOf(bytes);
    const known = this.#tree.get(hash);
    if (known !== undefined) return known.isInvalid ? "duplicate-invalid" : "duplicate";
    const parent = this.#tree.get(block.header.previousHash);
    try {
      checkBlock(block, this.network);
      if (parent === undefined) return "prev-blk-not-found";
      if (parent.isInvalid) return "bad-prevblk";
      checkBlockInPlace(block, parent, this.network, this.#clock.now());
    } catch (error) {
      if (error instanceof RuleBroken) return error.reason;
      throw error;
    }
    const entry = this.#store(bytes);
    if (entry.chainWork > this.tip.chainWork) this.#activate();
    if (this.tip === entry) return undefined;
    return this.#reasons.get(hash) ?? "inconclusive";
  }

  /** Takes a block out as if it broke a rule, with all that stands on it. */
  invalidate(entry: BlockEntry): void {
    this.#tree.markInvalid(entry);
    this.#writeInvalid();
    this.#activate();
  }

  /** Takes back `invalidate`. */
  reconsider(entry: BlockEntry): void {
    this.#tree.markValid(entry);
    this.#writeInvalid();
    this.#activate();
  }

  /** Throws with the reason if these transactions, coinbase first, could not be the next block's. */
  tryNext(transactions: readonly Transaction[]): void {
    const spent: { key: OutpointKey; coin: Coin }[] = [];
    const applied: Transaction[] = [];
    try {
      this.#applyAll(transactions, this.next(), false, spent, applied);
    } finally {
      this.#coins.revert(applied, spent);
    }
  }

  close(): void {
    this.#log.close();
  }

  #store(bytes: Uint8Array): BlockEntry {
    const block = parseBlock(bytes);
    const place: BlockPlace = this.#log.append(bytes);
    return this.#tree.add(blockHashOf(bytes), block.header, block.transactions.length, place);
  }

  /** Moves the active chain to the best valid block, going round blocks that turn out to be broken. */
  #activate(): void {
    const disconnected: Block[] = [];
    const connected: Block[] = [];
    for (;;) {
      const target = this.#tree.best();
      if (target === this.#active.at(-1)) break;
      const path: BlockEntry[] = [];
      for (let at: BlockEntry | undefined = target; at !== undefined && !this.isActive(at); at = at.parent) {
        path.push(at);
      }
      const forkHeight = (path.at(-1)?.height ?? target.height + 1) - 1;
      while (this.#active.length > forkHeight + 1) {
        const block = this.#disconnectTip();
        // A block connected a moment ago and gone again is no news to anybody.
        if (connected.pop() === undefined) disconnected.push(block);
      }
      for (const entry of path.reverse()) {
        const block = this.#connect(entry);
        if (block === undefined) break;
        connected.push(block);
      }
    }
    if (disconnected.length + connected.length === 0) return;
    for (const listener of this.#listeners) listener({ disconnected, connected });
  }

  #connect(entry: BlockEntry): Block | undefined {
    const block = parseBlock(this.blockBytes(entry));
    const spent: { key: OutpointKey; coin: Coin }[] = [];
    const applied: Transaction[] = [];
    try {
      if (entry.parent !== undefined) {
        const standing = { height: entry.height, parent: entry.parent, network: this.network };
        const isTrusted = entry.arrival < this.#trustedArrivals;
        this.#applyAll(block.transactions, standing, isTrusted, spent, applied);
      }
    } catch (error) {
      this.#coins.revert(applied, spent);
      if (!(error instanceof RuleBroken)) throw error;
      this.#reasons.set(entry.hash, error.reason);
      this.#tree.markInvalid(entry);
      this.#writeInvalid();
      return undefined;
    }
    this.#spentBy.set(entry.hash, spent);
    this.#active.push(entry);
    return block;
  }

  #disconnectTip(): Block {
    const entry = this.#active.pop() as BlockEntry;
    const block = parseBlock(this.blockBytes(entry));
    this.#coins.revert(block.transactions, this.#spentBy.get(entry.hash) ?? []);
    this.#spentBy.delete(entry.hash);
    return block;
  }

  #applyAll(
    transactions: readonly Transaction[],
    standing: Standing,
    isTrusted: boolean,
    spent: { key: OutpointKey; coin: Coin }[],
    applied: Transaction[],
  ): void {
    const [coinbase, ...rest] = transactions as [Transaction, ...Transaction[]];
    let allowedSat = subsidySat(this.network, standing.height);
    this.#refuseOverwrite(coinbase);
    this.#coins.apply(coinbase, standing.height, spent);
    applied.push(coinbase);
    for (const transaction of rest) {
      const coins = collectCoins(transaction, (key) => this.#coins.get(key));
      checkMaturity(coins, standing);
      allowedSat += feeOf(transaction, coins);
      if (!isTrusted) this.#checkLocksAndScripts(transaction, coins, standing);
      this.#coins.apply(transaction, standing.height, spent);
      applied.push(transaction);
    }
    const claimedSat = coinbase.outputs.reduce((sum, output) => sum + output.amountSat, 0n);
    if (claimedSat > allowedSat) throw new RuleBroken("bad-cb-amount");
  }

  #checkLocksAndScripts(transaction: Transaction, coins: readonly Coin[], standing: Standing): void {
    if (!hasSequenceLocksMet(transaction, coins, standing)) throw new RuleBroken("bad-txns-nonfinal");
    const outputs = coins.map((coin) => coin.output);
    const failure = this.#scripts.check(transaction, wtxidOf(transaction), outputs, "consensus");
    if (failure !== undefined) throw new RuleBroken("mandatory-script-verify-flag-failed", failure);
  }

  /** BIP30: a coinbase must not hide the unspent coins of an equal one. */
  #refuseOverwrite(coinbase: Transaction): void {
    const txid = txidBytesOf(coinbase);
    coinbase.outputs.forEach((_, index) => {
      if (this.#coins.get(outpointKey(txid, index)) !== undefined) throw new RuleBroken("bad-txns-BIP30");
    });
  }

  #readInvalid(): BlockHash[] {
    try {
      return readFileSync(this.#invalidPath, "utf8").split("\n").filter(Boolean) as BlockHash[];
    } catch (error) {
      // No file: nothing was ever invalidated.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  }

  #writeInvalid(): void {
    writeWhole(this.#invalidPath, this.#tree.invalidRoots().join("\n"));
  }
}
