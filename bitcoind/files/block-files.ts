/** A node's `blk*.dat`: which blocks lie where, in the order the node received them. `block-reader.ts` reads them. */
import { type FileHandle, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { blockHashOf, HEADER_LENGTH_BYTES } from "../../bitcoin/block/header.ts";
import { type BlockHash, bytesToHex, equalBytes } from "../../bitcoin/bytes.ts";
import { Reader } from "../../bitcoin/codec.ts";
import { magicBytes, type Network } from "../../bitcoin/network.ts";
import { nodeError } from "../errors.ts";
import { type BlockPlace, fileName, KEY_LENGTH_BYTES, readKey, unhide } from "./block-reader.ts";

/** Before each block stand the network's magic bytes and the block's length. */
const FRAME_LENGTH_BYTES = 8;
export const BLOCK_MAX_BYTES = 4_000_000;
/** What is read of each block here: its frame, its header and its number of transactions. No block is shorter. */
const HEAD_LENGTH_BYTES = FRAME_LENGTH_BYTES + HEADER_LENGTH_BYTES + 5;
/** The chain's first years are a hundred blocks in this; later blocks are far longer, and only their heads are read. */
const WINDOW_LENGTH_BYTES = 64 * 1024;
const SMALL_BLOCK_BYTES = 16 * 1024;

/** Where reading goes on. */
export interface FilePosition {
  /** The number in the file's name. */
  readonly file: number;
  readonly offset: number;
}

export interface BlockRecord extends BlockPlace {
  readonly hash: BlockHash;
  readonly txCount: number;
}

export class BlockFiles {
  readonly directory: string;
  /** Bitcoin Core 28 and later hide the content of new data directories behind eight bytes. */
  readonly key: Uint8Array | undefined;
  readonly #magic: Uint8Array;

  private constructor(directory: string, network: Network, key: Uint8Array | undefined) {
    this.directory = directory;
    this.key = key;
    this.#magic = magicBytes(network);
  }

  /**
   * `directory` is the node's `blocks` directory of the network. Throws NODE_BLOCK_FILE_UNREADABLE if it cannot be
   * read, NODE_BLOCK_FILE_FOREIGN if it is of another network, NODE_BLOCK_FILE_MISSING if some of its files are gone.
   */
  static async open(directory: string, network: Network): Promise<BlockFiles> {
    let files: BlockFiles;
    let numbers: number[];
    try {
      files = new BlockFiles(directory, network, readKey(directory));
      numbers = await files.numbers();
      if (numbers.length === 0) throw new Error("there are no block files");
    } catch (error) {
      throw unreadable(directory, error);
    }
    const missing = numbers.findIndex((number, i) => number !== i);
    if (missing >= 0) {
      const path = join(directory, fileName(missing));
      throw nodeError(
        { code: "NODE_BLOCK_FILE_MISSING", node: path },
        `The node's block file ${path} is not there although later ones are: they are of a pruned node, or an incomplete copy.`,
      );
    }
    await files.#refuseForeign(network);
    return files;
  }

  /**
   * The same for whoever compares the hash of each block that he finds: files may be missing, and they may be of any
   * network. Nothing where there is none. Throws NODE_BLOCK_FILE_UNREADABLE.
   */
  static async openAny(directory: string, network: Network): Promise<BlockFiles | undefined> {
    try {
      const files = new BlockFiles(directory, network, readKey(directory));
      return (await files.numbers()).length === 0 ? undefined : files;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw unreadable(directory, error);
    }
  }

  /** The hash of whatever lies where a block should; nothing where its file is not there. Throws NODE_BLOCK_FILE_UNREADABLE. */
  async hashAt({ file: number, offset }: BlockPlace): Promise<BlockHash | undefined> {
    const path = join(this.directory, fileName(number));
    let file: FileHandle | undefined;
    try {
      file = await open(path, "r");
      // At the same remainder of eight as in its file: so the key falls on whole words.
      const start = offset % KEY_LENGTH_BYTES;
      const bytes = Buffer.alloc(start + HEADER_LENGTH_BYTES);
      await file.read(bytes, start, HEADER_LENGTH_BYTES, offset);
      if (this.key !== undefined) unhide(bytes, start, bytes.length, this.key);
      return blockHashOf(bytes.subarray(start));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw unreadable(path, error);
    } finally {
      await file?.close();
    }
  }

  /** The numbers of the files, ascending. */
  async numbers(): Promise<number[]> {
    const numbers = (await readdir(this.directory)).map((name) => /^blk(\d{5,})\.dat$/.exec(name)?.[1]);
    return numbers
      .filter((digits) => digits !== undefined)
      .map(Number)
      .sort((a, b) => a - b);
  }

  /**
   * The blocks of one file from `offset` on, in the order of the file: stale ones too, children before parents. Ends
   * where the node has not yet written further; `next` is where to go on for what comes then. Of the last record the
   * node may have written the head and not yet the rest, so whoever reads a block must check that it is whole.
   */
  async recordsOf(from: FilePosition): Promise<{ records: BlockRecord[]; next: FilePosition }> {
    const path = join(this.directory, fileName(from.file));
    let file: FileHandle | undefined;
    try {
      file = await open(path, "r");
      const { size } = await file.stat();
      return await this.#scan(file, size, from);
    } catch (error) {
      throw unreadable(path, error);
    } finally {
      await file?.close();
    }
  }

  async #scan(
    file: FileHandle,
    sizeBytes: number,
    from: FilePosition,
  ): Promise<{ records: BlockRecord[]; next: FilePosition }> {
    const records: BlockRecord[] = [];
    const window = Buffer.allocUnsafeSlow(WINDOW_LENGTH_BYTES + KEY_LENGTH_BYTES);
    let windowStart = 0;
    let windowEnd = 0;
    let readBytes = WINDOW_LENGTH_BYTES;
    let { offset } = from;
    for (;;) {
      if (offset + HEAD_LENGTH_BYTES > windowEnd) {
        // The key repeats every eight bytes of the file, so a window begins at a multiple of eight.
        windowStart = offset - (offset % KEY_LENGTH_BYTES);
        const { bytesRead } = await file.read(window, 0, readBytes, windowStart);
        windowEnd = windowStart + bytesRead;
        if (this.key !== undefined) unhide(window, 0, bytesRead, this.key);
      }
      const at = offset - windowStart;
      if (offset + HEAD_LENGTH_BYTES > windowEnd || !this.#hasMagic(window, at)) break;
      const lengthBytes = window.readUInt32LE(at + 4);
      const end = offset + FRAME_LENGTH_BYTES + lengthBytes;
      if (lengthBytes <= HEADER_LENGTH_BYTES || lengthBytes > BLOCK_MAX_BYTES || end > sizeBytes) break;
      const head = window.subarray(at + FRAME_LENGTH_BYTES, at + HEAD_LENGTH_BYTES);
      records.push({
        hash: blockHashOf(head.subarray(0, HEADER_LENGTH_BYTES)),
        txCount: new Reader(head, HEADER_LENGTH_BYTES).compactSize(),
        file: from.file,
        offset: offset + FRAME_LENGTH_BYTES,
        lengthBytes,
      });
      offset = end;
      readBytes = lengthBytes < SMALL_BLOCK_BYTES ? WINDOW_LENGTH_BYTES : 2 * HEAD_LENGTH_BYTES;
    }
    return { records, next: { file: from.file, offset } };
  }

  #hasMagic(bytes: Uint8Array, at: number): boolean {
    return equalBytes(bytes.subarray(at, at + this.#magic.length), this.#magic);
  }

  /** The first file of every node begins with the genesis block of its network. */
  async #refuseForeign(network: Network): Promise<void> {
    const path = join(this.directory, fileName(0));
    const head = Buffer.alloc(HEAD_LENGTH_BYTES);
    try {
      const file = await open(path, "r");
      try {
        const { bytesRead } = await file.read(head, 0, head.length, 0);
        // A node that has just been made has not yet written anything.
        if (bytesRead < head.length || head.every((byte) => byte === 0)) return;
      } finally {
        await file.close();
      }
    } catch (error) {
      throw unreadable(path, error);
    }
    if (this.key !== undefined) unhide(head, 0, head.length, this.key);
    const header = head.subarray(FRAME_LENGTH_BYTES, FRAME_LENGTH_BYTES + HEADER_LENGTH_BYTES);
    if (this.#hasMagic(head, 0) && blockHashOf(header) === network.genesis.hash) return;
    throw nodeError(
      { code: "NODE_BLOCK_FILE_FOREIGN", node: path, found: bytesToHex(head.subarray(0, 4)) },
      `The node's block file ${path} does not begin with the genesis block of ${network.name}: it is another network's, or its key file xor.dat is.`,
    );
  }
}

function unreadable(path: string, error: unknown): Error {
  const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
  return nodeError(
    { code: "NODE_BLOCK_FILE_UNREADABLE", node: path, reason },
    `The node's block files at ${path} cannot be read (${reason}).`,
    error,
  );
}
