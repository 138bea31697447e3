import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "lmdb";
import { afterEach, describe, expect, it } from "vitest";
import { Randomness } from "../../../bench/chain/randomness.ts";
import { regtest } from "../../../bitcoin/network.ts";
import type { CallContext } from "../../../bus/bus.ts";
import type { IndexClient } from "../../../cli/index/verification.ts";
import { verifyAll, verifySample } from "../../../cli/index/verification.ts";
import { ManualClock } from "../../../runtime/clock.ts";
import { ModelChain, ModelSource } from "../../../tests/harness/chain/model-chain.ts";
import { IndexUnderTest, SMALL_INDEX } from "../../../tests/harness/indexer/index-under-test.ts";
import { TABLES } from "../rows/layout.ts";
import { PackedReader, packRows } from "../rows/packed-block.ts";
import { openTables, type Tables } from "../store/tables.ts";
import { verifyAnswers } from "./verify-answers.ts";

const opened: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

interface Verified {
  readonly index: IndexUnderTest;
  readonly chain: ModelChain;
  readonly source: ModelSource;
  readonly client: () => IndexClient;
  /** Writes into the closed store, and opens it again. */
  damage(write: (tables: Tables) => void): Promise<void>;
}

async function indexed(blocks = 40, settings = SMALL_INDEX): Promise<Verified> {
  const random = new Randomness(3);
  const chain = new ModelChain(() => random.fraction());
  for (let i = 0; i < blocks - 2; i++) chain.mine(5);
  const directory = mkdtempSync(join(tmpdir(), "troupe-verify-"));
  opened.push(() => rmSync(directory, { recursive: true, force: true }));
  const source = new ModelSource(chain);
  const index = new IndexUnderTest(directory, source, settings);
  opened.push(() => index.close());
  await index.advance();
  // What the newest blocks touch is stored too.
  chain.mine(5);
  chain.mine(5);
  await index.advance();
  // A merge that goes on would write anew what a test damages.
  await index.compaction.finish();
  const call = { signal: new AbortController().signal } as CallContext;
  return {
    index,
    chain,
    source,
    client: () => {
      const answers = verifyAnswers({ store: index.store, source, network: regtest }, () => true);
      return {
        status: async (input) => (await answers.status(input, call)) as never,
        verifyBlocks: async (input) => (await answers.verifyBlocks(input, call)) as never,
        verifyRows: async (input) => (await answers.verifyRows(input, call)) as never,
      };
    },
    async damage(write) {
      await index.close();
      const env = open({ path: directory, noSubdir: false, maxDbs: 16, encoding: "binary" });
      const tables = openTables(env);
      await env.transaction(() => write(tables));
      await env.close();
      index.reopen();
    },
  };
}

const tools = { clock: new ManualClock(), progress: () => {} };

/** Changes the rows of the first packed block of a table that has some, and packs them again. */
function changeRows(tables: Tables, t: number, change: (rows: Uint8Array) => Uint8Array): void {
  const table = TABLES[t] as (typeof TABLES)[0];
  const db = tables.rows[t as 0 | 1 | 2];
  for (const { key, value } of db.getRange()) {
    const reader = new PackedReader(table).open(value);
    if (reader.count < 3) continue;
    const rows = new Uint8Array(reader.count * table.rowBytes);
    reader.copyAll(rows, 0);
    const changed = change(rows);
    const order = Uint32Array.from({ length: changed.length / table.rowBytes }, (_, i) => i);
    db.putSync(key, Buffer.from(packRows(changed, order, table).bytes));
    return;
  }
  throw new Error("no packed block to damage");
}

function changeItem(db: Tables["headers"], chunk: number, at: number): void {
  const bytes = Buffer.from(db.get(chunk) as Buffer);
  bytes[at] = (bytes[at] as number) ^ 1;
  db.putSync(chunk, bytes);
}

