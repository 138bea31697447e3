/** What the indexer needs of a node: its chain and its blocks. The rest of the actor knows no node. */
import type { BlockHash } from "../../../bitcoin/bytes.ts";
import type { LocatedBlock } from "../../../bitcoind/files/block-locator.ts";
import type { TransactionInBlock } from "../../../bitcoind/questions/raw-transactions.ts";
import type { BlockFilesRef } from "./batches.ts";

export interface SourceTip {
  readonly height: number;
  readonly hash: BlockHash;
  /** The source is catching up itself: up to this height it knows headers already. */
  readonly syncsTo?: number | undefined;
}

/** The source's own files on this machine. They are a short cut: what cannot be had there comes from the source itself. */
export interface StoredBlockFinder {
  /**
   * Where these blocks lie, in their order; nothing for one that is not there. Nothing at all where there are no such
   * files, or where `blocksLeft` to the tip are too few to look for them. Throws nothing but the signal's reason.
   */
  find(
    hashes: readonly BlockHash[],
    blocksLeft: number,
    signal: AbortSignal,
  ): Promise<FoundBlocks | undefined>;
  /** What it said of a block was not true: from now on it finds nothing. */
  distrust(error: Error): void;
  /** The sync has come to its end, or has to begin again somewhere: what was remembered may be forgotten. */
  rest(): void;
}

export interface FoundBlocks {
  readonly files: BlockFilesRef;
  readonly blocks: readonly (LocatedBlock | undefined)[];
}

/** Where blocks come from: a node over the network, its files, a chain made for a benchmark. */
export interface BlockSource {
  readonly stored?: StoredBlockFinder | undefined;
  /** The best block that the source can serve: of several nodes by preference one that has the block `followed` in its chain. */
  tip(signal: AbortSignal, followed?: BlockHash): Promise<SourceTip>;
  /**
   * The headers that follow the block `after` on the source's best chain (from the genesis block on, where it is
   * undefined): at most `countMax`, one after another, 80 bytes each. Nothing if `after` is not on that chain.
   */
  headersAfter(
    after: BlockHash | undefined,
    countMax: number,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined>;
  /**
   * Whether the source's chain counts though it has no more work than ours, which ends in the block `tip`: because it
   * holds our tip for invalid, or, of two equals, because the choice is its own.
   */
  overrules(tip: BlockHash, isTied: boolean, signal: AbortSignal): Promise<boolean>;
  /** The raw blocks of these hashes, in this order, fetched some way ahead of the reader. */
  blocks(hashes: readonly BlockHash[], signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** The scripts of the outputs that a block spends, in any order; nothing where they are not known. A block that is not on the best chain may be asked for. */
  spentScripts(hash: BlockHash, signal: AbortSignal): Promise<readonly Uint8Array[] | undefined>;
  /** The bytes of each as hex; nothing for one that its block does not hold. */
  rawTransactions(
    wanted: readonly TransactionInBlock[],
    signal: AbortSignal,
  ): Promise<readonly (string | undefined)[]>;
  /** Resolves when the tip may have changed, or after `timeoutMs` at the latest. */
  waitForChange(timeoutMs: number, signal: AbortSignal): Promise<void>;
}
