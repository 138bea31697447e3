/** Every question about the chain, answered from one snapshot of the store: nothing here waits or writes. */

import { merkleBranch } from "../../../bitcoin/block/merkle.ts";
import {
  type BlockHash,
  blockHashFromBytes,
  compareBytes,
  equalBytes,
  HASH_LENGTH_BYTES,
  type ScriptHash,
  scriptHashToBytes,
  type Txid,
  txidFromBytes,
  txidToBytes,
} from "../../../bitcoin/bytes.ts";
import { sha256d } from "../../../bitcoin/hash.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import type { IndexerFailure } from "../errors.ts";
import { AMOUNT_AT, FUNDING, SPENDING, TRANSACTION, txNumberAt, VOUT_AT } from "../rows/layout.ts";
import { addIndexToKey, KEY_VALUE_BYTES, type RowKeys } from "../rows/row-key.ts";
import type { Snapshot } from "../store/snapshot.ts";
import type { HeaderTree } from "./header-tree.ts";
import type { Heights } from "./heights.ts";
import { Lookup } from "./lookup.ts";

export interface Tip {
  readonly height: number;
  readonly hash: BlockHash;
  readonly txCount: number;
}

export interface HistoryEntry {
  readonly txid: Txid;
  readonly height: number;
}

export interface Unspent {
  readonly txid: Txid;
  readonly index: number;
  readonly height: number;
  readonly amountSat: number;
}

export interface TransactionPlace {
  readonly height: number;
  readonly position: number;
  readonly blockHash: BlockHash;
}

export interface Spender {
  readonly txid: Txid;
  readonly height: number;
}

export interface Outpoint {
  readonly txid: Txid;
  readonly index: number;
}

export interface MerkleProof {
  readonly height: number;
  readonly position: number;
  /** Display order, from the leaf upwards. */
  readonly branch: readonly string[];
}

export interface HeaderProof {
  readonly root: string;
  readonly branch: readonly string[];
}

/** What queries keep from one snapshot to the next, in one thread. */
export interface QueryMemory {
  readonly keys: RowKeys;
  readonly heights: Heights;
  readonly headerTree: HeaderTree;
}

interface Output {
  readonly txNumber: number;
  readonly index: number;
  readonly amountSat: number;
  readonly txid: Uint8Array;
  /** The number of the transaction that spends it. */
  spender: number | undefined;
}

export class Queries {
  readonly #view: Snapshot;
  readonly #memory: QueryMemory;
  readonly #lookup: Lookup;

  constructor(view: Snapshot, memory: QueryMemory) {
    this.#view = view;
    this.#memory = memory;
    this.#lookup = new Lookup(view);
    memory.heights.follow(view);
  }

  tip(): Tip | undefined {
    const { height, tipHash, txCount } = this.#view.state;
    return tipHash === undefined ? undefined : { height, hash: tipHash, txCount };
  }

