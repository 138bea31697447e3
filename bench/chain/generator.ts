/** A made-up chain of realistic shape, the same for the same seed: blocks as bytes, with nothing signed and nothing mined. */

import { serializeBlock } from "../../bitcoin/block/block.ts";
import { genesisBlock } from "../../bitcoin/block/genesis.ts";
import { parseHeader, serializeHeader } from "../../bitcoin/block/header.ts";
import { merkleRoot } from "../../bitcoin/block/merkle.ts";
import { type BlockHash, blockHashFromBytes } from "../../bitcoin/bytes.ts";
import { sha256d } from "../../bitcoin/hash.ts";
import { regtest } from "../../bitcoin/network.ts";
import { Coins } from "./coins.ts";
import { Randomness } from "./randomness.ts";
import { TransactionWriter } from "./transaction-writer.ts";

export interface ChainShape {
  readonly seed: number;
  readonly transactions: number;
  readonly transactionsPerBlock: number;
  /** From this height on the chain is another one: two chains that differ in this share the blocks before it. */
  readonly branch?: { readonly height: number; readonly seed: number };
}

export interface MadeBlock {
  readonly hash: BlockHash;
  /** Valid until the next block is made. */
  readonly bytes: Uint8Array;
  readonly transactions: number;
}

const BLOCK_ROOM_BYTES = 16_000_000;
const FIRST_COINS = 2_000;
const SUBSIDY_SAT = 5_000_000_000;
const HEADER_BYTES = 80;
const SPACING_S = 600;

/** What a transaction does, by share of all; inputs and outputs are drawn between the bounds. */
const KINDS = [
  { share: 0.68, inputs: [1, 1], outputs: [2, 2], hasData: false, inscriptionBytes: 0 },
  { share: 0.14, inputs: [2, 3], outputs: [2, 2], hasData: false, inscriptionBytes: 0 },
  // a payout to many
  { share: 0.03, inputs: [1, 2], outputs: [8, 40], hasData: false, inscriptionBytes: 0 },
  // a consolidation
  { share: 0.05, inputs: [5, 35], outputs: [1, 1], hasData: false, inscriptionBytes: 0 },
  { share: 0.09, inputs: [1, 1], outputs: [1, 2], hasData: true, inscriptionBytes: 0 },
  { share: 0.01, inputs: [1, 1], outputs: [1, 1], hasData: false, inscriptionBytes: 3_000 },
] as const;

export function* madeChain(shape: ChainShape): Generator<MadeBlock> {
  const random = new Randomness(shape.seed);
  const coins = new Coins(random);
  const writer = new TransactionWriter(random, BLOCK_ROOM_BYTES);
  const genesis = serializeBlock(genesisBlock(regtest));
  let previous = sha256d(genesis.subarray(0, HEADER_BYTES));
  yield { hash: blockHashFromBytes(previous), bytes: genesis, transactions: 1 };
  const template = parseHeader(genesis.subarray(0, HEADER_BYTES));
  for (let made = 1, height = 1; made < shape.transactions; height++) {
    if (height === shape.branch?.height) random.reseed(shape.branch.seed);
    const count = Math.min(shape.transactionsPerBlock, shape.transactions - made);
    writer.begin(HEADER_BYTES, count);
    writeCoinbase(writer, coins, height);
    for (let i = 1; i < count; i++) writeSpend(writer, coins, random);
    const bytes = writer.finish();
    const header = serializeHeader({
      ...template,
      previousHash: blockHashFromBytes(previous),
      merkleRootBytes: merkleRoot(writer.txids),
      timeS: template.timeS + height * SPACING_S,
      nonce: height,
    });
    bytes.set(header);
    previous = sha256d(header);
    made += count;
    yield { hash: blockHashFromBytes(previous), bytes, transactions: count };
  }
}

function writeCoinbase(writer: TransactionWriter, coins: Coins, height: number): void {
  const outputs = height === 1 ? FIRST_COINS : 1;
  writer.beginTransaction(false);
  writer.coinbaseInput(height);
  writer.outputCount(outputs);
  for (let i = 0; i < outputs; i++) {
    coins.note(i, coins.drawOwner(), SUBSIDY_SAT);
    writer.payment(coins.lastOwner, SUBSIDY_SAT);
  }
  coins.settle(writer.endTransaction());
}

function writeSpend(writer: TransactionWriter, coins: Coins, random: Randomness): void {
  const kind = drawKind(random.fraction());
  const inputs = Math.min(random.between(kind.inputs), coins.count - 1);
  const outputs = random.between(kind.outputs);
  const spent = Array.from({ length: inputs }, () => coins.take());
  const hasWitness = kind.inscriptionBytes > 0 || spent.some(({ owner }) => writer.hasWitness(owner));
  let sumSat = spent.reduce((sum, { amountSat }) => sum + amountSat, 0);
  writer.beginTransaction(hasWitness);
  writer.inputCount(inputs);
  for (const coin of spent) writer.input(coin.txid, coin.index, coin.owner);
  writer.outputCount(outputs + (kind.hasData ? 1 : 0));
  for (let i = 0; i < outputs; i++) {
    const amountSat = i === outputs - 1 ? sumSat : Math.floor((sumSat * random.fraction()) / outputs);
    sumSat -= amountSat;
    coins.note(i, coins.drawOwner(), amountSat);
    writer.payment(coins.lastOwner, amountSat);
  }
  if (kind.hasData) writer.dataOutput();
  if (hasWitness) {
    spent.forEach(({ owner }, i) => {
      writer.witness(owner, i === 0 ? kind.inscriptionBytes : 0);
    });
  }
  coins.settle(writer.endTransaction());
}

function drawKind(fraction: number): (typeof KINDS)[number] {
  let left = fraction;
  for (const kind of KINDS) {
    left -= kind.share;
    if (left < 0) return kind;
  }
  return KINDS[0];
}
