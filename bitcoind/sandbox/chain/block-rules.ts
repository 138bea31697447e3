/** What a block must keep before its transactions are run: Bitcoin Core's `CheckBlock` and `ContextualCheckBlock`, without signature counts. */
import {
  type Block,
  blockWeightOf,
  statedWitnessCommitment,
  txidLeavesOf,
  witnessCommitmentOf,
} from "../../../bitcoin/block/block.ts";
import { hasProofOfWork, serializeHeader } from "../../../bitcoin/block/header.ts";
import { hasMerkleDuplicate, merkleRoot } from "../../../bitcoin/block/merkle.ts";
import { equalBytes } from "../../../bitcoin/bytes.ts";
import type { Network } from "../../../bitcoin/network.ts";
import { pushNumber } from "../../../bitcoin/script/script.ts";
import { hasWitness, isCoinbase, type Transaction } from "../../../bitcoin/transaction.ts";
import { checkTransaction, MAX_BLOCK_WEIGHT } from "../../../bitcoin/transaction-check.ts";
import { RuleBroken } from "../refusal.ts";
import { type BlockEntry, medianTimeS } from "./block-tree.ts";
import { isFinal } from "./transaction-rules.ts";

const FUTURE_MAX_S = 2 * 60 * 60;
const WITNESS_RESERVED_LENGTH_BYTES = 32;

/** Rules that need nothing but the block. */
export function checkBlock(block: Block, network: Network): void {
  if (!hasProofOfWork(serializeHeader(block.header), network)) throw new RuleBroken("high-hash");
  const leaves = txidLeavesOf(block.transactions);
  if (!equalBytes(merkleRoot(leaves), block.header.merkleRootBytes)) throw new RuleBroken("bad-txnmrklroot");
  if (hasMerkleDuplicate(leaves)) throw new RuleBroken("bad-txns-duplicate");
  const [first, ...rest] = block.transactions;
  if (first === undefined || !isCoinbase(first)) throw new RuleBroken("bad-cb-missing");
  if (rest.some(isCoinbase)) throw new RuleBroken("bad-cb-multiple");
  for (const transaction of block.transactions) {
    const reason = checkTransaction(transaction, network);
    if (reason !== undefined) throw new RuleBroken(reason);
  }
}

/** Rules that need the block's parent and the time. */
export function checkBlockInPlace(block: Block, parent: BlockEntry, network: Network, nowMs: number): void {
  const height = parent.height + 1;
  if (block.header.bits !== network.genesis.bits) throw new RuleBroken("bad-diffbits");
  if (block.header.timeS <= medianTimeS(parent)) throw new RuleBroken("time-too-old");
  if (block.header.timeS > nowMs / 1000 + FUTURE_MAX_S) throw new RuleBroken("time-too-new");
  // BIP34, BIP66 and BIP65 stand from the first block of regtest.
  if (block.header.version < 4) {
    throw new RuleBroken(`bad-version(0x${(block.header.version >>> 0).toString(16).padStart(8, "0")})`);
  }
  for (const transaction of block.transactions) {
    if (!isFinal(transaction, { height, parent, network })) throw new RuleBroken("bad-txns-nonfinal");
  }
  checkCoinbaseHeight(block.transactions[0] as Transaction, height);
  checkWitnessCommitment(block);
  if (blockWeightOf(block) > MAX_BLOCK_WEIGHT) throw new RuleBroken("bad-blk-weight");
}

function checkCoinbaseHeight(coinbase: Transaction, height: number): void {
  const expected = pushNumber(height);
  const script = coinbase.inputs[0]?.scriptSig ?? new Uint8Array(0);
  if (!equalBytes(script.subarray(0, expected.length), expected)) throw new RuleBroken("bad-cb-height");
}

function checkWitnessCommitment(block: Block): void {
  const coinbase = block.transactions[0] as Transaction;
  const stated = statedWitnessCommitment(coinbase);
  if (stated === undefined) {
    if (block.transactions.some(hasWitness)) throw new RuleBroken("unexpected-witness");
    return;
  }
  const [reserved, ...more] = coinbase.inputs[0]?.witness ?? [];
  if (reserved?.length !== WITNESS_RESERVED_LENGTH_BYTES || more.length > 0) {
    throw new RuleBroken("bad-witness-nonce-size");
  }
  if (!equalBytes(stated, witnessCommitmentOf(block.transactions, reserved))) {
    throw new RuleBroken("bad-witness-merkle-match");
  }
}
