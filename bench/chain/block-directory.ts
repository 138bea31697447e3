/** Writes blocks as a node keeps them: numbered files of bounded size, hidden behind a key. */
import { mkdirSync, writeFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { hexToBytes } from "../../bitcoin/bytes.ts";
import { regtest } from "../../bitcoin/network.ts";
import { fileName, unhide } from "../../bitcoind/files/block-reader.ts";

const FRAME_BYTES = 8;
/** Bitcoin Core begins a new file before one grows beyond this. */
const FILE_BYTES_MAX = 128 * 1024 * 1024;

export interface BlockDirectoryOptions {
  /** Eight bytes; undefined for plain files, as nodes wrote them before Bitcoin Core 28. */
  readonly key: Uint8Array | undefined;
  readonly fileBytesMax?: number;
}

export async function writeBlockDirectory(
  directory: string,
  blocks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { key, fileBytesMax = FILE_BYTES_MAX }: BlockDirectoryOptions,
): Promise<void> {
  mkdirSync(directory, { recursive: true });
  if (key !== undefined) writeFileSync(join(directory, "xor.dat"), key);
  const magic = hexToBytes(regtest.magic);
  let file: FileHandle | undefined;
  let number = 0;
  let offset = 0;
  for await (const block of blocks) {
    if (file !== undefined && offset + FRAME_BYTES + block.length > fileBytesMax) {
      await file.close();
      file = undefined;
      number += 1;
      offset = 0;
    }
    file ??= await open(join(directory, fileName(number)), "w");
    // In memory at the same remainder of eight as in the file: so the key falls on whole words.
    const start = offset % 8;
    const bytes = Buffer.alloc(start + FRAME_BYTES + block.length);
    bytes.set(magic, start);
    bytes.writeUInt32LE(block.length, start + 4);
    bytes.set(block, start + FRAME_BYTES);
    if (key !== undefined) unhide(bytes, start, bytes.length, key);
    await file.write(bytes, start, bytes.length - start, offset);
    offset += bytes.length - start;
  }
  await file?.close();
}
