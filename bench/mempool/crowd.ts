/** Makes as many valid unconfirmed transactions as wanted, without a signature: every coin belongs to a script that anyone satisfies. */
import { concatBytes, type Txid, txidToBytes } from "../../bitcoin/bytes.ts";
import { sha256 } from "../../bitcoin/hash.ts";
import { OP_1 } from "../../bitcoin/script/opcodes.ts";
import { compileScript, p2wshScript, pushNumber } from "../../bitcoin/script/script.ts";
import {
  serializeTransaction,
  type Transaction,
  type TransactionInput,
  txidOf,
} from "../../bitcoin/transaction.ts";
import { Randomness } from "../chain/randomness.ts";

export interface CrowdCoin {
  readonly txid: Txid;
  readonly index: number;
  readonly amountSat: bigint;
  /** Which of the scripts it is locked by. */
  readonly owner: number;
}

export interface CrowdTx {
  readonly txid: Txid;
  readonly rawTx: Uint8Array;
  readonly coins: readonly CrowdCoin[];
}

const OP_DROP = 0x75;
/** A transaction of standard size holds no more: 43 bytes each. */
const FAN_OUT = 2_200;
const RBF_SEQUENCE = 0xffff_fffd;
/** Of a hundred transactions so many spend an output of one before them, and one in ten of those goes on from a child. */
const CHILD_PERCENT = 15;
const FEERATES_SAT = [1, 1, 2, 2, 3, 5, 8, 13, 21, 55] as const;

/** `number` names the script; each has a hash of its own. */
export function crowdWitnessScript(number: number): Uint8Array {
  return concatBytes(pushNumber(number), compileScript([OP_DROP, OP_1]));
}

export function crowdScript(number: number): Uint8Array {
  return p2wshScript(sha256(crowdWitnessScript(number)));
}

/** Spends `coins` to these owners. */
export function crowdTx(
  coins: readonly CrowdCoin[],
  outputs: readonly { readonly owner: number; readonly amountSat: bigint }[],
): CrowdTx {
  const transaction: Transaction = {
    version: 2,
    inputs: coins.map(inputOf),
    outputs: outputs.map(({ owner, amountSat }) => ({ amountSat, scriptPubKey: crowdScript(owner) })),
    locktime: 0,
  };
  const txid = txidOf(transaction);
  return {
    txid,
    rawTx: serializeTransaction(transaction),
    coins: outputs.map(({ owner, amountSat }, index) => ({ txid, index, amountSat, owner })),
  };
}

/** Splits a coin into as many as fit into one transaction of standard size. */
export function fanOut(coin: CrowdCoin, firstOwner: number): CrowdTx {
  const feeSat = 500_000n;
  const eachSat = (coin.amountSat - feeSat) / BigInt(FAN_OUT);
  const outputs = Array.from({ length: FAN_OUT }, (_, i) => ({ owner: firstOwner + i, amountSat: eachSat }));
  return crowdTx([coin], outputs);
}

/** `count` transactions in an order in which a node takes them: two inputs and two outputs, some of them children of others. */
export function* crowd(coins: readonly CrowdCoin[], count: number, seed = 1): Generator<CrowdTx> {
  const random = new Randomness(seed);
  const fresh = coins[Symbol.iterator]();
  let owner = 1_000_000;
  let parents: CrowdCoin[] = [];
  for (let made = 0; made < count; made++) {
    const isChild = random.fraction() * 100 < CHILD_PERCENT;
    const inputs = [isChild ? parents.pop() : undefined, take(fresh), take(fresh)]
      .filter((coin) => coin !== undefined)
      .slice(0, 2);
    if (inputs.length === 0) return;
    const feerate = FEERATES_SAT[Math.floor(random.fraction() * FEERATES_SAT.length)] ?? 1;
    const inSat = inputs.reduce((sum, { amountSat }) => sum + amountSat, 0n);
    const feeSat = BigInt(feerate * 200 + Math.floor(random.fraction() * 50));
    const payingSat = (inSat - feeSat) / 3n;
    const tx = crowdTx(inputs, [
      { owner: owner++, amountSat: payingSat },
      { owner: owner++, amountSat: inSat - feeSat - payingSat },
    ]);
    // Chains stay far below the node's limit of 25.
    parents =
      isChild && random.fraction() > 0.1
        ? parents.slice(-1_000)
        : [...parents.slice(-1_000), tx.coins[1] as CrowdCoin];
    yield tx;
  }
}

function take(coins: Iterator<CrowdCoin>): CrowdCoin | undefined {
  const next = coins.next();
  return next.done === true ? undefined : next.value;
}

function inputOf(coin: CrowdCoin): TransactionInput {
  return {
    previousTxidBytes: txidToBytes(coin.txid),
    previousIndex: coin.index,
    scriptSig: new Uint8Array(0),
    sequence: RBF_SEQUENCE,
    witness: [crowdWitnessScript(coin.owner)],
  };
}
