/** The sandbox's RPC methods that read the chain. */
import { parseBlock, strippedBlockLengthBytesOf } from "../../../bitcoin/block/block.ts";
import { difficultyOf, serializeHeader, targetOf } from "../../../bitcoin/block/header.ts";
import { type BlockHash, bytesToHex, reverseBytes, type Txid, txidToBytes } from "../../../bitcoin/bytes.ts";
import { decodeScript, decodeTransaction } from "../../../bitcoin/decoded-transaction.ts";
import { coinsNumberFromSat } from "../../../bitcoin/fee.ts";
import { txidOf, WITNESS_SCALE } from "../../../bitcoin/transaction.ts";
import { ancestorAt, type BlockEntry, medianTimeS } from "../chain/block-tree.ts";
import type { Chain } from "../chain/chain.ts";
import { outpointKey } from "../chain/coins.ts";
import { RPC_CODE, RpcRefusal } from "../refusal.ts";
import type { Arguments } from "./arguments.ts";
import { type CallTable, call, type SandboxParts } from "./calls.ts";

export const chainCalls: CallTable = Object.freeze({
  getbestblockhash: call("", ({ chain }) => chain.tip.hash),
  getblockcount: call("", ({ chain }) => chain.height),
  getblockchaininfo: call("", chainInfo),
  getblockhash: call("height", ({ chain }, given) => {
    const entry = chain.at(given.whole(0));
    if (entry === undefined) throw new RpcRefusal(RPC_CODE.invalidParameter, "Block height out of range");
    return entry.hash;
  }),
  getblockheader: call("blockhash verbose", ({ chain }, given) => {
    const entry = entryOf(chain, given.hash(0));
    return given.flag(1, true) ? headerFields(chain, entry) : bytesToHex(serializeHeader(entry.header));
  }),
  getblock: call("blockhash verbosity", getBlock),
  getchaintips: call("", ({ chain }) =>
    chain.tree
      .leaves()
      .map((leaf) => tipFields(chain, leaf))
      .sort((a, b) => b.height - a.height || a.branchlen - b.branchlen),
  ),
  gettxout: call("txid n include_mempool", getTxOut),
});

export function chainInfo({ chain }: SandboxParts): Record<string, unknown> {
  const { tip } = chain;
  return {
    chain: chain.network.chain,
    blocks: tip.height,
    headers: Math.max(
      ...chain.tree
        .leaves()
        .filter((leaf) => !leaf.isInvalid)
        .map((leaf) => leaf.height),
      tip.height,
    ),
    bestblockhash: tip.hash,
    bits: bitsText(tip),
    target: targetText(tip),
    difficulty: difficultyOf(tip.header.bits),
    time: tip.header.timeS,
    mediantime: medianTimeS(tip),
    verificationprogress: 1,
    initialblockdownload: false,
    chainwork: workText(tip),
    size_on_disk: tip.place.offset + tip.place.lengthBytes,
    pruned: false,
    warnings: [],
  };
}

/** The block with this hash, or Bitcoin Core's complaint. */
export function entryOf(chain: Chain, hash: string): BlockEntry {
  const entry = chain.tree.get(hash as BlockHash);
  if (entry === undefined) throw new RpcRefusal(RPC_CODE.addressOrKey, "Block not found");
  return entry;
}

export function confirmationsOf(chain: Chain, entry: BlockEntry): number {
  return chain.isActive(entry) ? chain.height - entry.height + 1 : -1;
}

function headerFields(chain: Chain, entry: BlockEntry): Record<string, unknown> {
  const { header } = entry;
  const next = chain.isActive(entry) ? chain.at(entry.height + 1) : undefined;
  return {
    hash: entry.hash,
    confirmations: confirmationsOf(chain, entry),
    height: entry.height,
    version: header.version,
    versionHex: (header.version >>> 0).toString(16).padStart(8, "0"),
    merkleroot: bytesToHex(reverseBytes(header.merkleRootBytes)),
    time: header.timeS,
    mediantime: medianTimeS(entry),
    nonce: header.nonce,
    bits: bitsText(entry),
    target: targetText(entry),
    difficulty: difficultyOf(header.bits),
    chainwork: workText(entry),
    nTx: entry.transactionCount,
    ...(entry.parent === undefined ? {} : { previousblockhash: entry.parent.hash }),
    ...(next === undefined ? {} : { nextblockhash: next.hash }),
  };
}

function getBlock({ chain }: SandboxParts, given: Arguments): unknown {
  const entry = entryOf(chain, given.hash(0));
  const verbosity = given.verbosity(1, 1);
  const bytes = chain.blockBytes(entry);
  if (verbosity <= 0) return bytesToHex(bytes);
  const block = parseBlock(bytes);
  const strippedsize = strippedBlockLengthBytesOf(block);
  return {
    ...headerFields(chain, entry),
    strippedsize,
    size: bytes.length,
    weight: strippedsize * (WITNESS_SCALE - 1) + bytes.length,
    tx: block.transactions.map((transaction) =>
      verbosity === 1 ? txidOf(transaction) : decodeTransaction(transaction, chain.network),
    ),
  };
}

function getTxOut({ chain, mempool }: SandboxParts, given: Arguments): unknown {
  const txid = given.hash(0) as Txid;
  const index = given.whole(1);
  const key = outpointKey(txidToBytes(txid), index);
  const includesMempool = given.flag(2, true);
  if (includesMempool && mempool.spenderOf(key) !== undefined) return null;
  const confirmed = chain.coin(key);
  const unconfirmed = includesMempool ? mempool.get(txid)?.transaction.outputs[index] : undefined;
  const output = confirmed?.output ?? unconfirmed;
  if (output === undefined) return null;
  return {
    bestblock: chain.tip.hash,
    confirmations: confirmed === undefined ? 0 : chain.height - confirmed.height + 1,
    value: coinsNumberFromSat(output.amountSat),
    scriptPubKey: decodeScript(output.scriptPubKey, chain.network),
    coinbase: confirmed?.isCoinbase ?? false,
  };
}

function tipFields(
  chain: Chain,
  leaf: BlockEntry,
): { height: number; hash: string; branchlen: number; status: string } {
  let fork = leaf;
  while (!chain.isActive(fork)) fork = fork.parent ?? ancestorAt(leaf, 0);
  const status = leaf.isInvalid ? "invalid" : chain.isActive(leaf) ? "active" : "valid-headers";
  return { height: leaf.height, hash: leaf.hash, branchlen: leaf.height - fork.height, status };
}

function bitsText(entry: BlockEntry): string {
  return entry.header.bits.toString(16).padStart(8, "0");
}

function targetText(entry: BlockEntry): string {
  return (targetOf(entry.header.bits) ?? 0n).toString(16).padStart(64, "0");
}

function workText(entry: BlockEntry): string {
  return entry.chainWork.toString(16).padStart(64, "0");
}
