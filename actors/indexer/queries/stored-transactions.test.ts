/** Transactions read out of the node's files are those of its blocks, or nothing, whatever state the files are in. */
import { readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeBlockDirectory } from "../../../bench/chain/block-directory.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { NodeClient } from "../../../bitcoind/client.ts";
import { nodeSection } from "../../../bitcoind/config.ts";
import { fileName } from "../../../bitcoind/files/block-reader.ts";
import type { TransactionInBlock } from "../../../bitcoind/questions/raw-transactions.ts";
import type { CallContext } from "../../../bus/bus.ts";
import type { EncodedReply } from "../../../bus/encoded-reply.ts";
import { silentLog } from "../../../bus/fake.ts";
import { systemClock } from "../../../runtime/clock.ts";
import { RecordedSource } from "../../../tests/harness/chain/recorded-source.ts";
import {
  BlockFilesUnderTest,
  chainOf,
  KEY,
  leftToTheNode,
  OTHER_KEY,
  readAll,
  SETTINGS,
  searched,
  transactionsOf,
} from "../../../tests/harness/indexer/block-files-under-test.ts";
import { findBitcoind, RealNode } from "../../../tests/harness/node/bitcoind.ts";
import { CoinOwner } from "../../../tests/harness/node/coin-owner.ts";
import { answers } from "../answers/answers.ts";
import { NodeSource } from "../sync/node-source.ts";

const bitcoind = findBitcoind();
const CALL = { signal: new AbortController().signal, log: silentLog() } as unknown as CallContext;

let files: BlockFilesUnderTest;

beforeEach(() => {
  files = new BlockFilesUnderTest();
});

afterEach(() => files.close());

describe("transactions in the node's block files", () => {
  it("are read byte for byte, each of any chain, whatever its place", async () => {
    const shapes = fc.record({
      seed: fc.nat(1_000),
      transactions: fc.integer({ min: 1, max: 500 }),
      transactionsPerBlock: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(16, 32, 252, 253, 300)),
      key: fc.constantFrom(undefined, KEY),
      fileBytesMax: fc.integer({ min: 20_000, max: 200_000 }),
      fromFiles: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(shapes, async ({ seed, transactions, transactionsPerBlock, ...way }) => {
        const blocks = chainOf(seed, transactions, transactionsPerBlock);
        rmSync(files.blocksDirectory, { recursive: true, force: true });
        await writeBlockDirectory(files.blocksDirectory, blocks, way);
        const index = await files.indexOf(new RecordedSource(blocks), way.fromFiles);
        // A few blocks come as those at the tip do, whatever there is.
        if (!way.fromFiles || blocks.length <= SETTINGS.liveBlocks) await searched(files.searchFor(index));
        const expected = transactionsOf(blocks);
        expect(readAll(index, expected.keys(), files.storedTransactions())).toEqual(expected);
        await index.close();
      }),
      { numRuns: 25 },
    );
    expect(files.warnings).toBe(0);
  }, 120_000);

  it("are left to the node where their file was pruned, and the others are not", async () => {
    const blocks = chainOf(4, 900, 20);
    await writeBlockDirectory(files.blocksDirectory, blocks, { key: KEY, fileBytesMax: 60_000 });
    const index = await files.indexOf(new RecordedSource(blocks), true);
    const expected = transactionsOf(blocks);
    rmSync(files.fileAt(0));
    rmSync(files.fileAt(1));
    const left = leftToTheNode(readAll(index, expected.keys(), files.storedTransactions()), expected);
    expect(left).toBeGreaterThan(10);
    expect(left).toBeLessThan(expected.size / 2);
    // A pruned node's files are looked through all the same.
    const anew = await files.indexOf(new RecordedSource(blocks));
    await searched(files.searchFor(anew));
    expect(leftToTheNode(readAll(anew, expected.keys(), files.storedTransactions()), expected)).toBe(left);
    expect(files.warnings).toBe(0);
  });

  it.each([
    ["the key is another one", () => writeFileSync(join(files.blocksDirectory, "xor.dat"), OTHER_KEY)],
    ["there is no key any more", () => rmSync(join(files.blocksDirectory, "xor.dat"))],
    [
      "files have changed places",
      () => {
        renameSync(files.fileAt(1), `${files.fileAt(1)}.kept`);
        renameSync(files.fileAt(2), files.fileAt(1));
        renameSync(`${files.fileAt(1)}.kept`, files.fileAt(2));
      },
    ],
    [
      "files are cut short or overwritten",
      () => {
        truncateSync(files.fileAt(0), 5_000);
        const bytes = readFileSync(files.fileAt(1));
        writeFileSync(files.fileAt(1), bytes.fill(0, 30_000, 50_000));
        writeFileSync(
          files.fileAt(2),
          readFileSync(files.fileAt(2)).map((byte) => byte ^ 1),
        );
      },
    ],
  ])("are never wrong when %s: the node is asked, and a person is told once", async (_, spoil) => {
    const blocks = chainOf(5, 900, 20);
    await writeBlockDirectory(files.blocksDirectory, blocks, { key: KEY, fileBytesMax: 60_000 });
    const index = await files.indexOf(new RecordedSource(blocks), true);
    const expected = transactionsOf(blocks);
    spoil();
    const stored = files.storedTransactions();
    for (let i = 0; i < 3; i++) {
      expect(leftToTheNode(readAll(index, expected.keys(), stored), expected)).toBeGreaterThan(50);
      files.clock.advance(20_000);
    }
    expect(files.warnings).toBe(1);
  });

  it("are left to others where they are long, and for a while where the disk is slow", async () => {
    const blocks = chainOf(9, 600, 60);
    await writeBlockDirectory(files.blocksDirectory, blocks, { key: KEY, fileBytesMax: 60_000 });
    const index = await files.indexOf(new RecordedSource(blocks), true);
    const expected = transactionsOf(blocks);
    const short = leftToTheNode(
      readAll(index, expected.keys(), files.storedTransactions({ lengthMax: 9_000 })),
      expected,
    );
    expect(short).toBeGreaterThan(20);
    expect(short).toBeLessThan(expected.size);
    // Each look at this clock takes ten milliseconds.
    const { monotonicMs } = files.clock;
    files.clock.monotonicMs = () => {
      files.clock.advance(10);
      return monotonicMs.call(files.clock);
    };
    const slow = files.storedTransactions({ slowMs: 5 });
    const [one = "", other = ""] = expected.keys();
    expect(leftToTheNode(readAll(index, [one], slow), expected)).toBe(0);
    expect(leftToTheNode(readAll(index, [other], slow), expected)).toBe(1);
    files.clock.advance(10_000);
    expect(leftToTheNode(readAll(index, [other], slow), expected)).toBe(0);
  });

  it("are asked of the node only where the files do not have them, and answered in the order asked", async () => {
    const blocks = chainOf(10, 700, 20);
    await writeBlockDirectory(files.blocksDirectory, blocks, { key: KEY, fileBytesMax: 60_000 });
    const index = await files.indexOf(new RecordedSource(blocks), true);
    rmSync(files.fileAt(1));
    const expected = transactionsOf(blocks);
    const asked: TransactionInBlock[] = [];
    const read = { files: 0, node: 0 };
    const { rawTransactions } = answers({
      reader: index.reader,
      stored: files.storedTransactions(),
      isSynced: () => true,
      read: (from, transactions) => {
        read[from] += transactions;
      },
      rawTransactions: async (wanted) => {
        asked.push(...wanted);
        return wanted.map(({ txid }) => expected.get(txid));
      },
    });
    const txids = ["ff".repeat(32), ...[...expected.keys()].filter((_, i) => i % 3 === 1)];
    const reply = (await rawTransactions({ txids }, CALL)) as EncodedReply;
    expect(JSON.parse(Buffer.from(reply.body).toString())).toEqual({
      results: txids.map((txid) => expected.get(txid) ?? null),
    });
    expect(asked.length).toBeGreaterThan(3);
    expect(read).toEqual({ files: txids.length - 1 - asked.length, node: asked.length });
    expect(read.files).toBeGreaterThan(3);
  });
});

