/** Questions to real query threads while the index grows, turns back and merges, each answer held against the model at the tip it names. */
import { afterEach, beforeAll, expect, test } from "vitest";
import { Randomness } from "../../bench/chain/randomness.ts";
import { merkleRootFromBranch } from "../../bitcoin/block/merkle.ts";
import { type BlockHash, blockHashFromBytes, type Txid, txidToBytes } from "../../bitcoin/bytes.ts";
import { sha256d } from "../../bitcoin/hash.ts";
import { built } from "../harness/built.ts";
import { isKept, MODEL_SCRIPT_HASHES, ModelChain, ModelSource } from "../harness/chain/model-chain.ts";
import type { ThreadedIndexer, ThreadedSettings } from "../harness/queries/threaded-indexer.ts";
import { waitFor } from "../harness/wait-for.ts";

type Harness = typeof import("../harness/queries/threaded-indexer.ts");

const LANES = 6;
const STEPS = Number(process.env["TROUPE_QUESTION_STEPS"] ?? 60);
const LIMIT = 1_000_000;
/** An answer that a thread takes with it when it dies never comes; its asker waits no longer than this. */
const PATIENCE_MS = 15_000;

let harness: Harness;
const opened: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  harness = await built<Harness>("tests/harness/queries/threaded-indexer.js");
});

afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

/** Blocks come with pauses, so that a first sync lasts long enough to be asked in the middle of it. */
class SlowSource extends ModelSource {
  pauseMs = 0;

  override async *blocks(hashes: readonly BlockHash[]): AsyncGenerator<Uint8Array> {
    for await (const block of super.blocks(hashes)) {
      await new Promise((resolve) => setTimeout(resolve, this.pauseMs));
      yield block;
    }
  }
}

function chainOf(seed: number, blocks: number): { chain: ModelChain; random: Randomness } {
  const random = new Randomness(seed);
  const chain = new ModelChain(() => random.fraction());
  for (let i = 0; i < blocks; i++) chain.mine(4);
  return { chain, random };
}

async function start(source: ModelSource, settings: ThreadedSettings): Promise<ThreadedIndexer> {
  const made = await harness.ThreadedIndexer.start(source, settings);
  opened.push(() => made.stop());
  return made;
}

interface Tip {
  readonly height: number;
  readonly hash: string;
}

/** The model's answers at one tip, found out once. */
class Moment {
  readonly chain: ModelChain;
  readonly #kept = new Map<string, unknown>();

  constructor(chain: ModelChain) {
    this.chain = chain;
  }

  private once<T>(name: string, find: () => T): T {
    if (!this.#kept.has(name)) this.#kept.set(name, find());
    return this.#kept.get(name) as T;
  }

  histories(): unknown {
    return this.once("histories", () =>
      MODEL_SCRIPT_HASHES.map((hash) => (isKept(hash) ? this.chain.history(hash) : [])),
    );
  }

  unspents(): { txid: string; index: number; height: number; amountSat: number }[][] {
    return this.once("unspents", () => {
      const coins = this.chain.coins();
      return MODEL_SCRIPT_HASHES.map((hash) =>
        coins
          .filter(({ scriptHash }) => scriptHash === hash)
          .map(({ txid, index, height, amountSat }) => ({ txid, index, height, amountSat })),
      );
    });
  }

  spenders(): Map<string, { txid: Txid; height: number }> {
    return this.once("spenders", () => this.chain.spenders());
  }

  places(): Map<string, { height: number; position: number; blockHash: string }> {
    return this.once(
      "places",
      () =>
        new Map(
          this.chain.blocks.flatMap(({ hash, transactions }, height) =>
            transactions.map(({ txid }, position) => [txid, { height, position, blockHash: hash }] as const),
          ),
        ),
    );
  }
}

/** Asks without end, several questions at once, and holds each answer against the model. */
class Askers {
  readonly tips = new Set<string>();
  answers = 0;
  readonly lost: string[] = [];
  readonly #indexer: ThreadedIndexer;
  readonly #chain: ModelChain;
  readonly #random: Randomness;
  readonly #moments = new Map<string, Moment>();
  readonly #lanes: Promise<void>[];
  #isStopped = false;

