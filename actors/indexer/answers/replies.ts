/** The replies to the contract's requests, as JSON in bytes: no object for a row, no check against schemas that hold by construction. */
import { type BlockHash, blockHashFromBytes, HASH_LENGTH_BYTES } from "../../../bitcoin/bytes.ts";
import { PACKED_ENTRY_BYTES, packHead } from "../../../bus/contracts/indexer/packed-history.ts";
import { INDEXER_SETTLED_BLOCKS, type IndexedTip } from "../../../bus/contracts/indexer.ts";
import type { Steps } from "../lookup/steps.ts";
import type { Reading } from "../queries/memory.ts";
import { Outputs } from "../queries/outputs.ts";
import {
  blockTxids,
  branchOf,
  headerProof,
  headersFrom,
  NOWHERE,
  numberAt,
  numbersOf,
  rawHashes,
} from "../queries/queries.ts";
import { sorted } from "../queries/sorted.ts";
import { spendersOf, UNSPENT } from "../queries/spenders.ts";
import type { StoredTransactions } from "../queries/stored-transactions.ts";
import { json, ReplyWriter } from "./reply-writer.ts";

interface Scripts {
  readonly scripthashes: readonly string[];
  readonly limit: number;
}
interface BoundedScripts extends Scripts {
  readonly totalMax?: number | undefined;
}
interface OneScript {
  readonly scripthash: string;
  readonly after?: IndexedTip | undefined;
  readonly limit: number;
}
interface ProvablePlace {
  readonly height: number;
  readonly position: number;
  readonly isProved: boolean;
}
interface Txids {
  readonly txids: readonly string[];
}

/** In hex; null where no block has it; else the block that the node has to be asked with. */
export type RawTransaction = string | null | { readonly block: BlockHash };

const ENTRIES_PER_STEP = 512;
/** Around a reply's results, and of one entry of each kind: enough for most, so that the writer seldom grows. */
const FRAME_BYTES = 160;
const HISTORY_ENTRY_BYTES = 98;
const UNSPENT_ENTRY_BYTES = 140;
const PLACE_BYTES = 140;
const BRANCH_BYTES = 1_024;

const TIP = json('{"tip":');
const HEIGHT_OPENS = json('{"height":');
const HASH = json(',"hash":');
const TX_COUNT = json(',"txCount":');
const RESULTS = json(',"results":[');
const RESULTS_OPEN = json('{"results":[');
const CLOSE = json("}");
const CLOSE_ALL = json("]}");
const OPEN_LIST = json("[");
const CLOSE_LIST = json("]");
const NULL = json("null");
const TXID_OPENS = json('{"txid":');
const HEIGHT = json(',"height":');
const INDEX = json(',"index":');
const AMOUNT = json(',"amountSat":');
const POSITION = json(',"position":');
const BLOCK_HASH = json(',"blockHash":');
const BRANCH = json(',"branch":[');
const NO_BRANCH = json(',"branch":null');
const TXIDS_OPEN = json('{"txids":[');
const COUNT_OPENS = json('{"count":');
const HEX = json(',"hex":');
const PROOF = json(',"proof":{"root":');
const IS_SYNCED = json(',"isSynced":true}');
const IS_NOT_SYNCED = json(',"isSynced":false}');

export class Replies {
  readonly #reading: Reading;

  constructor(reading: Reading) {
    this.#reading = reading;
  }

  // biome-ignore lint/correctness/useYield: it is one step
  *tip(isSynced: boolean): Steps<Uint8Array> {
    const { state } = this.#reading.view;
    const out = new ReplyWriter(FRAME_BYTES);
    out.write(TIP);
    this.#tip(out, state.txCount);
    out.write(isSynced ? IS_SYNCED : IS_NOT_SYNCED);
    return out.finish();
  }

