/** The chain as a Bitcoin node serves it: over RPC and REST, with several blocks asked for ahead of the reader. */
import { parseBlock } from "../../../bitcoin/block/block.ts";
import { HEADER_LENGTH_BYTES } from "../../../bitcoin/block/header.ts";
import { type BlockHash, type Txid, txidFromBytes } from "../../../bitcoin/bytes.ts";
import type { Network } from "../../../bitcoin/network.ts";
import { parseTransaction, type Transaction, txidOf } from "../../../bitcoin/transaction.ts";
import type { NodeClient } from "../../../bitcoind/client.ts";
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
  /** The block that holds each transaction, by our own index: so the node needs no txindex. */
  readonly locate: (txids: readonly Txid[]) => readonly (BlockHash | undefined)[];
  readonly stored?: StoredBlockFinder | undefined;
}

/** Enough to hide the node's answer times; Bitcoin Core works on 16 requests at once by default. */
export const BLOCKS_AHEAD = 6;

export class NodeSource implements BlockSource {
  readonly stored: StoredBlockFinder | undefined;
  readonly #options: NodeSourceOptions;

  constructor(options: NodeSourceOptions) {
    this.#options = options;
    this.stored = options.stored;
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

  /**
   * The outputs that a block spends stand in transactions of other blocks, which our index finds and the node gives;
   * those of the block itself are at hand.
   */
  async spentScripts(hash: BlockHash, signal: AbortSignal): Promise<readonly Uint8Array[]> {
    const { network } = this.#options;
    const { transactions } = parseBlock(await this.#block(hash, signal), network.serialization);
    const known = new Map<Txid, Transaction>(
      transactions.map((transaction) => [txidOf(transaction), transaction]),
    );
    const outpoints = transactions.slice(1).flatMap(({ inputs }) =>
      inputs.map(({ previousTxidBytes, previousIndex }) => ({
        txid: txidFromBytes(previousTxidBytes),
        index: previousIndex,
      })),
    );
    await this.#fetchInto(
      known,
      [...new Set(outpoints.map(({ txid }) => txid))].filter((txid) => !known.has(txid)),
    );
    return outpoints.flatMap(({ txid, index }) => known.get(txid)?.outputs[index]?.scriptPubKey ?? []);
  }

  async rawTransaction(txid: Txid, block: BlockHash): Promise<Uint8Array | undefined> {
    const [bytes] = await this.#options.client.rawTransactions([txid], block);
    return bytes;
  }

  async waitForChange(timeoutMs: number, signal: AbortSignal): Promise<void> {
    await sleep(this.#options.clock, timeoutMs, signal);
  }

  async #fetchInto(known: Map<Txid, Transaction>, txids: readonly Txid[]): Promise<void> {
    const { client, locate, network, ahead } = this.#options;
    const byBlock = new Map<BlockHash, Txid[]>();
    locate(txids).forEach((block, i) => {
      if (block === undefined) return;
      const wanted = byBlock.get(block) ?? [];
      wanted.push(txids[i] as Txid);
      byBlock.set(block, wanted);
    });
    const left = [...byBlock];
    const fetchSome = async (): Promise<void> => {
      for (let entry = left.pop(); entry !== undefined; entry = left.pop()) {
        const [block, wanted] = entry;
        const found = await client.rawTransactions(wanted, block);
        found.forEach((bytes, i) => {
          if (bytes !== undefined)
            known.set(wanted[i] as Txid, parseTransaction(bytes, network.serialization));
        });
      }
    };
    await Promise.all(Array.from({ length: ahead }, fetchSome));
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
