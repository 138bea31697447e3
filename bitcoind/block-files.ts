/** Reads a node's `blk*.dat` directly: the fastest way to all old blocks, in the order the node received them. */
import { type FileHandle, open, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  parseBlock,
  statedWitnessCommitment,
  txidLeavesOf,
  witnessCommitmentOf,
} from "../bitcoin/block/block.ts";
import { blockHashOf, HEADER_LENGTH_BYTES } from "../bitcoin/block/header.ts";
import { merkleRoot } from "../bitcoin/block/merkle.ts";
import { type BlockHash, equalBytes } from "../bitcoin/bytes.ts";
import { magicBytes, type Network } from "../bitcoin/network.ts";
import { nodeError } from "./errors.ts";

const FRAME_LENGTH_BYTES = 8;
const BLOCK_MAX_BYTES = 4_000_000;
/** Several of the largest blocks; what is cut at the end is read again with the next chunk. */
const CHUNK_LENGTH_BYTES = 16 * 1024 * 1024;
const KEY_LENGTH_BYTES = 8;

/** Where reading goes on: after the last block that was handed out. */
export interface FilePosition {
  /** The number in the file's name. */
  readonly file: number;
  readonly offset: number;
}

export interface StoredBlock {
  readonly hash: BlockHash;
  /** A view of a larger chunk, which is never written again. */
  readonly bytes: Uint8Array;
  /** Where the block itself begins, to read it again. */
  readonly at: FilePosition;
  readonly next: FilePosition;
}

export const FIRST_POSITION: FilePosition = Object.freeze({ file: 0, offset: 0 });

export class BlockFiles {
  readonly #directory: string;
  readonly #network: Network;
  readonly #magic: Uint8Array;
  /** Bitcoin Core 28 and later hide the content of new data directories behind eight bytes. */
  readonly #key: Uint8Array | undefined;

  private constructor(directory: string, network: Network, key: Uint8Array | undefined) {
    this.#directory = directory;
    this.#network = network;
    this.#magic = magicBytes(network);
    this.#key = key;
  }

