/** Transactions read out of the node's files are those of its blocks, or nothing, whatever state the files are in. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeBlockDirectory } from "../../../bench/chain/block-directory.ts";
import { madeChain } from "../../../bench/chain/generator.ts";
import { Randomness } from "../../../bench/chain/randomness.ts";
import { spanTxidBytes, walkBlock } from "../../../bitcoin/block/block-walker.ts";
import { txidFromBytes } from "../../../bitcoin/bytes.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { NodeClient } from "../../../bitcoind/client.ts";
import { nodeSection } from "../../../bitcoind/config.ts";
import { fileName } from "../../../bitcoind/files/block-reader.ts";
import type { TransactionInBlock } from "../../../bitcoind/questions/raw-transactions.ts";
import type { CallContext } from "../../../bus/bus.ts";
import type { EncodedReply } from "../../../bus/encoded-reply.ts";
import { silentLog } from "../../../bus/fake.ts";
import { ManualClock, systemClock } from "../../../runtime/clock.ts";
import { ModelChain, ModelSource } from "../../../tests/harness/chain/model-chain.ts";
import { RecordedSource } from "../../../tests/harness/chain/recorded-source.ts";
import { type IndexSettings, IndexUnderTest } from "../../../tests/harness/indexer/index-under-test.ts";
import { KeptLog } from "../../../tests/harness/kept-log.ts";
import { findBitcoind, RealNode } from "../../../tests/harness/node/bitcoind.ts";
import { CoinOwner } from "../../../tests/harness/node/coin-owner.ts";
import { answers } from "../answers/answers.ts";
import type { BlockSource } from "../sync/block-source.ts";
import { FileFinder } from "../sync/file-finder.ts";
import { NodeSource } from "../sync/node-source.ts";
import { PlaceSearch } from "../sync/place-search.ts";
import { StoredTransactions } from "./stored-transactions.ts";

const bitcoind = findBitcoind();
const KEY = Buffer.from("9a03f200c1d2e3f4", "hex");
const OTHER_KEY = Buffer.from("0b1c2d3e4f5a6978", "hex");
const SETTINGS: IndexSettings = {
  batchBytes: 30_000,
  fanIn: 2,
  sliceBytes: 8_192,
  liveBlocks: 3,
  touchedBlocks: 6,
};

let directory: string;
let clock: ManualClock;
let log: KeptLog;
const opened: (() => Promise<void> | void)[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "troupe-stored-"));
  clock = new ManualClock();
  log = new KeptLog();
});

afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
  rmSync(directory, { recursive: true, force: true });
});

const blocksAt = () => join(directory, "blocks");
const fileAt = (number: number) => join(blocksAt(), fileName(number));
const warnings = () => log.lines.filter(({ level }) => level === "warn").length;

/** Copies: the maker uses its memory again for each block. */
function chainOf(seed: number, transactions: number, transactionsPerBlock: number): Uint8Array[] {
  return Array.from(madeChain({ seed, transactions, transactionsPerBlock }), ({ bytes }) =>
    Uint8Array.from(bytes),
  );
}

/** By id the hex of every transaction: cut out of the blocks themselves. */
function transactionsOf(blocks: Iterable<Uint8Array>): Map<string, string> {
  const all = new Map<string, string>();
  for (const block of blocks) {
    walkBlock(block, {
      transaction: (span) => {
        const hex = Buffer.from(block.subarray(span.start, span.end)).toString("hex");
        all.set(txidFromBytes(spanTxidBytes(block, span)), hex);
      },
    });
  }
  return all;
}

/** The source's blocks; those that are found in the files are taken there if `readsFiles`. */
async function indexOf(source: BlockSource, readsFiles = false): Promise<IndexUnderTest> {
  const home = mkdtempSync(join(directory, "index-"));
  if (readsFiles) {
    const stored = new FileFinder({ directory: blocksAt(), network: regtest, log, blocksMin: 1 });
    Object.assign(source, { stored });
  }
  const index = new IndexUnderTest(home, source, SETTINGS);
  opened.push(() => index.close().catch(() => undefined));
  await index.advance();
  return index;
}

function storedTransactions(limits: { lengthMax?: number; slowMs?: number } = {}): StoredTransactions {
  const { serialization } = regtest;
  const stored = new StoredTransactions({ directory: blocksAt(), serialization, clock, log, ...limits });
  opened.push(() => stored.close());
  return stored;
}

