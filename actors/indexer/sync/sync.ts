/** Follows the source's best chain: in bulk while far behind, block by block at the tip, back and forth at a reorganisation. */
import { HEADER_LENGTH_BYTES, workOf } from "../../../bitcoin/block/header.ts";
import { type BlockHash, blockHashFromBytes, HASH_LENGTH_BYTES } from "../../../bitcoin/bytes.ts";
import { sha256d } from "../../../bitcoin/hash.ts";
import type { Network } from "../../../bitcoin/network.ts";
import type { Clock } from "../../../runtime/clock.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import type { IndexerFailure } from "../errors.ts";
import type { RowsResult } from "../rows/rows.ts";
import type { IndexStore } from "../store/store.ts";
import { hashesOf, joined } from "../touched.ts";
import { type BatchJob, batches, type SourcedBlock, txCountOf } from "./batches.ts";
import type { BlockSource, FoundBlocks, SourceTip } from "./block-source.ts";
import type { Compaction } from "./compaction.ts";
import { type Progress, ProgressMeter } from "./progress.ts";
import type { Workbench } from "./workbench.ts";

/** A block that came or went, and the script hashes it touches, 32 bytes each. */
export interface BlockNews {
  readonly height: number;
  readonly hash: BlockHash;
  readonly header: Uint8Array;
  readonly txCount: number;
  /** Nothing where it is not known any more: then everything may be touched. */
  readonly touched: Uint8Array | undefined;
}

/** What came in one go. */
export interface Added {
  readonly blocks: number;
  readonly transactions: number;
  readonly bytes: number;
}

/** Told after the store has committed. */
export interface SyncNews {
  connected(block: BlockNews): void;
  /** From the tip downwards. */
  disconnected(block: BlockNews): void;
  /** Many blocks came at once, of which no news is told. */
  jumped(): void;
  progress(progress: Progress, added: Added): void;
}

export interface SyncOptions {
  readonly store: IndexStore;
  readonly source: BlockSource;
  readonly bench: Workbench;
  readonly compaction: Compaction;
  readonly network: Network;
  readonly clock: Clock;
  readonly news: SyncNews;
  /** Raw bytes of blocks in one job, and so in one run: memory is about (threads + 2) times three of it. */
  readonly batchBytes: number;
  /** Within so many blocks of the tip each block is committed and told by itself. */
  readonly liveBlocks: number;
  /** For so many blocks below the tip the touched script hashes are kept, to be told again if they are rolled back. */
  readonly touchedBlocks: number;
}

/** Blocks that follow one another, and where those of them lie that are in files. */
interface Stretch {
  readonly hashes: readonly BlockHash[];
  readonly found: FoundBlocks | undefined;
}

/** A block at the tip on its way into the store. */
interface LiveBlock {
  readonly hash: BlockHash;
  readonly height: number;
  readonly rows: Promise<RowsResult>;
  /** The hashes of the scripts that it spends from, where they are known. */
  readonly spent: Promise<Uint8Array | undefined>;
}

/** Blocks at the tip that are prepared while one is committed: enough for a reorganisation to go as fast as the node gives them. */
const LIVE_AHEAD = 4;
/** Where the target stands in a header. */
const BITS_AT = 72;
/** As many as a node gives at once. */
const HEADERS_MAX = 2_000;

export class ChainSync {
  readonly #options: SyncOptions;
  #sourceSyncsTo: number | undefined;

  constructor(options: SyncOptions) {
    this.#options = options;
  }

  /** While the source is catching up itself, to where, for all that it knows: level with it is not yet level with its network. */
  get sourceSyncsTo(): number | undefined {
    return this.#sourceSyncsTo;
  }

  /** One round: a reorganisation, a stretch of blocks, or nothing to do (false). */
  async advance(signal: AbortSignal): Promise<boolean> {
    const { store, source, liveBlocks } = this.#options;
    const { state } = store;
    const tip = await source.tip(signal, state.tipHash);
    this.#sourceSyncsTo = tip.syncsTo;
    if (tip.hash === state.tipHash) return false;
    const headers = await source.headersAfter(state.tipHash, HEADERS_MAX, signal);
    if (headers === undefined) {
      await this.#rollBack(signal);
      return true;
    }
    if (headers.length === 0) return false;
    const hashes = this.#linked(headers, state.tipHash, state.height + 1);
    const isNear = tip.height - state.height <= liveBlocks && hashes.length <= liveBlocks;
    if (isNear) await this.#goLive(hashes, signal);
    else await this.#goInBulk(hashes, tip, signal);
    return true;
  }