  /** Confirmed transactions that pay or spend the script, in the order of the chain. */
  history(scriptHash: ScriptHash, limit: number): HistoryEntry[] {
    const numbers = new Set<number>();
    for (const { txNumber, spender } of this.#outputsOf(scriptHash, limit)) {
      numbers.add(txNumber);
      if (spender !== undefined) numbers.add(spender);
      if (numbers.size > limit) throw tooMany(limit);
    }
    return [...numbers].sort((a, b) => a - b).map((number) => this.#entryOf(number));
  }

  /** Outputs that pay the script and are not spent in a block, in the order of the chain. */
  unspent(scriptHash: ScriptHash, limit: number): Unspent[] {
    return this.#unspentOf(scriptHash, limit).map(({ txNumber, index, amountSat, txid }) => ({
      txid: txidFromBytes(txid),
      index,
      height: this.#memory.heights.heightOf(txNumber),
      amountSat,
    }));
  }

  balanceSat(scriptHash: ScriptHash, limit: number): number {
    return this.#unspentOf(scriptHash, limit).reduce((sum, { amountSat }) => sum + amountSat, 0);
  }

  /** Where a transaction stands. Of two with one id (BIP30 names them) the later. */
  place(txid: Txid): TransactionPlace | undefined {
    const number = this.#numberOf(txidToBytes(txid));
    if (number === undefined) return undefined;
    const height = this.#memory.heights.heightOf(number);
    return {
      height,
      position: number - this.#view.txCountThrough(height - 1),
      blockHash: this.#blockHash(height),
    };
  }

  /** The transaction that spends an output. */
  spender(outpoint: Outpoint): Spender | undefined {
    const txid = txidToBytes(outpoint.txid);
    const [number] = this.#spendersOf([{ txid, index: outpoint.index, txNumber: 0 }]);
    return number === undefined ? undefined : this.#entryOf(number);
  }

  /** The id of the transaction at a place in a block. */
  txidAt(height: number, position: number): Txid {
    const first = this.#firstNumberOf(height);
    if (position < 0 || first + position >= this.#view.txCountThrough(height)) {
      throw outOfRange(`there is no transaction ${position} in the block at height ${height}`);
    }
    return txidFromBytes(this.#view.txids(first + position, 1));
  }

  /** The ids of all transactions of a block, 32 bytes each in raw order. */
  blockTxids(height: number): Uint8Array {
    const first = this.#firstNumberOf(height);
    return this.#view.txids(first, this.#view.txCountThrough(height) - first);
  }

  /** Proof that the transaction at a place stands in its block. */
  merkleProof(height: number, position: number): MerkleProof {
    const txids = this.blockTxids(height);
    if (position < 0 || position * HASH_LENGTH_BYTES >= txids.length) {
      throw outOfRange(`there is no transaction ${position} in the block at height ${height}`);
    }
    return { height, position, branch: displayed(merkleBranch(txids, position)) };
  }

  /** Headers from a height on, as many as there are up to `countMax`, 80 bytes each. */
  headers(height: number, countMax: number): Uint8Array {
    const count = Math.max(0, Math.min(countMax, this.#view.state.height + 1 - height));
    return this.#view.headers(count === 0 ? 0 : height, count);
  }

  /** Proof that the header at a height is among those up to `checkpointHeight`. */
  headerProof(height: number, checkpointHeight: number): HeaderProof {
    if (height < 0 || height > checkpointHeight || checkpointHeight > this.#view.state.height) {
      throw outOfRange(`no header ${height} below checkpoint ${checkpointHeight}`);
    }
    const { root, branch } = this.#memory.headerTree.proof(this.#view, height, checkpointHeight);
    return { root: displayed([root])[0] as string, branch: displayed(branch) };
  }

  #unspentOf(scriptHash: ScriptHash, limit: number): Output[] {
    const coins = new Map<string, Output>();
    for (const output of this.#outputsOf(scriptHash, limit)) {
      // Of two transactions with one id the later took the place of the earlier: there is one coin.
      if (output.spender === undefined) coins.set(`${txidFromBytes(output.txid)}:${output.index}`, output);
    }
    return [...coins.values()].sort((a, b) => a.txNumber - b.txNumber || a.index - b.index);
  }

  /** Everything that ever paid the script, with what spent it. */
  #outputsOf(scriptHash: ScriptHash, limit: number): Output[] {
    const key = this.#memory.keys.of(scriptHashToBytes(scriptHash), 1).subarray(0, FUNDING.keyBytes);
    const outputs: Output[] = [];
    this.#lookup.rows(FUNDING, key, (row) => {
      if (outputs.length > limit) throw tooMany(limit);
      const txNumber = txNumberAt(row, FUNDING.txNumberAt);
      outputs.push({
        txNumber,
        index:
          ((row[VOUT_AT] as number) << 16) |
          ((row[VOUT_AT + 1] as number) << 8) |
          (row[VOUT_AT + 2] as number),
        amountSat: amountAt(row),
        txid: this.#view.txids(txNumber, 1),
        spender: undefined,
      });
      return true;
    });
    this.#spendersOf(outputs).forEach((spender, i) => {
      (outputs[i] as Output).spender = spender;
    });
    return outputs;
  }

  /** By output, the number of the transaction that spends it. Looked up in the order of the keys, which is that of the disk. */
  #spendersOf(
    outputs: readonly { readonly txid: Uint8Array; readonly index: number; readonly txNumber: number }[],
  ): (number | undefined)[] {
    const txids = new Uint8Array(outputs.length * HASH_LENGTH_BYTES);
    outputs.forEach(({ txid }, i) => {
      txids.set(txid, i * HASH_LENGTH_BYTES);
    });
    const values = this.#memory.keys.of(txids, outputs.length);
    const keys = outputs.map(({ index }, i) => {
      const key = values.subarray(i * KEY_VALUE_BYTES, i * KEY_VALUE_BYTES + SPENDING.keyBytes);
      addIndexToKey(key, 0, index);
      return { i, key };
    });
    keys.sort((a, b) => compareBytes(a.key, b.key));
    const spenders: (number | undefined)[] = new Array(outputs.length).fill(undefined);
    for (const { i, key } of keys) {
      const { txNumber } = outputs[i] as { txNumber: number };
      this.#lookup.rows(
        SPENDING,
        key,
        (row) => {
          const spender = txNumberAt(row, SPENDING.txNumberAt);
          if (spender <= txNumber) return true; // nothing is spent before it exists: another output's key
          spenders[i] = spender;
          return false;
        },
        txNumber,
      );
    }
    return spenders;
  }

  #numberOf(txid: Uint8Array): number | undefined {
    const key = this.#memory.keys.of(txid, 1).subarray(0, TRANSACTION.keyBytes);
    let number: number | undefined;
    this.#lookup.rows(TRANSACTION, key, (row) => {
      const candidate = txNumberAt(row, TRANSACTION.txNumberAt);
      if (equalBytes(this.#view.txids(candidate, 1), txid)) number = candidate;
      return true;
    });
    return number;
  }

  #entryOf(txNumber: number): HistoryEntry {
    return {
      txid: txidFromBytes(this.#view.txids(txNumber, 1)),
      height: this.#memory.heights.heightOf(txNumber),
    };
  }

  #firstNumberOf(height: number): number {
    if (height < 0 || height > this.#view.state.height) {
      throw outOfRange(`there is no block at height ${height}; the tip is ${this.#view.state.height}`);
    }
    return this.#view.txCountThrough(height - 1);
  }

  #blockHash(height: number): BlockHash {
    return blockHashFromBytes(sha256d(this.#view.headers(height, 1)));
  }
}

/** Amounts on the chain are below 2^53. */
function amountAt(row: Uint8Array): number {
  let amount = 0;
  for (let i = 0; i < 8; i++) amount = amount * 256 + (row[AMOUNT_AT + i] as number);
  return amount;
}

function displayed(hashes: readonly Uint8Array[]): string[] {
  return hashes.map((hash) => txidFromBytes(hash));
}

function tooMany(limit: number): TroupeError {
  return new TroupeError<IndexerFailure>(
    { code: "INDEXER_TOO_MANY", limit },
    `the script has more than ${limit} entries; ask with a larger limit`,
  );
}

function outOfRange(what: string): TroupeError {
  return new TroupeError<IndexerFailure>({ code: "INDEXER_RANGE", what }, what);
}