  /** `directory` is the node's `blocks` directory of the network. Throws NODE_BLOCK_FILE_UNREADABLE if it cannot be read. */
  static async open(directory: string, network: Network): Promise<BlockFiles> {
    try {
      const files = new BlockFiles(directory, network, await readKey(directory));
      if ((await files.#numbers()).length === 0) throw new Error("there are no block files");
      return files;
    } catch (error) {
      throw unreadable(directory, error);
    }
  }

  /**
   * Every whole block from `from` on, in file order: stale ones too, children before parents. Ends where the node has
   * not yet written further; call it again with the last `next` for what came since. Bytes that are not whole are
   * never handed out, so a reader may follow a node that writes.
   */
  async *blocks(from: FilePosition = FIRST_POSITION): AsyncGenerator<StoredBlock> {
    for (const number of await this.#numbers()) {
      if (number < from.file) continue;
      const path = join(this.#directory, fileName(number));
      let file: FileHandle;
      try {
        file = await open(path, "r");
      } catch (error) {
        throw unreadable(path, error);
      }
      try {
        yield* this.#blocksOf(file, number, number === from.file ? from.offset : 0);
      } finally {
        await file.close();
      }
    }
  }

  async *#blocksOf(file: FileHandle, number: number, startOffset: number): AsyncGenerator<StoredBlock> {
    let offset = startOffset;
    for (;;) {
      // The key repeats every eight bytes of the file, so a chunk begins at a multiple of eight.
      const chunkStart = offset - (offset % KEY_LENGTH_BYTES);
      const chunk = await readChunk(file, chunkStart);
      if (this.#key !== undefined) unhide(chunk, this.#key);
      let at = offset - chunkStart;
      for (;;) {
        const block = this.#recordAt(chunk, at);
        if (block === undefined) break;
        const end = at + FRAME_LENGTH_BYTES + block.length;
        // A record that another follows was written whole; the last one must prove it.
        if (!this.#hasMagic(chunk, end) && !isWhole(block, this.#network)) return;
        yield {
          hash: blockHashOf(block),
          bytes: block,
          at: { file: number, offset: chunkStart + at + FRAME_LENGTH_BYTES },
          next: { file: number, offset: chunkStart + end },
        };
        at = end;
      }
      offset = chunkStart + at;
      if (!this.#isCut(chunk, at)) return;
    }
  }

  /** The block of the record that begins at `at`, if all of it lies in the chunk. */
  #recordAt(chunk: Buffer, at: number): Buffer | undefined {
    if (at + FRAME_LENGTH_BYTES > chunk.length || !this.#hasMagic(chunk, at)) return undefined;
    const lengthBytes = chunk.readUInt32LE(at + 4);
    if (lengthBytes <= HEADER_LENGTH_BYTES || lengthBytes > BLOCK_MAX_BYTES) return undefined;
    const start = at + FRAME_LENGTH_BYTES;
    return start + lengthBytes > chunk.length ? undefined : chunk.subarray(start, start + lengthBytes);
  }

  /** True if the record at `at` goes on beyond a full chunk: the next chunk, which begins with it, will hold it. */
  #isCut(chunk: Buffer, at: number): boolean {
    if (chunk.length < CHUNK_LENGTH_BYTES) return false;
    if (at + FRAME_LENGTH_BYTES > chunk.length) return true;
    const lengthBytes = chunk.readUInt32LE(at + 4);
    return this.#hasMagic(chunk, at) && lengthBytes > HEADER_LENGTH_BYTES && lengthBytes <= BLOCK_MAX_BYTES;
  }

  #hasMagic(chunk: Buffer, at: number): boolean {
    return equalBytes(chunk.subarray(at, at + this.#magic.length), this.#magic);
  }

  async #numbers(): Promise<number[]> {
    const numbers = (await readdir(this.#directory)).map((name) => /^blk(\d{5,})\.dat$/.exec(name)?.[1]);
    return numbers
      .filter((digits) => digits !== undefined)
      .map(Number)
      .sort((a, b) => a - b);
  }
}

function fileName(number: number): string {
  return `blk${String(number).padStart(5, "0")}.dat`;
}

/** Nothing where the files are plain: no key file, or a key of zeros. */
async function readKey(directory: string): Promise<Uint8Array | undefined> {
  try {
    const key = await readFile(join(directory, "xor.dat"));
    if (key.length !== KEY_LENGTH_BYTES) throw new Error(`xor.dat has ${key.length} bytes instead of 8`);
    return key.some((byte) => byte !== 0) ? key : undefined;
  } catch (error) {
    // Bitcoin Core before version 28 has no key file.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function readChunk(file: FileHandle, offset: number): Promise<Buffer> {
  // Not from the shared pool: aligned for 32-bit lanes, and kept alive by nothing but its own blocks.
  const chunk = Buffer.allocUnsafeSlow(CHUNK_LENGTH_BYTES);
  let lengthBytes = 0;
  while (lengthBytes < chunk.length) {
    const { bytesRead } = await file.read(
      chunk,
      lengthBytes,
      chunk.length - lengthBytes,
      offset + lengthBytes,
    );
    if (bytesRead === 0) break;
    lengthBytes += bytesRead;
  }
  return chunk.subarray(0, lengthBytes);
}

/** Takes the key off, four bytes at a time: an eighth of the time that single bytes take. */
function unhide(chunk: Buffer, key: Uint8Array): void {
  // Whole keys only: an even number of lanes.
  const lanes = new Uint32Array(
    chunk.buffer,
    chunk.byteOffset,
    2 * Math.floor(chunk.length / KEY_LENGTH_BYTES),
  );
  const [even = 0, odd = 0] = new Uint32Array(Uint8Array.from(key).buffer);
  for (let i = 0; i < lanes.length; i += 2) {
    lanes[i] = (lanes[i] as number) ^ even;
    lanes[i + 1] = (lanes[i + 1] as number) ^ odd;
  }
  const rest = chunk.length - (chunk.length % KEY_LENGTH_BYTES);
  for (let i = rest; i < chunk.length; i++) {
    chunk[i] = (chunk[i] as number) ^ (key[i % KEY_LENGTH_BYTES] as number);
  }
}

/** True if every byte of the block is there: it parses, and its transactions and witnesses are those it commits to. */
function isWhole(bytes: Uint8Array, network: Network): boolean {
  try {
    const { header, transactions } = parseBlock(bytes, network.serialization);
    if (!equalBytes(merkleRoot(txidLeavesOf(transactions)), header.merkleRootBytes)) return false;
    const [coinbase] = transactions;
    const stated = coinbase && statedWitnessCommitment(coinbase);
    const reserved = coinbase?.inputs[0]?.witness[0];
    // A block without witnesses need not state a commitment, and is then covered by the txids.
    if (stated === undefined || reserved === undefined) return true;
    return equalBytes(stated, witnessCommitmentOf(transactions, reserved));
  } catch {
    // The node has announced the block's length and not yet written all of it.
    return false;
  }
}

function unreadable(path: string, error: unknown): Error {
  const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
  return nodeError(
    { code: "NODE_BLOCK_FILE_UNREADABLE", node: path },
    `The node's block files at ${path} cannot be read (${reason}).`,
    error,
  );
}
