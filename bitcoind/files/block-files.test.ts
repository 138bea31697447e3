/** The reader of block files: on files that the test writes, on the sandbox's, and on a real node's hidden ones. */
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { genesisBlockBytes } from "../../bitcoin/block/genesis.ts";
import { blockHashOf } from "../../bitcoin/block/header.ts";
import type { BlockHash } from "../../bitcoin/bytes.ts";
import { magicBytes, mainnet, regtest } from "../../bitcoin/network.ts";
import { findBitcoind, RealNode } from "../../tests/harness/node/bitcoind.ts";
import { CoinOwner } from "../../tests/harness/node/coin-owner.ts";
import { SandboxNode } from "../sandbox/node.ts";
import { BlockFiles, type BlockRecord, type FilePosition } from "./block-files.ts";
import { BlockLocator } from "./block-locator.ts";
import { BlockReader } from "./block-reader.ts";

const bitcoind = findBitcoind();
const ADDRESS = new CoinOwner("files").address("p2wpkh");
const GENESIS = genesisBlockBytes(regtest);

const { signal } = new AbortController();
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "troupe-files-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** All records of all files, in the order of the files. */
async function recordsOf(files: BlockFiles): Promise<BlockRecord[]> {
  const parts: BlockRecord[][] = [];
  for (const file of await files.numbers()) parts.push((await files.recordsOf({ file, offset: 0 })).records);
  return parts.flat();
}

/** The blocks themselves, read in one go. */
function blocksOf({ directory: from, key }: BlockFiles, places: readonly BlockRecord[]): Uint8Array[] {
  const { bytes, starts, ends } = new BlockReader().read({ directory: from, key, places });
  return places.map((_, i) => Uint8Array.from(bytes.subarray(starts[i], ends[i])));
}

function record(block: Uint8Array): Buffer {
  const head = Buffer.alloc(8);
  head.set(magicBytes(regtest));
  head.writeUInt32LE(block.length, 4);
  return Buffer.concat([head, block]);
}

function hide(bytes: Buffer, key: Buffer): Buffer {
  return Buffer.from(bytes.map((byte, i) => byte ^ (key[i % 8] as number)));
}

/** Some blocks of different lengths: those that a sandbox makes. */
async function someBlocks(count: number): Promise<Uint8Array[]> {
  const home = join(directory, "maker");
  const node = await SandboxNode.start({ dataDirectory: home });
  const auth = Buffer.from(readFileSync(node.cookiePath)).toString("base64");
  const body = JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    method: "generatetoaddress",
    params: [count, ADDRESS],
  });
  await fetch(node.rpcUrl, { method: "POST", headers: { authorization: `Basic ${auth}` }, body });
  await node.stop();
  const files = await BlockFiles.open(join(home, "regtest", "blocks"), regtest);
  return blocksOf(files, await recordsOf(files));
}