function searchFor({ store }: IndexUnderTest): PlaceSearch {
  const search = new PlaceSearch({ store, directory: blocksAt(), network: regtest, clock, log });
  opened.push(() => search.stop());
  return search;
}

async function searched(search: PlaceSearch): Promise<void> {
  search.kick();
  await search.settle();
}

/** What is read of each: its hex, null where no block has it, "node" where the node has to be asked. */
function readAll(
  index: IndexUnderTest,
  txids: Iterable<string>,
  stored: StoredTransactions,
): Map<string, string | null> {
  const asked = [...txids];
  const found = index.reader.askTurn((replies) => replies.rawTransactions({ txids: asked }, stored));
  return new Map(
    asked.map((txid, i) => {
      const one = found[i] ?? null;
      return [txid, typeof one === "object" && one !== null ? "node" : one];
    }),
  );
}

/** Nothing that is read is anything else than it should be; returns for how many the node has to be asked. */
function leftToTheNode(found: Map<string, string | null>, expected: Map<string, string>): number {
  let left = 0;
  for (const [txid, hex] of found) {
    if (hex === "node") left += 1;
    else expect(hex).toBe(expected.get(txid));
  }
  return left;
}

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
        rmSync(blocksAt(), { recursive: true, force: true });
        await writeBlockDirectory(blocksAt(), blocks, way);
        const index = await indexOf(new RecordedSource(blocks), way.fromFiles);
        // A few blocks come as those at the tip do, whatever there is.
        if (!way.fromFiles || blocks.length <= SETTINGS.liveBlocks) await searched(searchFor(index));
        const expected = transactionsOf(blocks);
        expect(readAll(index, expected.keys(), storedTransactions())).toEqual(expected);
        await index.close();
      }),
      { numRuns: 25 },
    );
    expect(warnings()).toBe(0);
  }, 120_000);

  it("are found after blocks came and went, restarts, and in whatever order the node has written them", async () => {
    type Step = "mine" | "turn" | "restart" | "behind" | "later";
    const steps = fc.array(fc.constantFrom<Step>("mine", "mine", "turn", "restart", "behind", "later"), {
      minLength: 1,
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(fc.integer(), steps, async (seed, all) => {
        const random = new Randomness(seed);
        const chain = new ModelChain(() => random.fraction());
        for (let i = 0; i < 6; i++) chain.mine(20);
        rmSync(blocksAt(), { recursive: true, force: true });
        const written = async () => {
          const everyBlock = chain.everyBlock.map(({ bytes }) => bytes);
          await writeBlockDirectory(blocksAt(), everyBlock, { key: KEY, fileBytesMax: 9_000 });
        };
        await written();
        const source = new ModelSource(chain);
        const index = await indexOf(source);
        let search = searchFor(index);
        const stored = storedTransactions();
        for (const step of all) {
          if (step === "turn") {
            chain.turnBack(1 + (seed & 3));
            for (let i = 0; i < 6; i++) chain.mine(9);
          } else chain.mine(20);
          // The node has written a block before it tells of it, or the index hears of it first.
          if (step === "later") await index.advance();
          if (step !== "behind") await written();
          if (step === "behind") {
            chain.mine(5);
            await written();
          }
          if (step === "restart") {
            await search.stop();
            await index.restart();
            search = searchFor(index);
          }
          await index.advance();
          await searched(search);
          const expected = transactionsOf(chain.blocks.map(({ bytes }) => bytes));
          expect(readAll(index, expected.keys(), stored)).toEqual(expected);
          const all = transactionsOf(chain.everyBlock.map(({ bytes }) => bytes));
          for (const [txid, hex] of readAll(index, all.keys(), stored)) {
            expect(hex).toBe(expected.get(txid) ?? null);
          }
        }
        await search.stop();
        await index.close();
      }),
      { numRuns: 25 },
    );
    expect(warnings()).toBe(0);
  }, 120_000);

  it("are left to the node where their file was pruned, and the others are not", async () => {
    const blocks = chainOf(4, 900, 20);
    await writeBlockDirectory(blocksAt(), blocks, { key: KEY, fileBytesMax: 60_000 });
    const index = await indexOf(new RecordedSource(blocks), true);
    const expected = transactionsOf(blocks);
    rmSync(fileAt(0));
    rmSync(fileAt(1));
    const left = leftToTheNode(readAll(index, expected.keys(), storedTransactions()), expected);
    expect(left).toBeGreaterThan(10);
    expect(left).toBeLessThan(expected.size / 2);
    // A pruned node's files are looked through all the same.
    const anew = await indexOf(new RecordedSource(blocks));
    await searched(searchFor(anew));
    expect(leftToTheNode(readAll(anew, expected.keys(), storedTransactions()), expected)).toBe(left);
    expect(warnings()).toBe(0);
  });

  it.each([
    ["the key is another one", () => writeFileSync(join(blocksAt(), "xor.dat"), OTHER_KEY)],
    ["there is no key any more", () => rmSync(join(blocksAt(), "xor.dat"))],
    [
      "files have changed places",
      () => {
        renameSync(fileAt(1), `${fileAt(1)}.kept`);
        renameSync(fileAt(2), fileAt(1));
        renameSync(`${fileAt(1)}.kept`, fileAt(2));
      },
    ],
    [
      "files are cut short or overwritten",
      () => {
        truncateSync(fileAt(0), 5_000);
        const bytes = readFileSync(fileAt(1));
        writeFileSync(fileAt(1), bytes.fill(0, 30_000, 50_000));
        writeFileSync(
          fileAt(2),
          readFileSync(fileAt(2)).map((byte) => byte ^ 1),
        );
      },
    ],
  ])("are never wrong when %s: the node is asked, and a person is told once", async (_, spoil) => {
    const blocks = chainOf(5, 900, 20);
    await writeBlockDirectory(blocksAt(), blocks, { key: KEY, fileBytesMax: 60_000 });
    const index = await indexOf(new RecordedSource(blocks), true);
    const expected = transactionsOf(blocks);
    spoil();
    const stored = storedTransactions();
    for (let i = 0; i < 3; i++) {
      expect(leftToTheNode(readAll(index, expected.keys(), stored), expected)).toBeGreaterThan(50);
      clock.advance(20_000);
    }
    expect(warnings()).toBe(1);
  });

  it("are found again after the node has begun anew, with another key and its blocks in another order", async () => {
    const blocks = chainOf(6, 900, 20);
    await writeBlockDirectory(blocksAt(), blocks, { key: KEY, fileBytesMax: 60_000 });
    const index = await indexOf(new RecordedSource(blocks), true);
    const expected = transactionsOf(blocks);
    rmSync(blocksAt(), { recursive: true });
    const [genesis, ...others] = blocks as [Uint8Array, ...Uint8Array[]];
    const received = [genesis, ...others.toReversed()];
    await writeBlockDirectory(blocksAt(), received, { key: OTHER_KEY, fileBytesMax: 50_000 });
    const stored = storedTransactions();
    expect(leftToTheNode(readAll(index, expected.keys(), stored), expected)).toBeGreaterThan(50);
    await searched(searchFor(index));
    clock.advance(20_000);
    expect(readAll(index, expected.keys(), stored)).toEqual(expected);
  });

  it("are read as soon as the files appear, and the answers before are the node's", async () => {
    const blocks = chainOf(7, 500, 20);
    const index = await indexOf(new RecordedSource(blocks));
    const expected = transactionsOf(blocks);
    const search = searchFor(index);
    const stored = storedTransactions();
    await searched(search);
    expect(leftToTheNode(readAll(index, expected.keys(), stored), expected)).toBe(expected.size);
    // A directory without any, files of another network.
    mkdirSync(blocksAt());
    clock.advance(60_000);
    await searched(search);
    writeFileSync(fileAt(0), Buffer.alloc(1_000, 7));
    clock.advance(60_000);
    await searched(search);
    expect(leftToTheNode(readAll(index, expected.keys(), stored), expected)).toBe(expected.size);
    rmSync(blocksAt(), { recursive: true });
    await writeBlockDirectory(blocksAt(), blocks, { key: KEY, fileBytesMax: 60_000 });
    search.kick();
    await search.settle();
    expect(leftToTheNode(readAll(index, expected.keys(), stored), expected)).toBe(expected.size);
    clock.advance(60_000);
    await searched(search);
    expect(readAll(index, expected.keys(), stored)).toEqual(expected);
    expect(warnings()).toBe(0);
    // What is known outlives the process.
    await search.stop();
    await index.restart();
    expect(readAll(index, expected.keys(), stored)).toEqual(expected);
  });

  it("are looked for from the newest files on, and a directory that goes away is no fault", async () => {
    const blocks = chainOf(8, 900, 20);
    const chain = new GrowingSource(blocks, 30);
    await writeBlockDirectory(blocksAt(), blocks.slice(0, 30), { key: KEY, fileBytesMax: 30_000 });
    const index = await indexOf(chain, true);
    Object.assign(chain, { stored: undefined });
    const search = searchFor(index);
    // What the newest blocks cannot lie in need not even be files.
    const first = readdirSync(blocksAt()).filter((name) => name.startsWith("blk")).length - 2;
    for (let number = 0; number < first; number++) truncateSync(fileAt(number), 0);
    for (let count = 31; count <= blocks.length; count++) {
      chain.count = count;
      await writeMore(blocks.slice(0, count));
      await index.advance();
      await searched(search);
    }
    const newest = transactionsOf(blocks.slice(31));
    expect(readAll(index, newest.keys(), storedTransactions())).toEqual(newest);
    rmSync(blocksAt(), { recursive: true });
    clock.advance(3_600_000);
    await searched(search);
    expect(leftToTheNode(readAll(index, newest.keys(), storedTransactions()), newest)).toBe(newest.size);
    expect(warnings()).toBe(0);

    async function writeMore(all: readonly Uint8Array[]): Promise<void> {
      const whole = join(directory, "whole");
      await writeBlockDirectory(whole, all, { key: KEY, fileBytesMax: 30_000 });
      for (const name of readdirSync(whole)) {
        const number = Number(/\d+/.exec(name)?.[0] ?? 0);
        if (number >= first) renameSync(join(whole, name), join(blocksAt(), name));
      }
      rmSync(whole, { recursive: true });
    }
  });

  it("are left to others where they are long, and for a while where the disk is slow", async () => {
    const blocks = chainOf(9, 600, 60);
    await writeBlockDirectory(blocksAt(), blocks, { key: KEY, fileBytesMax: 60_000 });
    const index = await indexOf(new RecordedSource(blocks), true);
    const expected = transactionsOf(blocks);
    const short = leftToTheNode(
      readAll(index, expected.keys(), storedTransactions({ lengthMax: 9_000 })),
      expected,
    );
    expect(short).toBeGreaterThan(20);
    expect(short).toBeLessThan(expected.size);
    // Each look at this clock takes ten milliseconds.
    const { monotonicMs } = clock;
    clock.monotonicMs = () => {
      clock.advance(10);
      return monotonicMs.call(clock);
    };
    const slow = storedTransactions({ slowMs: 5 });
    const [one = "", other = ""] = expected.keys();
    expect(leftToTheNode(readAll(index, [one], slow), expected)).toBe(0);
    expect(leftToTheNode(readAll(index, [other], slow), expected)).toBe(1);
    clock.advance(10_000);
    expect(leftToTheNode(readAll(index, [other], slow), expected)).toBe(0);
  });

  it("are asked of the node only where the files do not have them, and answered in the order asked", async () => {
    const blocks = chainOf(10, 700, 20);
    await writeBlockDirectory(blocksAt(), blocks, { key: KEY, fileBytesMax: 60_000 });
    const index = await indexOf(new RecordedSource(blocks), true);
    rmSync(fileAt(1));
    const expected = transactionsOf(blocks);
    const asked: TransactionInBlock[] = [];
    const read = { files: 0, node: 0 };
    const { rawTransactions } = answers({
      reader: index.reader,
      stored: storedTransactions(),
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
      const index = await indexOf(source);
      const { serialization } = regtest;
      const ofNode = { directory: node.blocksDirectory, clock, log };
      const search = new PlaceSearch({ ...ofNode, store: index.store, network: regtest });
      const stored = new StoredTransactions({ ...ofNode, serialization });
      opened.push(
        () => search.stop(),
        () => stored.close(),
      );
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
      clock.advance(20_000);
      const left = leftToTheNode(readAll(index, turned.expected.keys(), stored), turned.expected);
      expect(left).toBeGreaterThan(50);
      expect(left).toBeLessThan(400);
      expect(warnings()).toBe(0);
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

const CALL = { signal: new AbortController().signal, log: silentLog() } as unknown as CallContext;

/** A chain of which the first `count` blocks have come. */
class GrowingSource extends RecordedSource {
  readonly #blocks: readonly Uint8Array[];
  count: number;

  constructor(blocks: readonly Uint8Array[], count: number) {
    super(blocks);
    this.#blocks = blocks;
    this.count = count;
  }

  override tip() {
    return new RecordedSource(this.#blocks.slice(0, this.count)).tip();
  }

  override headersAfter(...[after, countMax]: Parameters<RecordedSource["headersAfter"]>) {
    return new RecordedSource(this.#blocks.slice(0, this.count)).headersAfter(after, countMax);
  }
}
