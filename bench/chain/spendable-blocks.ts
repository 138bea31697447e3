/** Blocks that a regtest node accepts, made without a key: each output is anybody's, and has a script of its own. */
import { serializeBlock } from "../../bitcoin/block/block.ts";
import { genesisBlock } from "../../bitcoin/block/genesis.ts";
import { hasProofOfWork, serializeHeader } from "../../bitcoin/block/header.ts";
import { merkleRoot } from "../../bitcoin/block/merkle.ts";
import { type BlockHash, blockHashFromBytes, bytesToHex } from "../../bitcoin/bytes.ts";
import { sha256d } from "../../bitcoin/hash.ts";
import { regtest, subsidySat } from "../../bitcoin/network.ts";
import { compileScript, pushBytes, pushNumber } from "../../bitcoin/script/script.ts";
import { type Transaction, txidBytesOf } from "../../bitcoin/transaction.ts";

export interface SpendableBlock {
  readonly hash: BlockHash;
  readonly hex: string;
  readonly height: number;
  readonly parent: SpendableBlock | undefined;
  readonly coinbaseTxid: Uint8Array;
}

const MATURITY_BLOCKS = 100;
const NULL_INDEX = 0xffff_ffff;
const OP_DROP = 0x75;
const OP_TRUE = 0x51;
/** A node believes that it is up to date when its tip is of today; only then it tells of new blocks. */
const AGE_S = 7_200;
const BLOCK_VERSION = 0x2000_0000;

export class SpendableChain {
  /** Each block but the first hundred spends as many outputs, each in a transaction with two new ones. */
  readonly #transactions: number;
  #made = 0;
  readonly #startS = Math.floor(Date.now() / 1_000) - AGE_S;

  constructor(transactions: number) {
    this.#transactions = transactions;
  }

  /** `count` blocks that follow `parent` (the genesis block, where there is none); no two calls make the same. */
  blocks(parent: SpendableBlock | undefined, count: number): SpendableBlock[] {
    const blocks: SpendableBlock[] = [];
    for (let last = parent; blocks.length < count; blocks.push(last)) last = this.#next(last);
    return blocks;
  }

  #next(parent: SpendableBlock | undefined): SpendableBlock {
    const genesis = genesisBlock(regtest).header;
    const height = (parent?.height ?? 0) + 1;
    const coinbase = this.#coinbase(height);
    const mature = ancestor(parent, height - MATURITY_BLOCKS);
    const spends = mature === undefined ? [] : this.#spends(mature);
    const transactions = [coinbase, ...spends];
    const leaves = Buffer.concat(transactions.map((transaction) => txidBytesOf(transaction)));
    const header = {
      version: BLOCK_VERSION,
      previousHash: parent?.hash ?? regtest.genesis.hash,
      merkleRootBytes: merkleRoot(leaves),
      timeS: this.#startS + height,
      bits: genesis.bits,
      nonce: 0,
    };
    while (!hasProofOfWork(serializeHeader(header), regtest)) header.nonce += 1;
    const bytes = serializeBlock({ header, transactions });
    return {
      hash: blockHashFromBytes(sha256d(bytes.subarray(0, 80))),
      hex: bytesToHex(bytes),
      height,
      parent,
      coinbaseTxid: txidBytesOf(coinbase),
    };
  }

  #coinbase(height: number): Transaction {
    const amountSat = subsidySat(regtest, height) / BigInt(this.#transactions);
    const tag = Buffer.alloc(8);
    tag.writeUInt32LE(this.#made++);
    return {
      version: 2,
      inputs: [
        {
          previousTxidBytes: new Uint8Array(32),
          previousIndex: NULL_INDEX,
          scriptSig: Buffer.concat([pushNumber(height), pushBytes(tag)]),
          sequence: 0xffff_ffff,
          witness: [],
        },
      ],
      outputs: Array.from({ length: this.#transactions }, () => this.#output(amountSat)),
      locktime: 0,
    };
  }

  #spends({ coinbaseTxid, height }: SpendableBlock): Transaction[] {
    const amountSat = subsidySat(regtest, height) / BigInt(this.#transactions) / 2n;
    return Array.from({ length: this.#transactions }, (_, index) => ({
      version: 2,
      inputs: [
        {
          previousTxidBytes: coinbaseTxid,
          previousIndex: index,
          scriptSig: new Uint8Array(0),
          sequence: 0xffff_ffff,
          witness: [],
        },
      ],
      outputs: [this.#output(amountSat), this.#output(amountSat)],
      locktime: 0,
    }));
  }

  #output(amountSat: bigint) {
    const tag = Buffer.alloc(8);
    tag.writeUInt32LE(this.#made++);
    return { amountSat, scriptPubKey: compileScript([tag, OP_DROP, OP_TRUE]) };
  }
}

function ancestor(block: SpendableBlock | undefined, height: number): SpendableBlock | undefined {
  let at = block;
  while (at !== undefined && at.height > height) at = at.parent;
  return at?.height === height ? at : undefined;
}
