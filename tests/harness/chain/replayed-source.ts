/** A chain of raw blocks that a test replaces as it likes, served as a node would serve it; blocks that left it stay known. */
import type { BlockSource, SourceTip } from "../../../actors/indexer/sync/block-source.ts";
import { type Block, parseBlock } from "../../../bitcoin/block/block.ts";
import { blockHashOf, HEADER_LENGTH_BYTES } from "../../../bitcoin/block/header.ts";
import { type BlockHash, bytesToHex, txidFromBytes } from "../../../bitcoin/bytes.ts";
import {
  isCoinbase,
  serializeTransaction,
  type Transaction,
  type TransactionOutput,
  txidOf,
} from "../../../bitcoin/transaction.ts";
import type { TransactionInBlock } from "../../../bitcoind/questions/raw-transactions.ts";
import { ChangeSignal } from "./change-signal.ts";

export class ReplayedSource implements BlockSource {
  readonly #known = new Map<BlockHash, { readonly bytes: Uint8Array; readonly block: Block }>();
  readonly #outputs = new Map<string, TransactionOutput>();
  #chain: BlockHash[] = [];
  readonly #signal = new ChangeSignal();

  constructor(blocks: readonly Uint8Array[]) {
    this.replace(blocks);
  }

  /** From the genesis block on. */
  replace(blocks: readonly Uint8Array[]): void {
    this.#chain = blocks.map((bytes) => this.#learn(bytes));
    this.#signal.changed();
  }

  get height(): number {
    return this.#chain.length - 1;
  }

  /** The output that any block known here made. */
  output(txid: string, index: number): TransactionOutput | undefined {
    return this.#outputs.get(`${txid}:${index}`);
  }

  async tip(): Promise<SourceTip> {
    return { height: this.height, hash: this.#chain.at(-1) as BlockHash };
  }

  async overrules(): Promise<boolean> {
    return true;
  }

  async headersAfter(after: BlockHash | undefined, countMax: number): Promise<Uint8Array | undefined> {
    const height = after === undefined ? -1 : this.#chain.indexOf(after);
    if (height < 0 && after !== undefined) return undefined;
    const hashes = this.#chain.slice(height + 1, height + 1 + countMax);
    return Buffer.concat(hashes.map((hash) => this.#bytes(hash).subarray(0, HEADER_LENGTH_BYTES)));
  }

  async *blocks(hashes: readonly BlockHash[]): AsyncGenerator<Uint8Array> {
    for (const hash of hashes) yield this.#bytes(hash);
  }

  async spentScripts(hash: BlockHash): Promise<readonly Uint8Array[]> {
    const spending = this.#known.get(hash)?.block.transactions.filter((one) => !isCoinbase(one)) ?? [];
    return spending.flatMap(({ inputs }) =>
      inputs.map(({ previousTxidBytes, previousIndex }) => {
        const output = this.output(txidFromBytes(previousTxidBytes), previousIndex);
        return output?.scriptPubKey ?? new Uint8Array(0);
      }),
    );
  }

  async rawTransactions(wanted: readonly TransactionInBlock[]): Promise<readonly (string | undefined)[]> {
    return wanted.map(({ txid, block }) => {
      const found = this.#known.get(block)?.block.transactions.find((one) => txidOf(one) === txid);
      return found === undefined ? undefined : bytesToHex(serializeTransaction(found));
    });
  }

  waitForChange(timeoutMs: number, signal: AbortSignal): Promise<void> {
    return this.#signal.wait(timeoutMs, signal);
  }

  /** Outputs of a transaction that is in no block yet. */
  learnOutputs(transaction: Transaction): void {
    const txid = txidOf(transaction);
    transaction.outputs.forEach((output, index) => {
      this.#outputs.set(`${txid}:${index}`, output);
    });
  }

  #learn(bytes: Uint8Array): BlockHash {
    const hash = blockHashOf(bytes);
    if (this.#known.has(hash)) return hash;
    const block = parseBlock(bytes);
    for (const transaction of block.transactions) this.learnOutputs(transaction);
    this.#known.set(hash, { bytes, block });
    return hash;
  }

  #bytes(hash: BlockHash): Uint8Array {
    return this.#known.get(hash)?.bytes as Uint8Array;
  }
}
