/** Finds old blocks in the node's own files: opens them when a sync is long enough, gives them up when they prove wrong. */
import type { BlockHash } from "../../../bitcoin/bytes.ts";
import type { Network } from "../../../bitcoin/network.ts";
import { BlockFiles } from "../../../bitcoind/files/block-files.ts";
import { BlockLocator } from "../../../bitcoind/files/block-locator.ts";
import type { Log } from "../../../runtime/log/log.ts";
import type { FoundBlocks, StoredBlockFinder } from "./block-source.ts";

export interface FileFinderOptions {
  /** The node's directory with `blk00000.dat`. */
  readonly directory: string;
  readonly network: Network;
  readonly log: Log;
  /** For fewer blocks than this it is not worth looking through all files. */
  readonly blocksMin: number;
}

export class FileFinder implements StoredBlockFinder {
  readonly #options: FileFinderOptions;
  #locator: BlockLocator | undefined;
  #isGivenUp = false;

  constructor(options: FileFinderOptions) {
    this.#options = options;
  }

  async find(
    hashes: readonly BlockHash[],
    blocksLeft: number,
    signal: AbortSignal,
  ): Promise<FoundBlocks | undefined> {
    if (this.#isGivenUp || (this.#locator === undefined && blocksLeft < this.#options.blocksMin)) {
      return undefined;
    }
    try {
      this.#locator ??= await this.#open();
      const { files } = this.#locator;
      return { files, blocks: await this.#locator.locate(hashes, signal) };
    } catch (error) {
      signal.throwIfAborted();
      this.#giveUp(error as Error);
      return undefined;
    }
  }

  distrust(error: Error): void {
    if (!this.#isGivenUp) this.#giveUp(error);
  }

  rest(): void {
    this.#locator = undefined;
  }

  async #open(): Promise<BlockLocator> {
    const { directory, network, log } = this.#options;
    const files = await BlockFiles.open(directory, network);
    log.info("old blocks are read from the node's own files", { directory });
    return new BlockLocator(files);
  }

  #giveUp(error: Error): void {
    const { directory, log } = this.#options;
    const isAbsent =
      this.#locator === undefined && (error.cause as NodeJS.ErrnoException | undefined)?.code === "ENOENT";
    this.#isGivenUp = true;
    this.#locator = undefined;
    // A node on another machine has its files there.
    if (isAbsent) {
      log.info("the node's block files are not on this machine; blocks come over RPC", { directory });
    } else {
      log.warn("the node's block files are of no use; blocks come over RPC", { error, directory });
    }
  }
}
