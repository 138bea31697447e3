/** A first sync from a node's files gives the index that a sync over the network gives, whatever state the files are in. */
import { mkdtempSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { writeBlockDirectory } from "../../../bench/chain/block-directory.ts";
import { madeChain } from "../../../bench/chain/generator.ts";
import type { BlockHash } from "../../../bitcoin/bytes.ts";
import { mainnet, regtest } from "../../../bitcoin/network.ts";
import { NodeClient } from "../../../bitcoind/client.ts";
import { nodeSection } from "../../../bitcoind/config.ts";
import { silentLog } from "../../../bus/fake.ts";
import { systemClock } from "../../../runtime/clock.ts";
import { RecordedSource } from "../../../tests/harness/chain/recorded-source.ts";
import { IndexUnderTest } from "../../../tests/harness/indexer/index-under-test.ts";
import { KeptLog } from "../../../tests/harness/kept-log.ts";
import { findBitcoind, RealNode } from "../../../tests/harness/node/bitcoind.ts";
import { CoinOwner } from "../../../tests/harness/node/coin-owner.ts";
import { type Dump, dumpOf } from "../store/dump.ts";
import type { BlockSource } from "./block-source.ts";
import { FileFinder } from "./file-finder.ts";
import { NodeSource } from "./node-source.ts";

const KEY = Buffer.from("9a03f200c1d2e3f4", "hex");
const SETTINGS = { batchBytes: 30_000, fanIn: 2, sliceBytes: 8_192, liveBlocks: 3, touchedBlocks: 6 };
const FILE_BYTES_MAX = 60_000;

const bitcoind = findBitcoind();
let blocks: Uint8Array[];
let expected: Dump;
let directory: string;
let files: string;

/** The chain's blocks over the network, and those of them that were asked for that way. */
class CountedSource extends RecordedSource {
  stored: FileFinder | undefined;
  readonly asked: BlockHash[] = [];

  override blocks(hashes: readonly BlockHash[]): AsyncGenerator<Uint8Array> {
    this.asked.push(...hashes);
    return super.blocks(hashes);
  }
}

/** Copies: the maker uses its memory again for each block. */
function chainOf(seed: number, transactions: number, transactionsPerBlock: number): Uint8Array[] {
  return Array.from(madeChain({ seed, transactions, transactionsPerBlock }), ({ bytes }) =>
    Uint8Array.from(bytes),
  );
}

async function indexOf(source: BlockSource): Promise<Dump> {
  const home = mkdtempSync(join(tmpdir(), "troupe-finder-index-"));
  const index = new IndexUnderTest(home, source, SETTINGS);
  await index.advance();
  await index.compaction.finish();
  const view = index.store.snapshot();
  const dump = dumpOf(view);
  view.release();
  await index.close();
  rmSync(home, { recursive: true });
  return dump;
}

function sourceWithFiles(): { source: CountedSource; log: KeptLog } {
  const source = new CountedSource(blocks);
  const log = new KeptLog();
  source.stored = new FileFinder({ directory: files, network: regtest, log, blocksMin: 1 });
  return { source, log };
}

const fileAt = (number: number) => join(files, `blk0000${number}.dat`);
const codesOf = ({ lines }: KeptLog) =>
  lines
    .filter(({ level }) => level === "warn")
    .map(({ context }) => (context["error"] as { code: string }).code);

beforeAll(async () => {
  blocks = chainOf(5, 1_200, 20);
  expected = await indexOf(new RecordedSource(blocks));
});

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "troupe-finder-"));
  files = join(directory, "blocks");
  // As a node receives them: not quite in the order of the chain, and with one that did not stay in it.
  const [, stale] = chainOf(6, 22, 21) as [Uint8Array, Uint8Array];
  const [genesis, ...others] = blocks as [Uint8Array, ...Uint8Array[]];
  const received = [genesis, stale, ...others];
  for (let i = 8; i + 3 < received.length; i += 9)
    received.splice(i, 3, ...received.slice(i, i + 3).reverse());
  await writeBlockDirectory(files, received, { key: KEY, fileBytesMax: FILE_BYTES_MAX });
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe("a first sync from the node's files", () => {
  it("is the same byte for byte, and asks the node for no block", async () => {
    const { source, log } = sourceWithFiles();
    expect(await indexOf(source)).toEqual(expected);
    expect(source.asked).toEqual([]);
    expect(codesOf(log)).toEqual([]);
    expect(expected.height).toBe(blocks.length - 1);
  });

  it("takes what is not in the files from the node", async () => {
    truncateSync(fileAt(3), 20_000);
    const { source, log } = sourceWithFiles();
    expect(await indexOf(source)).toEqual(expected);
    expect(source.asked.length).toBeGreaterThan(2);
    expect(source.asked.length).toBeLessThan(blocks.length / 4);
    expect(codesOf(log)).toEqual([]);
  });

  it.each([
    ["was written only in part", (bytes: Buffer) => bytes.fill(0, 40_000, 41_000)],
    ["has one wrong bit", (bytes: Buffer) => bytes.fill((bytes[30_000] as number) ^ 4, 30_000, 30_001)],
  ])("gives the files up when a block %s, and asks the node for all that follow", async (_, spoil) => {
    const bytes = readFileSync(fileAt(2));
    writeFileSync(fileAt(2), spoil(bytes));
    const { source, log } = sourceWithFiles();
    expect(await indexOf(source)).toEqual(expected);
    expect(codesOf(log)).toEqual(["NODE_BLOCK_FILE_DAMAGED"]);
    expect(source.asked.length).toBeGreaterThan(10);
    expect(source.asked.length).toBeLessThan(blocks.length);
  });

  it("notices a block that is another one than its place promised", async () => {
    const { source, log } = sourceWithFiles();
    const { stored } = source;
    const find = stored?.find.bind(stored) as FileFinder["find"];
    (stored as FileFinder).find = async (hashes, left, signal) => {
      const found = await find(hashes, left, signal);
      const places = [...(found?.blocks ?? [])];
      [places[30], places[31]] = [places[31], places[30]];
      return found === undefined ? undefined : { files: found.files, blocks: places };
    };
    expect(await indexOf(source)).toEqual(expected);
    expect(codesOf(log)).toEqual(["INDEXER_BAD_BLOCK"]);
  });

  it("goes on over the network when a file vanishes in the middle", async () => {
    const { source, log } = sourceWithFiles();
    const { stored } = source;
    const find = stored?.find.bind(stored) as FileFinder["find"];
    (stored as FileFinder).find = async (hashes, left, signal) => {
      const found = await find(hashes, left, signal);
      rmSync(fileAt(4), { force: true });
      return found;
    };
    expect(await indexOf(source)).toEqual(expected);
    expect(codesOf(log)).toEqual(["NODE_BLOCK_FILE_UNREADABLE"]);
  });

  it("ends at once when it is told to, and keeps what is committed", async () => {
    const { source, log } = sourceWithFiles();
    const home = mkdtempSync(join(tmpdir(), "troupe-finder-index-"));
    const index = new IndexUnderTest(home, source, SETTINGS);
    const stop = new AbortController();
    const { stored } = source;
    const find = stored?.find.bind(stored) as FileFinder["find"];
    (stored as FileFinder).find = async (hashes, left, signal) => {
      const found = await find(hashes, left, signal);
      stop.abort(new Error("stopped"));
      return found;
    };
    await expect(index.advance(stop.signal)).rejects.toThrow("stopped");
    expect(index.store.state.height).toBe(-1);
    expect(log.lines.filter(({ level }) => level === "warn")).toEqual([]);
    (stored as FileFinder).find = find;
    await index.advance();
    expect(index.store.state.height).toBe(blocks.length - 1);
    expect(source.asked).toEqual([]);
    await index.close();
    rmSync(home, { recursive: true });
  });

  it.each([
    ["NODE_BLOCK_FILE_MISSING", () => renameSync(fileAt(0), join(files, "elsewhere"))],
    ["NODE_BLOCK_FILE_FOREIGN", () => rmSync(join(files, "xor.dat"))],
    ["NODE_BLOCK_FILE_UNREADABLE", () => writeFileSync(join(files, "xor.dat"), "short")],
  ])("says %s where the directory is of no use, and syncs without it", async (code, spoil) => {
    spoil();
    const { source, log } = sourceWithFiles();
    expect(await indexOf(source)).toEqual(expected);
    expect(codesOf(log)).toEqual([code]);
    expect(source.asked.length).toBe(blocks.length);
  });

  it("does not take another network's files", async () => {
    const log = new KeptLog();
    const finder = new FileFinder({ directory: files, network: mainnet, log, blocksMin: 1 });
    expect(await finder.find([], 10, new AbortController().signal)).toBeUndefined();
    expect(codesOf(log)).toEqual(["NODE_BLOCK_FILE_FOREIGN"]);
  });

  it("warns of nothing where the node is on another machine, and looks for nothing where little is left", async () => {
    rmSync(files, { recursive: true });
    const { source, log } = sourceWithFiles();
    expect(await indexOf(source)).toEqual(expected);
    expect(log.lines.map(({ level }) => level)).toEqual(["info"]);

    const quiet = new KeptLog();
    const finder = new FileFinder({ directory: files, network: regtest, log: quiet, blocksMin: 100 });
    expect(await finder.find([], 99, new AbortController().signal)).toBeUndefined();
    expect(quiet.lines).toEqual([]);
  });
});