  constructor(indexer: ThreadedIndexer, chain: ModelChain) {
    this.#indexer = indexer;
    this.#chain = chain;
    this.#random = new Randomness(99);
    this.#lanes = Array.from({ length: LANES }, () => this.#lane());
    // The first failure is thrown by `stop`.
    for (const lane of this.#lanes) lane.catch(() => {});
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#lanes);
  }

  async #lane(): Promise<void> {
    const asks = [
      () => this.#scripts(),
      () => this.#places(),
      () => this.#spenders(),
      () => this.#proofs(),
      () => this.#headers(),
      () => this.#tip(),
    ];
    while (!this.#isStopped) {
      const ask = asks[this.#below(asks.length)] as () => Promise<void>;
      try {
        await ask();
        this.answers += 1;
      } catch (error) {
        const code = String((error as { code?: unknown }).code);
        if (!code.startsWith("BUS_")) throw error;
        this.lost.push(code);
      }
    }
  }

  #below(bound: number): number {
    return Math.floor(this.#random.fraction() * bound);
  }

  #at(tip: Tip | null): Moment {
    if (tip === null) throw new Error("an index that has begun has a tip");
    this.tips.add(tip.hash);
    let moment = this.#moments.get(tip.hash);
    if (moment === undefined) {
      moment = new Moment(this.#chain.at(tip.hash as BlockHash));
      this.#moments.set(tip.hash, moment);
    }
    expect(moment.chain.height).toBe(tip.height);
    return moment;
  }

  #someTxids(count: number): Txid[] {
    const blocks = this.#chain.everyBlock;
    return Array.from({ length: count }, () => {
      const { transactions } = blocks[this.#below(blocks.length)] as (typeof blocks)[0];
      return (transactions[this.#below(transactions.length)] as (typeof transactions)[0]).txid;
    });
  }

  async #scripts(): Promise<void> {
    const { client } = this.#indexer;
    const input = { scripthashes: [...MODEL_SCRIPT_HASHES], limit: LIMIT };
    const options = { deadlineMs: PATIENCE_MS };
    const histories = await client.histories(input, options);
    expect(histories.results).toEqual(this.#at(histories.tip).histories());
    const unspents = await client.unspents(input, options);
    expect(unspents.results).toEqual(this.#at(unspents.tip).unspents());
    const balances = await client.balances(input, options);
    const coins = this.#at(balances.tip).unspents();
    expect(balances.results).toEqual(
      coins.map((own) => own.reduce((sum, { amountSat }) => sum + amountSat, 0)),
    );
  }

  async #places(): Promise<void> {
    const txids = this.#someTxids(20);
    const { tip, results } = await this.#indexer.client.places({ txids }, { deadlineMs: PATIENCE_MS });
    const places = this.#at(tip).places();
    expect(results).toEqual(txids.map((txid) => places.get(txid) ?? null));
  }

  async #spenders(): Promise<void> {
    const outpoints = this.#someTxids(20).map((txid) => ({ txid, index: this.#below(3) }));
    const asked = await this.#indexer.client.spenders({ outpoints }, { deadlineMs: PATIENCE_MS });
    const spenders = this.#at(asked.tip).spenders();
    expect(asked.results).toEqual(
      outpoints.map(({ txid, index }) => spenders.get(`${txid}:${index}`) ?? null),
    );
  }

  /** These name no tip: each must hold in the one block that has the transaction. */
  async #proofs(): Promise<void> {
    const txids = this.#someTxids(10);
    const { results } = await this.#indexer.client.merkleProofs({ txids }, { deadlineMs: PATIENCE_MS });
    results.forEach((proof, i) => {
      if (proof === null) return;
      const txid = txids[i] as Txid;
      const block = this.#chain.everyBlock.find(({ transactions }) =>
        transactions.some((transaction) => transaction.txid === txid),
      );
      const branch = proof.branch.map((node) => Buffer.from(node, "hex").reverse());
      const root = merkleRootFromBranch(txidToBytes(txid), branch, proof.position);
      expect(
        Buffer.from(root as Uint8Array).equals((block?.header ?? root)?.subarray(36, 68) as Buffer),
      ).toBe(true);
    });
  }

  async #headers(): Promise<void> {
    const height = this.#below(this.#chain.height);
    const { hex } = await this.#indexer.client.headers({ height, count: 20 }, { deadlineMs: PATIENCE_MS });
    const bytes = Buffer.from(hex, "hex");
    for (let at = 0; at < bytes.length; at += 80) {
      const hash = blockHashFromBytes(sha256d(bytes.subarray(at, at + 80)));
      expect(this.#chain.block(hash)?.header).toBeDefined();
      if (at > 0) expect(blockHashFromBytes(bytes, at + 4)).toBe(previousHashOf(bytes, at));
    }
  }