describe.skipIf(bitcoind === undefined)("transactions in a real node's block files", () => {
  it("are those that the node gives, while it writes, when its chain turns, and after a file is lost", async () => {
    const node = await RealNode.start(bitcoind as string);
    await node.shutDown();
    // Files of 64 kB: there are some.
    await node.restore(["-fastprune"]);
    const config = nodeSection.schema.parse({ rpc: [node.rpcUrl], cookie_file: node.cookiePath });
    const client = new NodeClient({ config, network: regtest, clock: systemClock, log: silentLog() });
    try {
      const owner = new CoinOwner("stored");
      const mine = (count: number) => node.rpc("generatetoaddress", count, owner.address("p2wpkh"));
      await mine(600);
      const source = new NodeSource({ client, network: regtest, clock: systemClock, ahead: 4 });
      const index = await files.indexOf(source);
      const search = files.searchFor(index, node.blocksDirectory);
      const stored = files.storedTransactions({}, node.blocksDirectory);
      const found = async () => {
        await index.advance();
        await searched(search);
        const expected = await transactionsOfNode(node);
        return { expected, all: readAll(index, expected.keys(), stored) };
      };
      const first = await found();
      expect(first.all).toEqual(first.expected);
      const spent = (await node.rpc("getblock", await node.rpc("getblockhash", 1))) as { tx: string[] };
      const { hex } = owner.spend(
        [{ txid: spent.tx[0] as never, index: 0, amountSat: 5_000_000_000n, kind: "p2wpkh" }],
        [{ kind: "p2tr", amountSat: 4_999_000_000n }],
      );
      await node.rpc("sendrawtransaction", hex);
      await mine(3);
      const grown = await found();
      expect([...grown.expected.values()]).toContain(hex);
      expect(grown.all).toEqual(grown.expected);
      await node.rpc("invalidateblock", await node.rpc("getblockhash", 598));
      await mine(9);
      const turned = await found();
      expect(turned.all).toEqual(turned.expected);
      rmSync(join(node.blocksDirectory, fileName(0)));
      files.clock.advance(20_000);
      const left = leftToTheNode(readAll(index, turned.expected.keys(), stored), turned.expected);
      expect(left).toBeGreaterThan(50);
      expect(left).toBeLessThan(400);
      expect(files.warnings).toBe(0);
    } finally {
      await client.close();
      await node.stop();
    }
  }, 120_000);
});

/** By id the hex of every transaction, as the node prints its blocks. */
async function transactionsOfNode(node: RealNode): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  const height = Number(await node.rpc("getblockcount"));
  for (let at = 0; at <= height; at++) {
    const block = await node.rpc("getblock", await node.rpc("getblockhash", at), 2);
    for (const { txid, hex } of (block as { tx: { txid: string; hex: string }[] }).tx) all.set(txid, hex);
  }
  return all;
}
