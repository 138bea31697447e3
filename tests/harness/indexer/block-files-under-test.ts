/** A node's block files in a directory of their own, and an index that finds transactions in them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { StoredTransactions } from "../../../actors/indexer/queries/stored-transactions.ts";
import type { BlockSource } from "../../../actors/indexer/sync/block-source.ts";
import { FileFinder } from "../../../actors/indexer/sync/file-finder.ts";
import { PlaceSearch } from "../../../actors/indexer/sync/place-search.ts";
import { madeChain } from "../../../bench/chain/generator.ts";
import { spanTxidBytes, walkBlock } from "../../../bitcoin/block/block-walker.ts";
import { txidFromBytes } from "../../../bitcoin/bytes.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { fileName } from "../../../bitcoind/files/block-reader.ts";
import { ManualClock } from "../../../runtime/clock.ts";
import { KeptLog } from "../kept-log.ts";
import { type IndexSettings, IndexUnderTest } from "./index-under-test.ts";

export const KEY = Buffer.from("9a03f200c1d2e3f4", "hex");
export const OTHER_KEY = Buffer.from("0b1c2d3e4f5a6978", "hex");
export const SETTINGS: IndexSettings = {
  batchBytes: 30_000,
  fanIn: 2,
  sliceBytes: 8_192,
  liveBlocks: 3,
  touchedBlocks: 6,
};

export class BlockFilesUnderTest {
  readonly directory = mkdtempSync(join(tmpdir(), "troupe-stored-"));
  readonly blocksDirectory = join(this.directory, "blocks");
  readonly clock = new ManualClock();
  readonly log = new KeptLog();
  readonly #opened: (() => Promise<unknown> | unknown)[] = [];

  get warnings(): number {
    return this.log.lines.filter(({ level }) => level === "warn").length;
  }

  fileAt(number: number): string {
    return join(this.blocksDirectory, fileName(number));
  }

  /** What is closed before the directory goes, the last first. */
  atEnd(...closing: readonly (() => Promise<unknown> | unknown)[]): void {
    this.#opened.push(...closing);
  }

  /** The source's blocks; those that are found in the files are taken there if `readsFiles`. */
  async indexOf(source: BlockSource, readsFiles = false): Promise<IndexUnderTest> {
    const home = mkdtempSync(join(this.directory, "index-"));
    if (readsFiles) {
      const { blocksDirectory: directory, log } = this;
      const stored = new FileFinder({ directory, network: regtest, log, blocksMin: 1 });
      Object.assign(source, { stored });
    }
    const index = new IndexUnderTest(home, source, SETTINGS);
    this.atEnd(() => index.close().catch(() => undefined));
    await index.advance();
    return index;
  }

  storedTransactions(
    limits: { lengthMax?: number; slowMs?: number } = {},
    directory = this.blocksDirectory,
  ): StoredTransactions {
    const { clock, log } = this;
    const { serialization } = regtest;
    const stored = new StoredTransactions({ directory, serialization, clock, log, ...limits });
    this.atEnd(() => stored.close());
    return stored;
  }

  searchFor({ store }: IndexUnderTest, directory = this.blocksDirectory): PlaceSearch {
    const { clock, log } = this;
    const search = new PlaceSearch({ store, directory, network: regtest, clock, log });
    this.atEnd(() => search.stop());
    return search;
  }

  async close(): Promise<void> {
    for (const close of this.#opened.splice(0).reverse()) await close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Copies: the maker uses its memory again for each block. */
export function chainOf(seed: number, transactions: number, transactionsPerBlock: number): Uint8Array[] {
  return Array.from(madeChain({ seed, transactions, transactionsPerBlock }), ({ bytes }) =>
    Uint8Array.from(bytes),
  );
}

/** By id the hex of every transaction: cut out of the blocks themselves. */
export function transactionsOf(blocks: Iterable<Uint8Array>): Map<string, string> {
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

export async function searched(search: PlaceSearch): Promise<void> {
  search.kick();
  await search.settle();
}

/** What is read of each: its hex, null where no block has it, "node" where the node has to be asked. */
export function readAll(
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
export function leftToTheNode(found: Map<string, string | null>, expected: Map<string, string>): number {
  let left = 0;
  for (const [txid, hex] of found) {
    if (hex === "node") left += 1;
    else expect(hex).toBe(expected.get(txid));
  }
  return left;
}
