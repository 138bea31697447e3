/** The chain as a Bitcoin node serves it: over RPC and REST, with several blocks asked for ahead of the reader. */
import { HEADER_LENGTH_BYTES } from "../../../bitcoin/block/header.ts";
import type { BlockHash } from "../../../bitcoin/bytes.ts";
import type { Network } from "../../../bitcoin/network.ts";
import type { NodeClient, TransactionInBlock } from "../../../bitcoind/client.ts";
import { type Clock, sleep } from "../../../runtime/clock.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import type { IndexerFailure } from "../errors.ts";
import type { BlockSource, SourceTip, StoredBlockFinder } from "./block-source.ts";

export interface NodeSourceOptions {
  readonly client: NodeClient;
  readonly network: Network;
  readonly clock: Clock;
  /** Blocks under way at once. */
  readonly ahead: number;
  readonly stored?: StoredBlockFinder | undefined;
}

/** Enough to hide the node's answer times; Bitcoin Core works on 16 requests at once by default. */
export const BLOCKS_AHEAD = 6;

export class NodeSource implements BlockSource {
  readonly stored: StoredBlockFinder | undefined;
  readonly #options: NodeSourceOptions;
  #isHinted = false;
  #wake: () => void = () => {};

  constructor(options: NodeSourceOptions) {
    this.#options = options;
    this.stored = options.stored;
  }

  /** From now on news of the nodes end `waitForChange` at once. */
  listen(): this {
    this.#options.client.onHint(() => {
      this.#isHinted = true;
      this.#wake();
    });
    return this;
  }

  async tip(_signal: AbortSignal, followed?: BlockHash): Promise<SourceTip> {
    const { height, tipHash } = await this.#options.client.chainInfo(followed);
    return { height, hash: tipHash };
  }

  /** Only the preferred node may: another's weaker chain must never undo what the preferred one has said. */
  async overrules(tip: BlockHash, isTied: boolean): Promise<boolean> {
    const { client } = this.#options;
    return client.isPreferredAsked && (isTied || (await client.holdsInvalid(tip)));
  }

  async headersAfter(after: BlockHash | undefined, countMax: number): Promise<Uint8Array | undefined> {
    const { client, network } = this.#options;
    if (after === undefined) return client.headers(network.genesis.hash, countMax);
    // The node's answer begins with the block that was named, if it is on the active chain.
    const headers = await client.headers(after, countMax + 1);
    return headers.length === 0 ? undefined : headers.subarray(HEADER_LENGTH_BYTES);
  }

  async *blocks(hashes: readonly BlockHash[], signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const { ahead } = this.#options;
    const underWay: Promise<Uint8Array>[] = [];
    let next = 0;
    try {
      while (next < hashes.length || underWay.length > 0) {
        while (next < hashes.length && underWay.length < ahead) {
          const block = this.#block(hashes[next++] as BlockHash, signal);
          block.catch(() => {}); // awaited in its turn
          underWay.push(block);
        }
        yield await (underWay.shift() as Promise<Uint8Array>);
      }
    } finally {
      await Promise.allSettled(underWay);
    }
  }

  async spentScripts(hash: BlockHash): Promise<readonly Uint8Array[] | undefined> {
    return this.#options.client.spentScripts(hash);
  }

  rawTransactions(wanted: readonly TransactionInBlock[]): Promise<readonly (string | undefined)[]> {
    return this.#options.client.confirmedTransactions(wanted);
  }

  async waitForChange(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const waking = new AbortController();
    this.#wake = () => waking.abort();
    // A hint that came while nobody waited counts too.
    if (!this.#isHinted) {
      await sleep(this.#options.clock, timeoutMs, AbortSignal.any([signal, waking.signal])).catch(() => {});
    }
    this.#wake = () => {};
    this.#isHinted = false;
    signal.throwIfAborted();
  }

  async #block(hash: BlockHash, signal: AbortSignal): Promise<Uint8Array> {
    signal.throwIfAborted();
    const bytes = await this.#options.client.blockBytes(hash);
    if (bytes !== undefined) return bytes;
    throw new TroupeError<IndexerFailure>(
      { code: "INDEXER_BAD_BLOCK", height: -1, reason: "the node does not have it" },
      `the node names block ${hash} in its chain and does not have it; it is asked again, and if this stays, check the node`,
    );
  }
}
