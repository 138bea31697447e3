/** The way from our tip to the node's: which blocks left, which came, and what the new ones confirm. */
import { setImmediate as turn } from "node:timers/promises";
import { outpointIndexAt, spanTxidBytes, walkBlock } from "../../../bitcoin/block/block-walker.ts";
import { blockHashOf, HEADER_LENGTH_BYTES, parseHeader } from "../../../bitcoin/block/header.ts";
import { type BlockHash, type Txid, txidFromBytes } from "../../../bitcoin/bytes.ts";
import type { Network } from "../../../bitcoin/network.ts";
import { hasCode } from "../../../runtime/errors.ts";
import type { ChainBlock, RecentChain } from "../view/recent-chain.ts";
import type { ChainStep, ConnectedBlock } from "../view/view.ts";
import type { MempoolSource } from "./source.ts";

/** Further than this the single blocks do not matter: everything has changed. */
const BLOCKS_MAX = 20;
/** After so many passes over a large block its code is compiled. */
const REHEARSALS = 8;

/** Nothing if the way is too long, or the node does not give its blocks. */
export async function chainPath(
  source: MempoolSource,
  chain: RecentChain,
  tip: ChainBlock,
  serialization: Network["serialization"],
): Promise<ChainStep | undefined> {
  const connected: ConnectedBlock[] = [];
  let hash = tip.hash;
  for (let height = tip.height; connected.length <= BLOCKS_MAX; height--) {
    const fork = chain.find(hash);
    if (fork !== undefined) return { fork, connected: connected.reverse() };
    const bytes = connected.length < BLOCKS_MAX ? await source.blockBytes(hash) : undefined;
    const block = bytes === undefined ? undefined : connectedBlock(bytes, height, hash, serialization);
    if (block === undefined) return undefined;
    connected.push(block.connected);
    hash = block.previousHash;
  }
  return undefined;
}

/** Reads the block of the tip again and again, and keeps nothing: the next one shall not find code that has never run. */
export async function rehearsePath(
  source: MempoolSource,
  { height, hash }: ChainBlock,
  serialization: Network["serialization"],
  mayGoOn: () => boolean,
): Promise<void> {
  // Without it the first block takes longer, no more; a node that is away is told of by whoever asks it next.
  const bytes = await source.blockBytes(hash).catch(() => undefined);
  for (let pass = 0; pass < REHEARSALS && bytes !== undefined && mayGoOn(); pass++) {
    connectedBlock(bytes, height, hash, serialization);
    await turn();
  }
}

function connectedBlock(
  bytes: Uint8Array,
  height: number,
  hash: BlockHash,
  serialization: Network["serialization"],
): { connected: ConnectedBlock; previousHash: BlockHash } | undefined {
  const txids: Txid[] = [];
  const spends = new Map<string, number>();
  try {
    const header = bytes.subarray(0, HEADER_LENGTH_BYTES);
    const { previousHash } = parseHeader(header);
    if (blockHashOf(header) !== hash) return undefined;
    walkBlock(
      bytes,
      {
        input(transaction, _, at) {
          spends.set(`${txidFromBytes(bytes, at)}:${outpointIndexAt(bytes, at)}`, transaction);
        },
        transaction: (span) => void txids.push(txidFromBytes(spanTxidBytes(bytes, span))),
      },
      serialization,
    );
    const spenderOf = (txid: Txid, index: number) => {
      const position = spends.get(`${txid}:${index}`);
      return position === undefined ? undefined : txids[position];
    };
    return { connected: { height, hash, txids, spenderOf }, previousHash };
  } catch (error) {
    // Such a block says nothing; what is listed afterwards still counts.
    if (hasCode(error, "BITCOIN_MALFORMED")) return undefined;
    throw error;
  }
}