describe("the reader of block files", () => {
  it.each([undefined, Buffer.from("0102030405060708", "hex"), Buffer.from("ff00ff00a5a5c3d2", "hex")])(
    "reads what the sandbox wrote, hidden by %o, in any order",
    async (key) => {
      const blocks = await someBlocks(30);
      const plain = Buffer.concat([...blocks.map(record), Buffer.alloc(1_000)]);
      // The unused end of a file holds zeros, which are not hidden.
      const stored =
        key === undefined
          ? plain
          : Buffer.concat([hide(plain.subarray(0, -1_000), key), Buffer.alloc(1_000)]);
      writeFileSync(join(directory, "blk00000.dat"), stored);
      if (key !== undefined) writeFileSync(join(directory, "xor.dat"), key);

      const files = await BlockFiles.open(directory, regtest);
      const records = await recordsOf(files);
      expect(records.map(({ hash }) => hash)).toEqual(blocks.map((block) => blockHashOf(block)));
      expect(records.map(({ txCount }) => txCount)).toEqual(blocks.map((block) => block[80]));
      expect(blocksOf(files, records)).toEqual(blocks.map((block) => Uint8Array.from(block)));
      expect(blocksOf(files, records.toReversed())).toEqual(
        blocks.map((block) => Uint8Array.from(block)).reverse(),
      );
    },
  );

  it("goes on in a file where it stopped, and hands out no record that the file is too short for", async () => {
    const blocks = await someBlocks(9);
    const path = join(directory, "blk00000.dat");
    const whole = Buffer.concat(blocks.map(record));
    const ends = blocks.map((_, i) => Buffer.concat(blocks.slice(0, i + 1).map(record)).length);
    let next: FilePosition = { file: 0, offset: 0 };
    const seen: string[] = [];
    for (let length = ends[0] as number; length <= whole.length; length += 37) {
      writeFileSync(path, whole.subarray(0, length));
      const files = await BlockFiles.open(directory, regtest);
      const found = await files.recordsOf(next);
      next = found.next;
      seen.push(...found.records.map(({ hash }) => hash));
      expect(seen.length).toBe(ends.filter((end) => end <= length).length);
    }
    expect(seen).toEqual(blocks.slice(0, seen.length).map((block) => blockHashOf(block)));
  });

  it("finds blocks that lie across the ends of what it reads at once", async () => {
    const path = join(directory, "blk00000.dat");
    // 64 KiB are no multiple of a record of 293 bytes: heads are cut at every end.
    const count = 130_000;
    const one = record(GENESIS);
    const key = Buffer.from("0102030405060708", "hex");
    const file = Buffer.alloc(one.length * count);
    for (let i = 0; i < count; i++) file.set(one, i * one.length);
    writeFileSync(path, hide(file, key));
    writeFileSync(join(directory, "xor.dat"), key);
    const hash = blockHashOf(GENESIS);
    const records = await recordsOf(await BlockFiles.open(directory, regtest));
    expect(records.filter((found) => found.hash === hash).length).toBe(count);
    expect(records.at(-1)).toMatchObject({ offset: file.length - GENESIS.length });
  });

  it("refuses to read a block beyond the end of its file", async () => {
    writeFileSync(join(directory, "blk00000.dat"), record(GENESIS));
    const files = await BlockFiles.open(directory, regtest);
    const [place] = await recordsOf(files);
    writeFileSync(join(directory, "blk00000.dat"), record(GENESIS).subarray(0, -1));
    expect(() => blocksOf(files, [place as BlockRecord])).toThrowError(
      expect.objectContaining({ code: "NODE_BLOCK_FILE_UNREADABLE" }),
    );
  });

  it("says that it cannot read where there are no block files, or a key it does not understand", async () => {
    await expect(BlockFiles.open(directory, regtest)).rejects.toMatchObject({
      code: "NODE_BLOCK_FILE_UNREADABLE",
    });
    await expect(BlockFiles.open(join(directory, "nowhere"), regtest)).rejects.toMatchObject({
      code: "NODE_BLOCK_FILE_UNREADABLE",
    });
    mkdirSync(join(directory, "odd"));
    writeFileSync(join(directory, "odd", "blk00000.dat"), record(GENESIS));
    writeFileSync(join(directory, "odd", "xor.dat"), "short");
    await expect(BlockFiles.open(join(directory, "odd"), regtest)).rejects.toMatchObject({
      code: "NODE_BLOCK_FILE_UNREADABLE",
    });
  });

  it("says which file is missing where a node has pruned or a copy is incomplete", async () => {
    for (const number of [0, 1, 3]) writeFileSync(join(directory, `blk0000${number}.dat`), record(GENESIS));
    await expect(BlockFiles.open(directory, regtest)).rejects.toMatchObject({
      code: "NODE_BLOCK_FILE_MISSING",
      message: expect.stringContaining("blk00002.dat"),
    });
  });

  it("refuses the files of another network, and files that its key does not open", async () => {
    writeFileSync(join(directory, "blk00000.dat"), record(GENESIS));
    await expect(BlockFiles.open(directory, mainnet)).rejects.toMatchObject({
      code: "NODE_BLOCK_FILE_FOREIGN",
    });
    writeFileSync(join(directory, "xor.dat"), Buffer.from("0102030405060708", "hex"));
    await expect(BlockFiles.open(directory, regtest)).rejects.toMatchObject({
      code: "NODE_BLOCK_FILE_FOREIGN",
    });
  });

  it("takes a node that has not yet written a block for what it is", async () => {
    writeFileSync(join(directory, "blk00000.dat"), Buffer.alloc(1_000));
    expect(await recordsOf(await BlockFiles.open(directory, regtest))).toEqual([]);
  });
});

