/** Makes the sandbox's blocks: picks transactions by what they and their parents pay, and finds the nonce. */
import {
  type Block,
  serializeBlock,
  txidLeavesOf,
  witnessCommitmentOf,
  witnessCommitmentScript,
} from "../../bitcoin/block/block.ts";
import { blockHashOf, hasProofOfWork, serializeHeader } from "../../bitcoin/block/header.ts";
import { merkleRoot } from "../../bitcoin/block/merkle.ts";
import { type BlockHash, concatBytes, type Txid } from "../../bitcoin/bytes.ts";
import { subsidySat } from "../../bitcoin/network.ts";
import { pushNumber } from "../../bitcoin/script/script.ts";
import { NULL_INDEX, type Transaction, txidBytesOf } from "../../bitcoin/transaction.ts";
import type { Clock } from "../../runtime/clock.ts";
import { medianTimeS } from "./chain/block-tree.ts";
import type { Chain } from "./chain/chain.ts";
import { type Coin, outpointKey } from "./chain/coins.ts";
import { checkMaturity, collectCoins, feeOf } from "./chain/transaction-rules.ts";
import type { Mempool, MempoolEntry } from "./mempool.ts";
import { RuleBroken } from "./refusal.ts";

/** The limit of 4,000,000 less what Bitcoin Core keeps free for header and coinbase. */
const TRANSACTIONS_WEIGHT_MAX = 3_992_000;
const BLOCK_VERSION = 0x2000_0000;
const RESERVED = new Uint8Array(32);

export interface MinedBlock {
  readonly hash: BlockHash;
  readonly bytes: Uint8Array;
}

/** Mines the mempool's best into one block, and gives it to the chain. */
export function mineBlock(chain: Chain, mempool: Mempool, clock: Clock, payTo: Uint8Array): MinedBlock {
  const chosen = chooseTransactions(mempool);
  const feesSat = chosen.reduce((sum, entry) => sum + entry.paidSat, 0n);
  const mined = assemble(
    chain,
    clock,
    payTo,
    chosen.map((entry) => entry.transaction),
    feesSat,
  );
  submit(chain, mined);
  return mined;
}

/** Mines exactly these transactions, in this order; throws with the reason if they make no valid block. */
export function mineExactly(
  chain: Chain,
  clock: Clock,
  payTo: Uint8Array,
  transactions: readonly Transaction[],
  isSubmitted: boolean,
): MinedBlock {
  const feesSat = feesOf(chain, transactions);
  const mined = assemble(chain, clock, payTo, transactions, feesSat, (block) =>
    chain.tryNext(block.transactions),
  );
  if (isSubmitted) submit(chain, mined);
  return mined;
}

function submit(chain: Chain, mined: MinedBlock): void {
  const reason = chain.accept(mined.bytes);
  if (reason !== undefined) throw new RuleBroken(reason);
}

/** Best feerate first, each after its parents. A package that does not fit is passed over. */
function chooseTransactions(mempool: Mempool): MempoolEntry[] {
  const ranked = [...mempool.entries()].map((entry) => {
    const family = [...mempool.ancestors(entry), entry];
    const paidSat = family.reduce((sum, member) => sum + member.paidSat, 0n);
    const weight = family.reduce((sum, member) => sum + member.weight, 0);
    return { family, feerate: Number(paidSat) / weight };
  });
  ranked.sort((a, b) => b.feerate - a.feerate);
  const chosen = new Map<Txid, MempoolEntry>();
  let weightLeft = TRANSACTIONS_WEIGHT_MAX;
  for (const { family } of ranked) {
    const missing = family.filter((member) => !chosen.has(member.txid));
    const weight = missing.reduce((sum, member) => sum + member.weight, 0);
    if (weight > weightLeft) continue;
    weightLeft -= weight;
    for (const member of parentsFirst(missing)) chosen.set(member.txid, member);
  }
  return [...chosen.values()];
}

function parentsFirst(entries: readonly MempoolEntry[]): MempoolEntry[] {
  const waiting = new Map(entries.map((entry) => [entry.txid, entry]));
  const ordered: MempoolEntry[] = [];
  const place = (entry: MempoolEntry): void => {
    if (!waiting.delete(entry.txid)) return;
    for (const parent of entry.parents) {
      const before = waiting.get(parent);
      if (before !== undefined) place(before);
    }
    ordered.push(entry);
  };
  for (const entry of entries) place(entry);
  return ordered;
}

function feesOf(chain: Chain, transactions: readonly Transaction[]): bigint {
  const made = new Map<string, Coin>();
  const standing = chain.next();
  let feesSat = 0n;
  for (const transaction of transactions) {
    const coins = collectCoins(transaction, (key) => made.get(key) ?? chain.coin(key));
    checkMaturity(coins, standing);
    feesSat += feeOf(transaction, coins);
    const txid = txidBytesOf(transaction);
    transaction.outputs.forEach((output, index) => {
      made.set(outpointKey(txid, index), { output, height: standing.height, isCoinbase: false });
    });
  }
  return feesSat;
}

function assemble(
  chain: Chain,
  clock: Clock,
  payTo: Uint8Array,
  rest: readonly Transaction[],
  feesSat: bigint,
  examine?: (block: Block) => void,
): MinedBlock {
  const { height, parent, network } = chain.next();
  const coinbaseWith = (commitment: Uint8Array): Transaction => ({
    version: 2,
    inputs: [
      {
        previousTxidBytes: new Uint8Array(32),
        previousIndex: NULL_INDEX,
        // BIP34's height, then the number of blocks known: two branches never make the same coinbase.
        scriptSig: concatBytes(pushNumber(height), pushNumber(chain.tree.size)),
        sequence: 0xffff_ffff,
        witness: [RESERVED],
      },
    ],
    outputs: [
      { amountSat: subsidySat(network, height) + feesSat, scriptPubKey: payTo },
      { amountSat: 0n, scriptPubKey: witnessCommitmentScript(commitment) },
    ],
    locktime: 0,
  });
  const commitment = witnessCommitmentOf([coinbaseWith(RESERVED), ...rest], RESERVED);
  const transactions = [coinbaseWith(commitment), ...rest];
  const header = {
    version: BLOCK_VERSION,
    previousHash: parent.hash,
    merkleRootBytes: merkleRoot(txidLeavesOf(transactions)),
    timeS: Math.max(medianTimeS(parent) + 1, Math.floor(clock.now() / 1000)),
    bits: network.genesis.bits,
    nonce: 0,
  };
  examine?.({ header, transactions });
  // Regtest's target takes two tries on average.
  for (let nonce = 0; ; nonce++) {
    const headed = { ...header, nonce };
    if (!hasProofOfWork(serializeHeader(headed), network)) continue;
    const bytes = serializeBlock({ header: headed, transactions });
    return { hash: blockHashOf(bytes), bytes };
  }
}