  async #tip(): Promise<void> {
    const { tip } = await this.#indexer.client.tip({});
    const { chain } = this.#at(tip);
    expect(tip?.txCount).toBe(chain.blocks.reduce((sum, { transactions }) => sum + transactions.length, 0));
  }
}

function previousHashOf(headers: Buffer, at: number): BlockHash {
  return blockHashFromBytes(sha256d(headers.subarray(at - 80, at)));
}

test("every answer is right at the tip it names: in the first sync, while blocks come and go and runs are merged", async () => {
  const { chain, random } = chainOf(21, 200);
  const source = new SlowSource(chain);
  source.pauseMs = 5;
  const settings = {
    query_threads: 2,
    threads: 1,
    batch_mb: 0.01,
    merge_fan_in: 2,
    live_blocks: 5,
    poll_ms: 50,
  };
  const indexer = await start(source, { config: settings });
  await waitFor("the first blocks", async () => (await indexer.client.tip({})).tip !== null);
  const askers = new Askers(indexer, chain);
  await waitFor("the index to be level", () => indexer.isReady);
  const whileSyncing = askers.tips.size;
  source.pauseMs = 0;

  for (let step = 0; step < STEPS; step++) {
    if (random.fraction() < 0.4) chain.turnBack(1 + Math.floor(random.fraction() * 8));
    for (let i = 1 + Math.floor(random.fraction() * 4); i > 0; i--) chain.mine(4);
    const target = chain.blocks.at(-1)?.hash as BlockHash;
    source.announce();
    // Often the next turn comes before the index has made the last one.
    if (random.fraction() < 0.5) continue;
    await waitFor("the tip", async () => {
      source.announce();
      return (await indexer.client.tip({})).tip?.hash === target;
    });
  }
  await askers.stop();

  // Nobody is refused. A machine that does much else may miss a deadline, but not often.
  expect(askers.lost.filter((code) => code !== "BUS_DEADLINE")).toEqual([]);
  expect(askers.lost.length).toBeLessThanOrEqual(askers.answers / 50);
  // Otherwise the test would test nothing.
  expect(whileSyncing).toBeGreaterThan(3);
  expect(askers.tips.size).toBeGreaterThan(whileSyncing + STEPS / 4);
  expect(askers.answers).toBeGreaterThan(STEPS);
  const threads = new Set(
    [...(await indexer.threadMetrics()).matchAll(/query_seconds_count\{.*thread="([^"]+)"/g)].map(
      ([, thread]) => thread,
    ),
  );
  expect(threads).toEqual(new Set(["query-1", "query-2"]));
}, 180_000);

test("a query thread that dies is replaced, and nobody is answered wrongly meanwhile", async () => {
  const { chain } = chainOf(22, 60);
  const source = new ModelSource(chain);
  const config = { query_threads: 2, threads: 1, batch_mb: 0.05, live_blocks: 5, poll_ms: 50 };
  const indexer = await start(source, { config, areMortal: true });
  await waitFor("the index to be level", () => indexer.isReady);
  const askers = new Askers(indexer, chain);

  const deaths = 4;
  for (let death = 0; death < deaths; death++) {
    const changes = indexer.running.length;
    // Between two deaths there are answers, or nobody's would be put to the test.
    const before = askers.answers;
    await waitFor("answers", () => askers.answers > before + LANES);
    indexer.killThread((death % 2) as 0 | 1);
    // Thread numbers only ever rise: the one that is meant may be either of the two, or both.
    indexer.killThread(((death + 1) % 2) as 0 | 1);
    await waitFor("the death", () => indexer.running.slice(changes).includes(1));
    await waitFor("the next lives", () => indexer.running.at(-1) === 2);
    chain.mine(4);
    source.announce();
    const target = chain.blocks.at(-1)?.hash;
    await waitFor("the tip", async () => {
      const answer = await indexer.client.tip({}, { deadlineMs: 1_000 }).catch(() => undefined);
      return answer?.tip?.hash === target;
    });
  }
  await askers.stop();

  expect(askers.answers).toBeGreaterThan(deaths * LANES);
  // Lost is at most what was under way in the threads that died. While none lives, questions are refused at once, as often
  // as they are asked: how many that are is a matter of the machine.
  const lost = askers.lost.filter((code) => code !== "BUS_UNAVAILABLE");
  expect(lost.length).toBeLessThanOrEqual(deaths * 2 * LANES);
  expect(new Set(lost)).toEqual(new Set(lost.length === 0 ? [] : ["BUS_DEADLINE"]));
}, 180_000);