const funding = TABLES[0].rowBytes;
const damages: readonly [name: string, where: string, write: (tables: Tables) => void][] = [
  ["a header", "headers", ({ headers }) => changeItem(headers, 0, 80 * 7 + 40)],
  ["a header's hash of the one before", "headers", ({ headers }) => changeItem(headers, 0, 80 * 9 + 5)],
  ["a number of transactions", "counts", ({ counts }) => changeItem(counts, 0, 8 * 11)],
  ["a txid", "txids", ({ txids }) => changeItem(txids, 0, 32 * 20 + 3)],
  ["a chunk of txids that is gone", "txids", ({ txids }) => txids.removeSync(0)],
  ["where a transaction begins", "offsets", ({ offsets }) => changeItem(offsets, 0, 4 * 2)],
  ["a chunk of offsets that is gone", "offsets", ({ offsets }) => offsets.removeSync(0)],
  ["a place in the node's files", "places", ({ places }) => changeItem(places, 0, 12 * 5 + 11)],
  [
    "an amount",
    "funding",
    (tables) =>
      changeRows(tables, 0, (rows) =>
        Uint8Array.from(rows, (byte, i) => (i === funding - 1 ? byte ^ 1 : byte)),
      ),
  ],
  ...TABLES.flatMap(({ name, rowBytes, keyBytes }, t): [string, string, (tables: Tables) => void][] => [
    [`a missing row of ${name}`, name, (tables) => changeRows(tables, t, (rows) => rows.slice(rowBytes))],
    [
      `a row too many of ${name}`,
      name,
      (tables) =>
        changeRows(tables, t, (rows) => {
          // The last row again, under a key that nothing has.
          const added = rows.slice(-rowBytes);
          added.fill(0xff, 0, keyBytes);
          return Buffer.concat([rows, added]);
        }),
    ],
    [
      `a key of ${name}`,
      name,
      (tables) =>
        changeRows(tables, t, (rows) =>
          Uint8Array.from(rows, (byte, i) => (i === rowBytes + 2 ? byte ^ 1 : byte)),
        ),
    ],
    [
      `rows of ${name} out of order`,
      name,
      (tables) =>
        changeRows(tables, t, (rows) =>
          Buffer.concat([
            rows.slice(0, rowBytes),
            rows.slice(2 * rowBytes, 3 * rowBytes),
            rows.slice(rowBytes, 2 * rowBytes),
            rows.slice(3 * rowBytes),
          ]),
        ),
    ],
    [
      `a packed block of ${name} that is cut short`,
      name,
      ({ rows }) => {
        const db = rows[t as 0 | 1 | 2];
        for (const { key, value } of db.getRange({ limit: 1 })) db.putSync(key, value.subarray(0, -1));
      },
    ],
    [
      `a packed block of ${name} that is gone`,
      name,
      ({ rows }) => {
        const [first] = rows[t as 0 | 1 | 2].getKeys({ limit: 1 });
        rows[t as 0 | 1 | 2].removeSync(first as Uint8Array);
      },
    ],
  ]),
  [
    "the scripts that a block touches",
    "touched",
    ({ touched }) => {
      for (const { key, value } of touched.getRange()) touched.putSync(key, value.subarray(32));
    },
  ],
  [
    "the number of all transactions",
    "state",
    ({ meta }) => {
      const state = JSON.parse(meta.get("state") as string) as { txCount: number };
      void meta.put("state", JSON.stringify({ ...state, txCount: state.txCount - 1 }));
    },
  ],
];

describe("a look at the whole index", () => {
  it("finds nothing in a sound one, and has seen every block and row", async () => {
    const { client, chain } = await indexed();
    const report = await verifyAll(client(), tools);
    const transactions = chain.blocks.reduce((sum, block) => sum + block.transactions.length, 0);
    expect(report).toMatchObject({ isSound: true, height: 40, blocks: 41, transactions, differences: [] });
    expect(report.rows).toBeGreaterThan(2 * transactions);
  });

  it.each(damages)("finds %s", async (_name, where, write) => {
    const { client, damage } = await indexed();
    await damage(write);
    const report = await verifyAll(client(), tools);
    expect(report.isSound).toBe(false);
    expect(report.differences.map((difference) => difference.where)).toContain(where);
  });

  it("is of one opinion in the middle of a merge and after a rollback", async () => {
    const { client, chain, index } = await indexed(60, { ...SMALL_INDEX, fanIn: 1_000, batchBytes: 1_000 });
    chain.turnBack(9);
    for (let i = 0; i < 10; i++) chain.mine(3);
    await index.advance();
    await index.store.beginMerge(index.store.state.runs.slice(0, 12));
    for (let slice = 0; slice < 3; slice++) await index.mergeSlice(4_096);
    expect(index.store.state.merge).toBeDefined();
    expect(await verifyAll(client(), tools)).toMatchObject({ isSound: true, height: 61 });
  });

  it("begins again when the chain is reorganised under it", async () => {
    const { client, chain, index } = await indexed();
    const asked = client();
    let turned = false;
    const turning: IndexClient = {
      ...asked,
      async verifyRows(input) {
        if (!turned) {
          turned = true;
          chain.turnBack(20);
          for (let i = 0; i < 25; i++) chain.mine(4);
          await index.advance();
        }
        return asked.verifyRows(input);
      },
    };
    expect(await verifyAll(turning, tools)).toMatchObject({ isSound: true, height: 45, differences: [] });
  });
});

describe("a look at a sample of the index", () => {
  it("makes each of its blocks anew and says how much it has seen", async () => {
    const { client } = await indexed();
    const report = await verifySample(client(), { blocks: 10, seed: 1 }, tools);
    expect(report).toMatchObject({ isSound: true, height: 40, blocks: 10, seed: 1 });
    expect(await verifySample(client(), { blocks: 1_000, seed: 1 }, tools)).toMatchObject({ blocks: 41 });
  });

  it.each(damages.filter(([name]) => !name.includes("too many")))(
    "that is as large as the chain finds %s",
    async (_name, where, write) => {
      const { client, damage } = await indexed();
      await damage(write);
      const report = await verifySample(client(), { blocks: 100, seed: 2 }, tools);
      expect(report.isSound).toBe(false);
      expect(report.differences.map((difference) => difference.where)).toContain(where);
    },
  );

  it("says that it cannot compare while the node is on another chain", async () => {
    const { client, chain } = await indexed();
    chain.turnBack(5);
    const looked = verifySample(client(), { blocks: 3, seed: 1 }, { ...tools, patienceMs: 0 });
    await expect(looked).rejects.toMatchObject({ code: "INDEXER_NOT_LEVEL" });
  });
});
