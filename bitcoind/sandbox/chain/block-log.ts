/** The sandbox's blocks on disk: Bitcoin Core's `blk00000.dat` (magic, length, block), appended, safe against a sudden end. */
import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { HEADER_LENGTH_BYTES } from "../../../bitcoin/block/header.ts";
import { Reader, Writer } from "../../../bitcoin/codec.ts";
import { magicBytes, type Network } from "../../../bitcoin/network.ts";

const FRAME_LENGTH_BYTES = 8;
/** Larger than any block may be serialised (4,000,000 bytes). */
const BLOCK_LENGTH_MAX_BYTES = 4_000_000;

export interface BlockPlace {
  readonly offset: number;
  readonly lengthBytes: number;
}

export class BlockLog {
  readonly #file: number;
  readonly #frameMagic: Uint8Array;
  #endOffset = 0;

  private constructor(file: number, network: Network) {
    this.#file = file;
    this.#frameMagic = magicBytes(network);
  }

  /** Opens the log of `directory` (made if absent) and hands every whole block to `onBlock`, in the order written. */
  static open(
    directory: string,
    network: Network,
    onBlock: (bytes: Uint8Array, place: BlockPlace) => void,
  ): BlockLog {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const path = join(directory, "blk00000.dat");
    // "a+" would ignore positions on reading; "r+" needs the file to exist.
    closeSync(openSync(path, "a", 0o600));
    const log = new BlockLog(openSync(path, "r+"), network);
    try {
      log.#load(onBlock);
    } catch (error) {
      log.close();
      throw error;
    }
    return log;
  }

  append(block: Uint8Array): BlockPlace {
    const record = new Writer(FRAME_LENGTH_BYTES + block.length)
      .bytes(this.#frameMagic)
      .u32(block.length)
      .bytes(block)
      .finish();
    // One write at the end we know of: what a killed process left half done is written over.
    let written = 0;
    while (written < record.length) {
      written += writeSync(this.#file, record, written, record.length - written, this.#endOffset + written);
    }
    const place = { offset: this.#endOffset + FRAME_LENGTH_BYTES, lengthBytes: block.length };
    this.#endOffset += record.length;
    return place;
  }

  read(place: BlockPlace): Uint8Array {
    return this.#readAt(place.offset, place.lengthBytes);
  }

  close(): void {
    closeSync(this.#file);
  }

  #load(onBlock: (bytes: Uint8Array, place: BlockPlace) => void): void {
    const size = fstatSync(this.#file).size;
    for (;;) {
      const place = this.#recordAt(this.#endOffset, size);
      if (place === undefined) break;
      onBlock(this.read(place), place);
      this.#endOffset = place.offset + place.lengthBytes;
    }
    // A sudden end can only leave an unfinished record at the end.
    if (this.#endOffset < size) ftruncateSync(this.#file, this.#endOffset);
  }

  #recordAt(offset: number, size: number): BlockPlace | undefined {
    if (offset + FRAME_LENGTH_BYTES > size) return undefined;
    const frame = this.#readAt(offset, FRAME_LENGTH_BYTES);
    if (Buffer.compare(frame.subarray(0, 4), this.#frameMagic) !== 0) return undefined;
    const lengthBytes = new Reader(frame, 4).u32();
    const isSane = lengthBytes > HEADER_LENGTH_BYTES && lengthBytes <= BLOCK_LENGTH_MAX_BYTES;
    const place = { offset: offset + FRAME_LENGTH_BYTES, lengthBytes };
    return isSane && place.offset + lengthBytes <= size ? place : undefined;
  }

  #readAt(offset: number, lengthBytes: number): Uint8Array {
    const bytes = Buffer.allocUnsafe(lengthBytes);
    let got = 0;
    while (got < lengthBytes) {
      const count = readSync(this.#file, bytes, got, lengthBytes - got, offset + got);
      if (count === 0)
        throw new Error(`the sandbox's block file ends at ${offset + got}, before its last block does`);
      got += count;
    }
    return bytes;
  }
}