  *histories({
    scripthashes,
    limit,
    totalMax = Number.POSITIVE_INFINITY,
  }: BoundedScripts): Steps<Uint8Array> {
    const outputs = yield* Outputs.of(this.#reading, rawHashes(scripthashes), limit);
    const spenders = yield* spendersOf(this.#reading, outputs);
    const out = new ReplyWriter(FRAME_BYTES + outputs.count * 2 * HISTORY_ENTRY_BYTES);
    this.#openResults(out);
    let room = totalMax;
    for (let script = 0; script < scripthashes.length; script++) {
      out.separate(script);
      const numbers = yield* this.#numbersOf(outputs, spenders, script);
      if (outputs.isTooMany[script] === 1 || numbers.length > Math.min(limit, room)) {
        out.write(NULL);
        continue;
      }
      room -= numbers.length;
      yield* this.#history(out, numbers);
    }
    out.write(CLOSE_ALL);
    return out.finish();
  }

  *history({ scripthash, after, limit }: OneScript): Steps<Uint8Array> {
    const { heights, txids, view } = this.#reading;
    const { height } = view.state;
    const isKnown = after !== undefined && this.#blockAt(after.height)?.hash === after.hash;
    const firstNumber = isKnown ? heights.txCountBelow(after.height + 1) : 0;
    const outputs = yield* Outputs.of(this.#reading, rawHashes([scripthash]), limit);
    const spenders = yield* spendersOf(this.#reading, outputs, firstNumber);
    const all = yield* this.#numbersOf(outputs, spenders, 0);
    const numbers = all.subarray(firstAtLeast(all, firstNumber));
    const isTooMany = outputs.isTooMany[0] === 1 || numbers.length > limit;
    const head = packHead({
      tip: this.#blockAt(height) ?? null,
      settled: this.#blockAt(Math.max(0, height - INDEXER_SETTLED_BLOCKS)) ?? null,
      isWhole: !isKnown,
      isTooMany,
    });
    const count = isTooMany ? 0 : numbers.length;
    const bytes = Buffer.allocUnsafe(head.length + count * PACKED_ENTRY_BYTES);
    head.copy(bytes);
    for (let i = 0, at = head.length; i < count; i++, at += PACKED_ENTRY_BYTES) {
      const number = numbers[i] as number;
      txids.copy(view, number, bytes, at);
      bytes.subarray(at, at + HASH_LENGTH_BYTES).reverse();
      bytes.writeUInt32BE(heights.heightOf(number), at + HASH_LENGTH_BYTES);
      if ((i + 1) % ENTRIES_PER_STEP === 0) yield;
    }
    return bytes;
  }

  *unspents({ scripthashes, limit, totalMax = Number.POSITIVE_INFINITY }: BoundedScripts): Steps<Uint8Array> {
    const outputs = yield* Outputs.of(this.#reading, rawHashes(scripthashes), limit);
    const spenders = yield* spendersOf(this.#reading, outputs);
    const out = new ReplyWriter(FRAME_BYTES + outputs.count * UNSPENT_ENTRY_BYTES);
    const { heights } = this.#reading;
    this.#openResults(out);
    let room = totalMax;
    for (let script = 0; script < scripthashes.length; script++) {
      out.separate(script);
      const coins = outputs.isTooMany[script] === 1 ? undefined : yield* coinsOf(outputs, spenders, script);
      if (coins === undefined || coins.length > room) {
        out.write(NULL);
        continue;
      }
      room -= coins.length;
      out.write(OPEN_LIST);
      let written = 0;
      for (const i of coins) {
        out.separate(written++);
        out.write(TXID_OPENS);
        out.hash(outputs.txids, i * HASH_LENGTH_BYTES);
        out.write(INDEX);
        out.number(outputs.indexes[i] as number);
        out.write(HEIGHT);
        out.number(heights.heightOf(outputs.txNumbers[i] as number));
        out.write(AMOUNT);
        out.number(outputs.amountsSat[i] as number);
        out.write(CLOSE);
        if (written % ENTRIES_PER_STEP === 0) yield;
      }
      out.write(CLOSE_LIST);
    }
    out.write(CLOSE_ALL);
    return out.finish();
  }

  *balances({ scripthashes, limit }: Scripts): Steps<Uint8Array> {
    const outputs = yield* Outputs.of(this.#reading, rawHashes(scripthashes), limit);
    const spenders = yield* spendersOf(this.#reading, outputs);
    const out = new ReplyWriter(FRAME_BYTES + scripthashes.length * 20);
    this.#openResults(out);
    for (let script = 0; script < scripthashes.length; script++) {
      out.separate(script);
      if (outputs.isTooMany[script] === 1) {
        out.write(NULL);
        continue;
      }
      let sumSat = 0;
      for (const i of yield* coinsOf(outputs, spenders, script)) sumSat += outputs.amountsSat[i] as number;
      out.number(sumSat);
    }
    out.write(CLOSE_ALL);
    return out.finish();
  }

  *places({ txids }: Txids): Steps<Uint8Array> {
    const reading = this.#reading;
    const numbers = yield* numbersOf(reading, rawHashes(txids));
    const out = new ReplyWriter(FRAME_BYTES + txids.length * PLACE_BYTES);
    this.#openResults(out);
    for (let i = 0; i < txids.length; i++) {
      out.separate(i);
      const number = numbers[i] as number;
      if (number === NOWHERE) {
        out.write(NULL);
        continue;
      }
      const height = this.#place(out, number);
      out.write(BLOCK_HASH);
      out.hash(reading.blocks.hash(reading.view, height));
      out.write(CLOSE);
    }
    out.write(CLOSE_ALL);
    return out.finish();
  }

  *spenders(outpoints: readonly { readonly txid: string; readonly index: number }[]): Steps<Uint8Array> {
    const count = outpoints.length;
    const spenders = yield* spendersOf(this.#reading, {
      count,
      txids: rawHashes(outpoints.map(({ txid }) => txid)),
      indexes: Uint32Array.from(outpoints, ({ index }) => index),
      txNumbers: new Float64Array(count).fill(-1),
    });
    const out = new ReplyWriter(FRAME_BYTES + count * HISTORY_ENTRY_BYTES);
    this.#openResults(out);
    for (let i = 0; i < count; i++) {
      out.separate(i);
      const spender = spenders[i] as number;
      if (spender === UNSPENT) out.write(NULL);
      else this.#entry(out, spender);
    }
    out.write(CLOSE_ALL);
    return out.finish();
  }

  *merkleProofs({ txids }: Txids): Steps<Uint8Array> {
    const numbers = yield* numbersOf(this.#reading, rawHashes(txids));
    const out = new ReplyWriter(FRAME_BYTES + txids.length * BRANCH_BYTES);
    out.write(RESULTS_OPEN);
    for (let i = 0; i < txids.length; i++) {
      out.separate(i);
      const number = numbers[i] as number;
      if (number === NOWHERE) {
        out.write(NULL);
        continue;
      }
      const height = this.#place(out, number);
      this.#branch(out, height, number - this.#reading.heights.txCountBelow(height));
      out.write(CLOSE);
      // The tree of a block that is not known takes milliseconds.
      yield;
    }
    out.write(CLOSE_ALL);
    return out.finish();
  }

  *transactionsAt(places: readonly ProvablePlace[]): Steps<Uint8Array> {
    const { txids, view } = this.#reading;
    const out = new ReplyWriter(FRAME_BYTES + places.length * PLACE_BYTES);
    out.write(RESULTS_OPEN);
    for (const [i, { height, position, isProved }] of places.entries()) {
      out.separate(i);
      const number = numberAt(this.#reading, height, position);
      if (number === NOWHERE) {
        out.write(NULL);
        continue;
      }
      out.write(TXID_OPENS);
      const at = txids.locate(view, number);
      out.hash(txids.bytes, at);
      if (isProved) this.#branch(out, height, position);
      else out.write(NO_BRANCH);
      out.write(CLOSE);
      // The tree of a block that is not known takes milliseconds.
      if (isProved) yield;
    }
    out.write(CLOSE_ALL);
    return out.finish();
  }

  *blockTxids(height: number): Steps<Uint8Array> {
    const txids = blockTxids(this.#reading, height);
    const count = txids.length / HASH_LENGTH_BYTES;
    const out = new ReplyWriter(FRAME_BYTES + count * (2 * HASH_LENGTH_BYTES + 3));
    out.write(TXIDS_OPEN);
    for (let i = 0; i < count; i++) {
      out.separate(i);
      out.hash(txids, i * HASH_LENGTH_BYTES);
      if ((i + 1) % ENTRIES_PER_STEP === 0) yield;
    }
    out.write(CLOSE_ALL);
    return out.finish();
  }

  *headers(height: number, count: number, checkpointHeight: number | undefined): Steps<Uint8Array> {
    const headers = headersFrom(this.#reading, height, count);
    const given = headers.length / 80;
    const out = new ReplyWriter(FRAME_BYTES + 2 * headers.length);
    out.write(COUNT_OPENS);
    out.number(given);
    out.write(HEX);
    out.hex(headers);
    if (checkpointHeight !== undefined && given > 0) {
      const { root, branch } = yield* headerProof(this.#reading, height + given - 1, checkpointHeight);
      out.write(PROOF);
      out.hash(root);
      out.write(BRANCH);
      writeHashes(out, branch);
      out.write(CLOSE_ALL);
    }
    out.write(CLOSE);
    return out.finish();
  }

  /** What the node's files on this machine give of the transactions, and the blocks that hold the others, for those who ask the node. */
  *rawTransactions({ txids }: Txids, stored: StoredTransactions | undefined): Steps<RawTransaction[]> {
    const { blocks, view, heights } = this.#reading;
    const numbers = yield* numbersOf(this.#reading, rawHashes(txids));
    const found: RawTransaction[] = [];
    for (const number of numbers) {
      if (number === NOWHERE) {
        found.push(null);
        continue;
      }
      const height = heights.heightOf(number);
      const bytes = stored?.read(this.#reading, number, height);
      found.push(
        bytes === undefined
          ? { block: blockHashFromBytes(blocks.hash(view, height)) }
          : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex"),
      );
      // A disk may take milliseconds for each.
      if (bytes !== undefined) yield;
    }
    return found;
  }

  #blockAt(height: number): IndexedTip | undefined {
    const { view, blocks } = this.#reading;
    if (height < 0 || height > view.state.height) return undefined;
    return { height, hash: blockHashFromBytes(blocks.hash(view, height)) };
  }

  #openResults(out: ReplyWriter): void {
    out.write(TIP);
    this.#tip(out);
    out.write(RESULTS);
  }

  #tip(out: ReplyWriter, txCount?: number): void {
    const { view, blocks } = this.#reading;
    const { height } = view.state;
    if (height < 0) {
      out.write(NULL);
      return;
    }
    out.write(HEIGHT_OPENS);
    out.number(height);
    out.write(HASH);
    out.hash(blocks.hash(view, height));
    if (txCount !== undefined) {
      out.write(TX_COUNT);
      out.number(txCount);
    }
    out.write(CLOSE);
  }

  /** The different transactions of a script's history, in the order of the chain. */
  *#numbersOf(outputs: Outputs, spenders: Float64Array, script: number): Steps<Float64Array> {
    const start = outputs.starts[script] as number;
    const end = outputs.ends[script] as number;
    const all = new Float64Array(2 * (end - start));
    let count = 0;
    for (let i = start; i < end; i++) {
      all[count++] = outputs.txNumbers[i] as number;
      const spender = spenders[i] as number;
      if (spender !== UNSPENT) all[count++] = spender;
    }
    const numbers = yield* sorted(all.subarray(0, count));
    let kept = 0;
    for (let i = 0; i < count; i++) {
      const number = numbers[i] as number;
      if (i === 0 || number !== numbers[kept - 1]) numbers[kept++] = number;
    }
    return numbers.subarray(0, kept);
  }

  *#history(out: ReplyWriter, numbers: Float64Array): Steps<void> {
    out.write(OPEN_LIST);
    for (let i = 0; i < numbers.length; i++) {
      out.separate(i);
      this.#entry(out, numbers[i] as number);
      if ((i + 1) % ENTRIES_PER_STEP === 0) yield;
    }
    out.write(CLOSE_LIST);
  }

  #entry(out: ReplyWriter, txNumber: number): void {
    const { txids, view, heights } = this.#reading;
    out.write(TXID_OPENS);
    const at = txids.locate(view, txNumber);
    out.hash(txids.bytes, at);
    out.write(HEIGHT);
    out.number(heights.heightOf(txNumber));
    out.write(CLOSE);
  }

  /** Opens an object; returns the height. */
  #place(out: ReplyWriter, txNumber: number): number {
    const { heights } = this.#reading;
    const height = heights.heightOf(txNumber);
    out.write(HEIGHT_OPENS);
    out.number(height);
    out.write(POSITION);
    out.number(txNumber - heights.txCountBelow(height));
    return height;
  }

  #branch(out: ReplyWriter, height: number, position: number): void {
    out.write(BRANCH);
    writeHashes(out, branchOf(this.#reading, height, position));
    out.write(CLOSE_LIST);
  }
}

/** Where in the ascending numbers the first stands that is not below. */
function firstAtLeast(numbers: Float64Array, least: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] as number) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

function writeHashes(out: ReplyWriter, hashes: readonly Uint8Array[]): void {
  hashes.forEach((hash, i) => {
    out.separate(i);
    out.hash(hash);
  });
}

/** The places of a script's outputs that are not spent. Of two transactions with one id the later took the earlier's place. */
function* coinsOf(outputs: Outputs, spenders: Float64Array, script: number): Steps<Uint32Array> {
  const start = outputs.starts[script] as number;
  const end = outputs.ends[script] as number;
  const coins = new Uint32Array(end - start);
  let count = 0;
  for (let i = start; i < end; i++) if (spenders[i] === UNSPENT) coins[count++] = i;
  const found = coins.subarray(0, count);
  return (yield* mayRepeat(outputs, found)) ? withoutReplaced(outputs, found) : found;
}

/** Whether two coins may have one outpoint: a mark of 52 bits of each is compared. */
function* mayRepeat(outputs: Outputs, coins: Uint32Array): Steps<boolean> {
  if (coins.length < 2) return false;
  const marks = yield* sorted(Float64Array.from(coins, (i) => markOf(outputs, i)));
  for (let i = 1; i < marks.length; i++) if (marks[i] === marks[i - 1]) return true;
  return false;
}

function markOf({ txids, indexes }: Outputs, i: number): number {
  const at = i * HASH_LENGTH_BYTES;
  const view = new DataView(txids.buffer, txids.byteOffset + at, 8);
  const mixed = (view.getUint32(0) ^ Math.imul(indexes[i] as number, 0x9e37_79b1)) >>> 0;
  return mixed * 0x10_0000 + (view.getUint32(4) >>> 12);
}

function withoutReplaced({ txids, indexes }: Outputs, coins: Uint32Array): Uint32Array {
  const last = new Map<string, number>();
  for (const i of coins) {
    const at = i * HASH_LENGTH_BYTES;
    const id = Buffer.from(txids.buffer, txids.byteOffset + at, HASH_LENGTH_BYTES).toString("latin1");
    last.set(`${id}:${indexes[i]}`, i);
  }
  return Uint32Array.from(last.values()).sort();
}
