/** The chain as a Bitcoin node serves it: over RPC and REST, with several blocks asked for ahead of the reader. */
import { HEADER_LENGTH_BYTES } from "../../../bitcoin/block/header.ts";
import type { BlockHash } from "../../../bitcoin/bytes.ts";
import type { Network } from "../../../bitcoin/network.ts";
import type { NodeClient } from "../../../bitcoind/client.ts";
import type { TransactionInBlock } from "../../../bitcoind/questions/raw-transactions.ts";
import { type Clock, sleep } from "../../../runtime/clock.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import type { IndexerFailure } from "../errors.ts";
import type { BlockSource, SourceTip, StoredBlockFinder } from "./block-source.ts";

/** What is asked of the node's client. */
export type AskedNode = Pick<
  NodeClient,
  | "chainInfo"
  | "headers"
  | "blockBytes"
  | "spentScripts"
  | "confirmedTransactions"
  | "holdsInvalid"
  | "isPreferredAsked"
  | "onHint"
>;

export interface NodeSourceOptions {
  readonly client: AskedNode;
  readonly network: Network;
  readonly clock: Clock;
  /** Blocks under way at once. */
  readonly ahead: number;
  readonly stored?: StoredBlockFinder | undefined;
}

/** Enough to hide the node's answer times; Bitcoin Core works on 16 requests at once by default. */
export const BLOCKS_AHEAD = 6;

/** What is asked for as soon as a node's news names it: the block, and what it spends. */
interface NamedBlock {
  readonly hash: BlockHash;
  readonly bytes: Promise<Uint8Array | undefined>;
  readonly spent: Promise<readonly Uint8Array[] | undefined>;
}

export class NodeSource implements BlockSource {
  readonly stored: StoredBlockFinder | undefined;
  readonly #options: NodeSourceOptions;
  #isHinted = false;
  /** Undefined while nobody waits for news. */
  #wake: (() => void) | undefined;
  #named: NamedBlock | undefined;

  constructor(options: NodeSourceOptions) {
    this.#options = options;
    this.stored = options.stored;
  }

  /** From now on news of the nodes end `waitForChange` at once. */
  listen(): this {
    this.#options.client.onHint((connected) => {
      // Who waits is level: this block is the next one. It comes while the node is asked how things stand.
      if (connected !== undefined && this.#wake !== undefined) this.#fetch(connected);
      this.#isHinted = true;
      this.#wake?.();
    });
    return this;
  }

  async tip(_signal: AbortSignal, followed?: BlockHash): Promise<SourceTip> {
    const { height, tipHash, isSyncing, headerHeight } = await this.#options.client.chainInfo(followed);
    // A node of a private chain on which nothing has happened for a day calls itself syncing too.
    const isBehind = isSyncing && headerHeight > height;
    return { height, hash: tipHash, syncsTo: isBehind ? headerHeight : undefined };
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
    const named = this.#named?.hash === hash ? this.#named : undefined;
    // It is taken after the block itself.
    if (named !== undefined) this.#named = undefined;
    return (await named?.spent.catch(() => undefined)) ?? this.#options.client.spentScripts(hash);
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
    this.#wake = undefined;
    this.#isHinted = false;
    signal.throwIfAborted();
  }

  /** A failure is told when the block is asked for in its turn. */
  #fetch(hash: BlockHash): void {
    const { client } = this.#options;
    const named = { hash, bytes: client.blockBytes(hash), spent: client.spentScripts(hash) };
    named.bytes.catch(() => {});
    named.spent.catch(() => {});
    this.#named = named;
  }

  async #block(hash: BlockHash, signal: AbortSignal): Promise<Uint8Array> {
    signal.throwIfAborted();
    const named = this.#named?.hash === hash ? await this.#named.bytes.catch(() => undefined) : undefined;
    const bytes = named ?? (await this.#options.client.blockBytes(hash));
    if (bytes !== undefined) return bytes;
    throw new TroupeError<IndexerFailure>(
      { code: "INDEXER_BAD_BLOCK", height: -1, reason: "the node does not have it" },
      `the node names block ${hash} in its chain and does not have it; it is asked again, and if this stays, check the node`,
    );
  }
}
