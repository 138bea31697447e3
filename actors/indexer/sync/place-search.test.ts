/** Blocks are found in the node's files whenever and in whatever order they come there, and found again when they have moved. */
import { mkdirSync, readdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeBlockDirectory } from "../../../bench/chain/block-directory.ts";
import { Randomness } from "../../../bench/chain/randomness.ts";
import { ModelChain, ModelSource } from "../../../tests/harness/chain/model-chain.ts";
import { RecordedSource } from "../../../tests/harness/chain/recorded-source.ts";
import {
  BlockFilesUnderTest,
  chainOf,
  KEY,
  leftToTheNode,
  OTHER_KEY,
  readAll,
  searched,
  transactionsOf,
} from "../../../tests/harness/indexer/block-files-under-test.ts";

let files: BlockFilesUnderTest;

beforeEach(() => {
  files = new BlockFilesUnderTest();
});

afterEach(() => files.close());

describe("blocks in the node's files", () => {
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
        rmSync(files.blocksDirectory, { recursive: true, force: true });
        const written = async () => {
          const everyBlock = chain.everyBlock.map(({ bytes }) => bytes);
          await writeBlockDirectory(files.blocksDirectory, everyBlock, { key: KEY, fileBytesMax: 9_000 });
        };
        await written();
        const source = new ModelSource(chain);
        const index = await files.indexOf(source);
        let search = files.searchFor(index);
        const stored = files.storedTransactions();
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
            search = files.searchFor(index);
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
    expect(files.warnings).toBe(0);
  }, 120_000);

  it("are found again after the node has begun anew, with another key and its blocks in another order", async () => {
    const blocks = chainOf(6, 900, 20);
    await writeBlockDirectory(files.blocksDirectory, blocks, { key: KEY, fileBytesMax: 60_000 });
    const index = await files.indexOf(new RecordedSource(blocks), true);
    const expected = transactionsOf(blocks);
    rmSync(files.blocksDirectory, { recursive: true });
    const [genesis, ...others] = blocks as [Uint8Array, ...Uint8Array[]];
    const received = [genesis, ...others.toReversed()];
    await writeBlockDirectory(files.blocksDirectory, received, { key: OTHER_KEY, fileBytesMax: 50_000 });
    const stored = files.storedTransactions();
    expect(leftToTheNode(readAll(index, expected.keys(), stored), expected)).toBeGreaterThan(50);
    await searched(files.searchFor(index));
    files.clock.advance(20_000);
    expect(readAll(index, expected.keys(), stored)).toEqual(expected);
  });

  it("are read as soon as the files appear, and the answers before are the node's", async () => {
    const blocks = chainOf(7, 500, 20);
    const index = await files.indexOf(new RecordedSource(blocks));
    const expected = transactionsOf(blocks);
    const search = files.searchFor(index);
    const stored = files.storedTransactions();
    await searched(search);
    expect(leftToTheNode(readAll(index, expected.keys(), stored), expected)).toBe(expected.size);
    // A directory without any, files of another network.
    mkdirSync(files.blocksDirectory);
    files.clock.advance(60_000);
    await searched(search);
    writeFileSync(files.fileAt(0), Buffer.alloc(1_000, 7));
    files.clock.advance(60_000);
    await searched(search);
    expect(leftToTheNode(readAll(index, expected.keys(), stored), expected)).toBe(expected.size);
    rmSync(files.blocksDirectory, { recursive: true });
    await writeBlockDirectory(files.blocksDirectory, blocks, { key: KEY, fileBytesMax: 60_000 });
    search.kick();
    await search.settle();
    expect(leftToTheNode(readAll(index, expected.keys(), stored), expected)).toBe(expected.size);
    files.clock.advance(60_000);
    await searched(search);
    expect(readAll(index, expected.keys(), stored)).toEqual(expected);
    expect(files.warnings).toBe(0);
    // What is known outlives the process.
    await search.stop();
    await index.restart();
    expect(readAll(index, expected.keys(), stored)).toEqual(expected);
  });

  it("are looked for from the newest files on, and a directory that goes away is no fault", async () => {
    const blocks = chainOf(8, 900, 20);
    const chain = new GrowingSource(blocks, 30);
    await writeBlockDirectory(files.blocksDirectory, blocks.slice(0, 30), { key: KEY, fileBytesMax: 30_000 });
    const index = await files.indexOf(chain, true);
    Object.assign(chain, { stored: undefined });
    const search = files.searchFor(index);
    // What the newest blocks cannot lie in need not even be files.
    const first = readdirSync(files.blocksDirectory).filter((name) => name.startsWith("blk")).length - 2;
    for (let number = 0; number < first; number++) truncateSync(files.fileAt(number), 0);
    for (let count = 31; count <= blocks.length; count++) {
      chain.count = count;
      await writeMore(blocks.slice(0, count));
      await index.advance();
      await searched(search);
    }
    const newest = transactionsOf(blocks.slice(31));
    expect(readAll(index, newest.keys(), files.storedTransactions())).toEqual(newest);
    rmSync(files.blocksDirectory, { recursive: true });
    files.clock.advance(3_600_000);
    await searched(search);
    expect(leftToTheNode(readAll(index, newest.keys(), files.storedTransactions()), newest)).toBe(
      newest.size,
    );
    expect(files.warnings).toBe(0);

    async function writeMore(all: readonly Uint8Array[]): Promise<void> {
      const whole = join(files.directory, "whole");
      await writeBlockDirectory(whole, all, { key: KEY, fileBytesMax: 30_000 });
      for (const name of readdirSync(whole)) {
        const number = Number(/\d+/.exec(name)?.[0] ?? 0);
        if (number >= first) renameSync(join(whole, name), join(files.blocksDirectory, name));
      }
      rmSync(whole, { recursive: true });
    }
  });
});

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