describe("the search for blocks by hash", () => {
  it("finds each in whatever file and order it lies, and says which are in none", async () => {
    const blocks = await someBlocks(40);
    const [genesis, ...others] = blocks as [Uint8Array, ...Uint8Array[]];
    const shuffled = [genesis, ...others.toSorted((a, b) => (a[4] as number) - (b[4] as number))];
    shuffled.forEach((block, i) => {
      appendFileSync(join(directory, `blk0000${Math.floor(i / 7)}.dat`), record(block));
    });
    const files = await BlockFiles.open(directory, regtest);
    const locator = new BlockLocator(files);
    const hashes = blocks.map((block) => blockHashOf(block));
    const absent = "00".repeat(32) as BlockHash;
    const first = await locator.locate(hashes.slice(0, 5), signal);
    const rest = await locator.locate([absent, ...hashes.slice(5)], signal);
    expect(rest.shift()).toBeUndefined();
    const places = [...first, ...rest] as BlockRecord[];
    expect(blocksOf(files, places)).toEqual(blocks.map((block) => Uint8Array.from(block)));
  });

  it("finds what the node wrote since the last search, in the last file or in a new one", async () => {
    const blocks = await someBlocks(6);
    const hashes = blocks.map((block) => blockHashOf(block));
    const put = (number: number, block: number) =>
      appendFileSync(join(directory, `blk0000${number}.dat`), record(blocks[block] as Uint8Array));
    put(0, 0);
    const locator = new BlockLocator(await BlockFiles.open(directory, regtest));
    const isFound = async (block: number) => (await locator.locate([hashes[block] as BlockHash], signal))[0];
    expect(await isFound(1)).toBeUndefined();
    put(0, 1);
    expect(await isFound(1)).toMatchObject({ file: 0 });
    put(1, 2);
    put(2, 3);
    expect(await isFound(3)).toMatchObject({ file: 2 });
    expect(await isFound(2)).toMatchObject({ file: 1 });
  });
});

describe.skipIf(bitcoind === undefined)("the reader of a real node's files", () => {
  it("reads the blocks that the node has, while it writes them", async () => {
    const node = await RealNode.start(bitcoind as string);
    try {
      const hashes = [(await node.rpc("getblockhash", 0)) as BlockHash];
      const mine = async (count: number) => {
        hashes.push(...((await node.rpc("generatetoaddress", count, ADDRESS)) as BlockHash[]));
      };
      await mine(200);
      const files = await BlockFiles.open(node.blocksDirectory, regtest);
      const locator = new BlockLocator(files);
      const seen: Uint8Array[] = [];
      for (let round = 0; round < 5; round++) {
        const places = await locator.locate(hashes.slice(seen.length), signal);
        seen.push(...blocksOf(files, places as BlockRecord[]));
        await mine(20);
      }
      await node.shutDown();
      seen.push(
        ...blocksOf(files, (await locator.locate(hashes.slice(seen.length), signal)) as BlockRecord[]),
      );

      expect(files.key?.some((byte) => byte !== 0)).toBe(true);
      expect(seen.map((block) => blockHashOf(block))).toEqual(hashes);
    } finally {
      await node.stop();
    }
  }, 120_000);
});
