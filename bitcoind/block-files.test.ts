/** The reader of block files: on files that the test writes, on the sandbox's, and on a real node's hidden ones. */
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { genesisBlockBytes } from "../bitcoin/block/genesis.ts";
import { blockHashOf } from "../bitcoin/block/header.ts";
import { magicBytes, regtest } from "../bitcoin/network.ts";
import { findBitcoind, RealNode } from "../tests/harness/node/bitcoind.ts";
import { CoinOwner } from "../tests/harness/node/coin-owner.ts";
import { BlockFiles, type FilePosition, type StoredBlock } from "./block-files.ts";
import { SandboxNode } from "./sandbox/node.ts";

const bitcoind = findBitcoind();
const ADDRESS = new CoinOwner("files").address("p2wpkh");
const GENESIS = genesisBlockBytes(regtest);

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "troupe-files-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

async function readAll(files: BlockFiles, from?: FilePosition): Promise<StoredBlock[]> {
  const blocks: StoredBlock[] = [];
  for await (const block of files.blocks(from)) blocks.push(block);
  return blocks;
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
  const blocks: Uint8Array[] = [];
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
  for (const block of await readAll(files)) blocks.push(Uint8Array.from(block.bytes));
  return blocks;
}

describe("the reader of block files", () => {
  it.each([undefined, Buffer.from("0102030405060708", "hex"), Buffer.from("ff00ff00a5a5c3d2", "hex")])(
    "reads what the sandbox wrote, hidden by %o",
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

      const found = await readAll(await BlockFiles.open(directory, regtest));
      expect(found.map(({ bytes }) => Buffer.from(bytes).toString("hex"))).toEqual(
        blocks.map((block) => Buffer.from(block).toString("hex")),
      );
      expect(found.map(({ hash }) => hash)).toEqual(blocks.map((block) => blockHashOf(block)));
      const at = found[7]?.at as FilePosition;
      expect(
        plain.subarray(at.offset, at.offset + (blocks[7]?.length ?? 0)).equals(blocks[7] as Uint8Array),
      ).toBe(true);
    },
  );

  it("goes through the files in order, and goes on where it stopped", async () => {
    const blocks = await someBlocks(9);
    blocks.forEach((block, i) => {
      const path = join(directory, `blk0000${Math.floor(i / 4)}.dat`);
      appendFileSync(path, record(block));
    });
    const files = await BlockFiles.open(directory, regtest);
    const all = await readAll(files);
    expect(all.map(({ hash }) => hash)).toEqual(blocks.map((block) => blockHashOf(block)));
    for (const [i, { next }] of all.entries()) {
      const rest = await readAll(files, next);
      expect(rest.map(({ hash }) => hash)).toEqual(all.slice(i + 1).map(({ hash }) => hash));
    }
  });

  it("never hands out a block of which one byte is missing, and reads it when it is there", async () => {
    const [, ...blocks] = await someBlocks(2);
    const [first, second] = blocks as [Uint8Array, Uint8Array];
    const path = join(directory, "blk00000.dat");
    const whole = Buffer.concat([record(first), record(second)]);
    const files = async () => BlockFiles.open(directory, regtest);
    for (let length = 0; length <= whole.length; length++) {
      // As a node does it: the file is longer than what is written, and full of zeros.
      writeFileSync(
        path,
        Buffer.concat([whole.subarray(0, length), Buffer.alloc(whole.length - length + 64)]),
      );
      const found = (await readAll(await files())).map(({ hash }) => hash);
      const written = [first, second].filter((_, i) => {
        const end = i === 0 ? record(first).length : whole.length;
        // Where the last bytes of a block are zeros themselves, the block is whole before they are written.
        return (
          whole.subarray(0, length).length >= end || whole.subarray(length, end).every((byte) => byte === 0)
        );
      });
      expect(found).toEqual(written.map((block) => blockHashOf(block)));
    }
  });

  it("finds blocks that lie across the ends of its chunks", async () => {
    const path = join(directory, "blk00000.dat");
    // 16 MiB are no multiple of a record of 293 bytes: blocks are cut at every chunk's end.
    const count = 130_000;
    const one = record(GENESIS);
    const file = Buffer.alloc(one.length * count);
    for (let i = 0; i < count; i++) file.set(one, i * one.length);
    writeFileSync(path, file);
    let found = 0;
    for await (const { bytes } of (await BlockFiles.open(directory, regtest)).blocks()) {
      if (Buffer.compare(bytes, GENESIS) === 0) found++;
    }
    expect(found).toBe(count);
    expect(statSync(path).size).toBeGreaterThan(2 * 16 * 1024 * 1024);
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
});

describe.skipIf(bitcoind === undefined)("the reader of a real node's files", () => {
  it("reads the blocks that the node has, while it writes them", async () => {
    const node = await RealNode.start(bitcoind as string);
    try {
      const hashes = [await node.rpc("getblockhash", 0)];
      hashes.push(...((await node.rpc("generatetoaddress", 200, ADDRESS)) as string[]));
      const files = await BlockFiles.open(node.blocksDirectory, regtest);
      const seen: string[] = [];
      let position: FilePosition | undefined;
      for (let round = 0; round < 5; round++) {
        for (const { hash, next } of await readAll(files, position)) {
          seen.push(hash);
          position = next;
        }
        hashes.push(...((await node.rpc("generatetoaddress", 20, ADDRESS)) as string[]));
      }
      await node.shutDown();
      for (const { hash } of await readAll(files, position)) seen.push(hash);

      expect(readFileSync(join(node.blocksDirectory, "xor.dat")).some((byte) => byte !== 0)).toBe(true);
      expect(seen).toEqual(hashes);
    } finally {
      await node.stop();
    }
  }, 120_000);
});