  /** Hashes of headers that must follow `previous` one after another. */
  #linked(headers: Uint8Array, previous: BlockHash | undefined, firstHeight: number): BlockHash[] {
    const hashes: BlockHash[] = [];
    let last = previous;
    for (let at = 0; at < headers.length; at += HEADER_LENGTH_BYTES) {
      const header = headers.subarray(at, at + HEADER_LENGTH_BYTES);
      const height = firstHeight + hashes.length;
      const hash = blockHashFromBytes(sha256d(header));
      if (last === undefined) this.#checkGenesis(hash);
      else if (blockHashFromBytes(header, 4) !== last) {
        throw badBlock(height, "its header does not follow the one before it");
      }
      hashes.push(hash);
      last = hash;
    }
    return hashes;
  }

  #checkGenesis(found: BlockHash): void {
    const expected = this.#options.network.genesis.hash;
    if (found === expected) return;
    throw new TroupeError<IndexerFailure>(
      { code: "INDEXER_OTHER_CHAIN", expected, found },
      `the node's chain begins with block ${found}, and ${this.#options.network.name} begins with ${expected}; correct the network or the node's address`,
    );
  }

  /** Block by block, in their order; the next few are fetched and parsed meanwhile. */
  async #goLive(hashes: readonly BlockHash[], signal: AbortSignal): Promise<void> {
    const { store, source, bench, network } = this.#options;
    const underWay: LiveBlock[] = [];
    let height = store.state.height + 1;
    let firstTxNumber = store.state.txCount;
    let at = 0;
    try {
      for await (const block of source.blocks(hashes, signal)) {
        const hash = hashes[at++] as BlockHash;
        const bytes = Uint8Array.from(block);
        const txCount = txCountOf(bytes);
        const rows = bench.build({
          bytes,
          starts: Uint32Array.of(0),
          ends: Uint32Array.of(bytes.length),
          firstHeight: height,
          firstTxNumber,
          serialization: network.serialization,
          secret: store.secret,
          withTouched: true,
        });
        // Hashed as soon as they are here: the rows are made meanwhile.
        const spent = source.spentScripts(hash, signal).then((scripts) => scripts && hashesOf(scripts));
        // They are awaited in their turn; until then a failure must not count as unhandled.
        rows.catch(() => {});
        spent.catch(() => {});
        underWay.push({ hash, height, rows, spent });
        height += 1;
        firstTxNumber += txCount;
        if (underWay.length > LIVE_AHEAD) await this.#connect(underWay.shift() as LiveBlock);
      }
      for (let next = underWay.shift(); next !== undefined; next = underWay.shift()) {
        await this.#connect(next);
      }
    } finally {
      await Promise.allSettled(underWay.flatMap(({ rows, spent }): Promise<unknown>[] => [rows, spent]));
    }
  }

  async #connect({ hash, height, ...block }: LiveBlock): Promise<void> {
    const { store, compaction, news, touchedBlocks } = this.#options;
    const rows = await block.rows;
    if (blockHashFromBytes(rows.hashes) !== hash) throw badBlock(height, "it is another block");
    const spent = await block.spent;
    const touched = spent && joined(rows.touched[0] ?? new Uint8Array(0), spent);
    await compaction.relief();
    await store.append({ ...rows, touched: touched === undefined ? [] : [touched] }, { touchedBlocks });
    news.connected({ height, hash, header: rows.headers, txCount: rows.txCounts[0] as number, touched });
    compaction.kick();
  }

  async #goInBulk(first: readonly BlockHash[], tip: SourceTip, signal: AbortSignal): Promise<void> {
    const { store, source, bench, compaction, news, clock, network, batchBytes } = this.#options;
    const meter = new ProgressMeter(clock, store.state.height);
    const underWay: { readonly job: BatchJob; readonly rows: Promise<RowsResult> }[] = [];
    /** False when files of the source were wrong: the next round does without them. */
    const settleOldest = async (): Promise<boolean> => {
      const oldest = underWay.shift();
      if (oldest === undefined) return true;
      const { job } = oldest;
      const rows = await this.#trusted(job, oldest.rows);
      if (rows === undefined) return false;
      await store.append(rows, { places: "places" in job.blocks ? job.blocks.places : undefined });
      meter.add(store.state.height, job.txCount, job.lengthBytes);
      const added = { blocks: job.hashes.length, transactions: job.txCount, bytes: job.lengthBytes };
      news.progress(meter.read(tip.height), added);
      compaction.kick();
      await compaction.relief();
      return true;
    };
    let isGood = true;
    compaction.isBulk = true;
    try {
      const start = { height: store.state.height + 1, txNumber: store.state.txCount };
      for await (const job of batches(this.#ahead(first, tip, signal), start, batchBytes)) {
        const { blocks, firstHeight, firstTxNumber } = job;
        const rows = bench.build({
          ...("places" in blocks ? { stored: blocks } : blocks),
          firstHeight,
          firstTxNumber,
          serialization: network.serialization,
          secret: store.secret,
          withTouched: false,
        });
        // It is awaited in its turn; until then a failure must not count as unhandled.
        rows.catch(() => {});
        underWay.push({ job, rows });
        if (underWay.length > bench.width + 1) isGood = await settleOldest();
        if (!isGood) break;
      }
      while (isGood && underWay.length > 0) isGood = await settleOldest();
    } finally {
      await Promise.allSettled(underWay.map(({ rows }) => rows));
      compaction.isBulk = false;
      source.stored?.rest();
    }
    news.jumped();
  }

  /** The rows if they are those of the blocks that were asked for; nothing where files of the source had others. */
  async #trusted(job: BatchJob, making: Promise<RowsResult>): Promise<RowsResult | undefined> {
    try {
      const rows = await making;
      this.#checkAsAsked(job, rows);
      return rows;
    } catch (error) {
      if (!("places" in job.blocks)) throw error;
      this.#options.source.stored?.distrust(error as Error);
      return undefined;
    }
  }

  /** The blocks of these hashes and all that follow them, with the next stretch looked for in time. */
  async *#ahead(
    first: readonly BlockHash[],
    tip: SourceTip,
    signal: AbortSignal,
  ): AsyncGenerator<SourcedBlock> {
    const { store } = this.#options;
    let stretch = await this.#stretch(first, tip.height - store.state.height, signal);
    let height = store.state.height;
    while (stretch.hashes.length > 0) {
      const { hashes } = stretch;
      height += hashes.length;
      const next = this.#stretchAfter(hashes.at(-1) as BlockHash, height, tip, signal);
      next.catch(() => {}); // awaited below
      yield* this.#sourced(stretch, signal);
      stretch = await next;
    }
  }

  /** Nothing if the chain turned away meanwhile: what was fetched is a chain still, and the next round goes back. */
  async #stretchAfter(
    last: BlockHash,
    height: number,
    tip: SourceTip,
    signal: AbortSignal,
  ): Promise<Stretch> {
    const headers = await this.#options.source.headersAfter(last, HEADERS_MAX, signal);
    const hashes = this.#linked(headers ?? new Uint8Array(0), last, height + 1);
    return this.#stretch(hashes, tip.height - height, signal);
  }

  async #stretch(hashes: readonly BlockHash[], blocksLeft: number, signal: AbortSignal): Promise<Stretch> {
    return { hashes, found: await this.#options.source.stored?.find(hashes, blocksLeft, signal) };
  }

  /** Each block from the files if it was found there, and the others from the source, in one go for neighbours. */
  async *#sourced({ hashes, found }: Stretch, signal: AbortSignal): AsyncGenerator<SourcedBlock> {
    for (let at = 0; at < hashes.length; ) {
      signal.throwIfAborted();
      const located = found?.blocks[at];
      if (found !== undefined && located !== undefined) {
        yield { hash: hashes[at++] as BlockHash, located, files: found.files };
        continue;
      }
      let end = at + 1;
      while (end < hashes.length && found?.blocks[end] === undefined) end += 1;
      for await (const block of this.#options.source.blocks(hashes.slice(at, end), signal)) {
        yield { hash: hashes[at++] as BlockHash, block };
      }
    }
  }

  #checkAsAsked(job: BatchJob, rows: RowsResult): void {
    const isAsAsked = job.hashes.every(
      (hash, i) => blockHashFromBytes(rows.hashes, i * HASH_LENGTH_BYTES) === hash,
    );
    const txCount = rows.txCounts.reduce((sum, count) => sum + count, 0);
    if (!isAsAsked || txCount !== job.txCount || job.firstTxNumber !== this.#options.store.state.txCount) {
      throw badBlock(job.firstHeight, "the blocks are not those that were asked for");
    }
  }

  async #rollBack(signal: AbortSignal): Promise<void> {
    const { store, news } = this.#options;
    const fork = await this.#findFork(signal);
    if (!(await this.#mustFollow(fork, signal))) return;
    const gone: BlockNews[] = [];
    const view = store.snapshot();
    try {
      for (let height = store.state.height; height > fork; height--) {
        const header = view.headers(height, 1);
        gone.push({
          height,
          hash: blockHashFromBytes(sha256d(header)),
          header,
          txCount: view.txCountThrough(height) - view.txCountThrough(height - 1),
          touched: view.touched(height),
        });
      }
    } finally {
      view.release();
    }
    await store.rollback(fork);
    for (const block of gone) news.disconnected(block);
    this.#options.compaction.kick();
  }

  /**
   * Whether the source's chain above the fork is to replace ours: no (false) if it has turned back to ours meanwhile.
   * One with less work is a node that is behind or on a weaker branch: it throws, and the index stays as it is.
   * The source's headers alone decide, whichever of its nodes answered before.
   */
  async #mustFollow(fork: number, signal: AbortSignal): Promise<boolean> {
    const { store, source } = this.#options;
    const { height, tipHash } = store.state;
    if (fork >= height || tipHash === undefined) return false;
    const next = this.#hashAt(fork + 1);
    let last = this.#hashAt(fork);
    let ours: bigint | undefined;
    let theirs = 0n;
    let theirHeight = fork;
    while (ours === undefined || theirs <= ours) {
      const headers = (await source.headersAfter(last, HEADERS_MAX, signal)) ?? new Uint8Array(0);
      const hashes = this.#linked(headers, last, theirHeight + 1);
      // A node that is only behind has none: what our blocks are worth need not be known.
      if (hashes.length === 0) break;
      if (hashes[0] === next) return false;
      ours ??= this.#workAbove(fork);
      theirs += workOfAll(headers);
      theirHeight += hashes.length;
      last = hashes.at(-1) as BlockHash;
    }
    const isTied = theirs === ours;
    if (ours !== undefined && theirs > ours) return true;
    if (await source.overrules(tipHash, isTied, signal)) return true;
    throw nodeBehind(height, theirHeight);
  }

  #hashAt(height: number): BlockHash {
    const view = this.#options.store.snapshot();
    const header = view.headers(height, 1);
    view.release();
    return blockHashFromBytes(sha256d(header));
  }

  #workAbove(fork: number): bigint {
    const { store } = this.#options;
    const view = store.snapshot();
    let work = 0n;
    for (let at = fork + 1; at <= store.state.height; at += HEADERS_MAX) {
      work += workOfAll(view.headers(at, Math.min(HEADERS_MAX, store.state.height + 1 - at)));
    }
    view.release();
    return work;
  }

  /** The highest of our blocks that is on the source's chain: steps that double, then halves. */
  async #findFork(signal: AbortSignal): Promise<number> {
    const { store, source } = this.#options;
    const isShared = async (height: number): Promise<boolean> =>
      (await source.headersAfter(this.#hashAt(height), 1, signal)) !== undefined;
    let apart = store.state.height;
    let shared = apart - 1;
    for (let step = 2; shared >= 0 && !(await isShared(shared)); step *= 2) {
      apart = shared;
      shared -= step;
    }
    if (shared < 0) {
      // Not even the genesis block is known there, or it is the only one left to try.
      if (!(await isShared(0))) this.#checkGenesisOf(await source.headersAfter(undefined, 1, signal));
      shared = 0;
    }
    while (apart - shared > 1) {
      const middle = (apart + shared) >>> 1;
      if (await isShared(middle)) shared = middle;
      else apart = middle;
    }
    return shared;
  }

  #checkGenesisOf(headers: Uint8Array | undefined): void {
    if (headers !== undefined && headers.length > 0) this.#linked(headers, undefined, 0);
    throw badBlock(0, "the node does not know the genesis block that it served before");
  }
}

/** Neighbours mostly have one target, so each is reckoned once. */
function workOfAll(headers: Uint8Array): bigint {
  const view = new DataView(headers.buffer, headers.byteOffset, headers.byteLength);
  let work = 0n;
  let bits = 0;
  let ofBits = 0n;
  for (let at = BITS_AT; at < headers.length; at += HEADER_LENGTH_BYTES) {
    const its = view.getUint32(at, true);
    if (its !== bits) ofBits = workOf(its);
    bits = its;
    work += ofBits;
  }
  return work;
}

function nodeBehind(height: number, nodeHeight: number): TroupeError {
  return new TroupeError<IndexerFailure>(
    { code: "INDEXER_NODE_BEHIND", height, nodeHeight },
    `the node's chain (block ${nodeHeight}) has not more work than the index's (block ${height}): it is behind or on another branch; the index stays and waits for it`,
  );
}

function badBlock(height: number, reason: string): TroupeError {
  return new TroupeError<IndexerFailure>(
    { code: "INDEXER_BAD_BLOCK", height, reason },
    `the node's block at height ${height} cannot be indexed: ${reason}; it is asked for again, and if this stays, check the node`,
  );
}