describe.skipIf(bitcoind === undefined)("a first sync from a real node's files", () => {
  it("is the same byte for byte as over its RPC", async () => {
    const node = await RealNode.start(bitcoind as string);
    const owner = new CoinOwner("finder");
    const config = nodeSection.schema.parse({ rpc: [node.rpcUrl], cookie_file: node.cookiePath });
    const client = new NodeClient({ config, network: regtest, clock: systemClock, log: silentLog() });
    try {
      await node.rpc("generatetoaddress", 130, owner.address("p2wpkh"));
      const first = (await node.rpc("getblock", await node.rpc("getblockhash", 1))) as { tx: string[] };
      const { hex } = owner.spend(
        [{ txid: first.tx[0] as never, index: 0, amountSat: 5_000_000_000n, kind: "p2wpkh" }],
        [{ kind: "p2tr", amountSat: 4_999_000_000n }],
      );
      await node.rpc("sendrawtransaction", hex);
      await node.rpc("generatetoaddress", 20, owner.address("p2pkh"));
      const log = new KeptLog();
      let overNetwork = 0;
      const sourceOf = (stored: FileFinder | undefined): BlockSource => {
        const options = { client, network: regtest, clock: systemClock, ahead: 2, stored };
        const source = new NodeSource(options);
        const blocksOf = source.blocks.bind(source);
        source.blocks = (hashes, signal) => {
          overNetwork += hashes.length;
          return blocksOf(hashes, signal);
        };
        return source;
      };
      const finder = new FileFinder({ directory: node.blocksDirectory, network: regtest, log, blocksMin: 1 });
      const fromFiles = await indexOf(sourceOf(finder));
      expect(overNetwork).toBe(0);
      expect(await indexOf(sourceOf(undefined))).toEqual(fromFiles);
      expect(overNetwork).toBe(151);
      expect(fromFiles).toMatchObject({ height: 150, txCount: 152 });
      expect(codesOf(log)).toEqual([]);
    } finally {
      await client.close();
      await node.stop();
    }
  }, 120_000);
});
