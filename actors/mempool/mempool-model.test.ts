/** Random lives of a node, followed, and after each step compared with brute force: every answer, and what was told of the change. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Randomness } from "../../bench/chain/randomness.ts";
import { type BlockHash, type Txid, txidFromBytes } from "../../bitcoin/bytes.ts";
import { txidOf } from "../../bitcoin/transaction.ts";
import type { MempoolChange } from "../../bus/contracts/mempool.ts";
import { isKept, MODEL_SCRIPT_HASHES } from "../../tests/harness/chain/model-chain.ts";
import { Followed, operation, perform } from "../../tests/harness/mempool/followed.ts";
import { feeSatOf, ModelMempool, type ModelTx } from "../../tests/harness/mempool/model-mempool.ts";
import { ModelNode } from "../../tests/harness/mempool/model-node.ts";
import type { MempoolSource } from "./sync/source.ts";
import { Queries } from "./view/queries.ts";

const SCRIPTS = MODEL_SCRIPT_HASHES.filter(isKept);
/** Every answer, for someone who stands on the same block. */
function answersOf(queries: Queries, txs: readonly ModelTx[]) {
  return {
    histories: SCRIPTS.map((hash) => queries.history(hash, 1_000)),
    coins: SCRIPTS.map((hash) => queries.coins(hash, 10_000)),
    balances: SCRIPTS.map((hash) => queries.balanceSat(hash)),
    spenders: txs.map(({ spends }) =>
      spends.map(({ txid, index }) => queries.spender(txid as Txid, index)?.txid),
    ),
    transactions: txs.map(({ txid }) => {
      const entry = queries.entry(txid as Txid);
      if (entry === undefined) return undefined;
      const { feeSat, sizeVb } = entry;
      const [ancestors, descendants] = [queries.ancestors(entry), queries.descendants(entry)];
      return { feeSat, sizeVb, parents: queries.parents(entry), ancestors, descendants };
    }),
  };
}

function expectedOf(model: ModelMempool): ReturnType<typeof answersOf> {
  const family = (txs: readonly ModelTx[]) => ({
    count: txs.length,
    sizeVb: txs.reduce((sum, { sizeVb }) => sum + sizeVb, 0),
    feeSat: txs.reduce((sum, tx) => sum + feeSatOf(tx), 0),
  });
  return {
    histories: SCRIPTS.map((hash) => model.history(hash)),
    coins: SCRIPTS.map((hash) => model.coins(hash)),
    balances: SCRIPTS.map((hash) => model.balanceSat(hash)),
    spenders: model.txs.map(({ txid, spends }) => spends.map(() => txid)),
    transactions: model.txs.map((tx) => ({
      feeSat: feeSatOf(tx),
      sizeVb: tx.sizeVb,
      parents: [...new Set(tx.spends.map(({ txid }) => txid))]
        .filter((txid) => model.txs.some((of) => of.txid === txid))
        .sort(),
      ancestors: family(model.relatives(tx, "up")),
      descendants: family(model.relatives(tx, "down")),
    })),
  } as ReturnType<typeof answersOf>;
}

function modelOf(txs: readonly ModelTx[]): ModelMempool {
  const model = new ModelMempool();
  model.txs.push(...txs);
  return model;
}

type Statuses = ReadonlyMap<string, string>;

/** What a client would be told of each script: it must hear of every one that differs. */
function statuses(model: ModelMempool): Statuses {
  return new Map(SCRIPTS.map((hash) => [hash, JSON.stringify([model.history(hash), model.coins(hash)])]));
}

function expectTold(before: Statuses, after: Statuses, told: readonly MempoolChange[]): void {
  if (told.some(({ touched }) => touched === null)) return;
  const touched = new Set(told.flatMap((change) => change.touched ?? []));
  const silent = SCRIPTS.filter((hash) => before.get(hash) !== after.get(hash) && !touched.has(hash));
  expect(silent).toEqual([]);
}

/**
 * By lists alone the reason is always known: what something unconfirmed has taken the place of was not just dropped. It
 * may have left with a replaced ancestor at the same moment: then the ancestor's rival is named as rightly as its own.
 */
function expectReasons(before: readonly ModelTx[], node: ModelNode, told: readonly MempoolChange[]): void {
  const known = new Map(before.map((tx) => [tx.txid, tx]));
  const taken = new Map(
    node.modelTxs().flatMap((tx) => tx.spends.map(({ txid, index }) => [`${txid}:${index}`, tx.txid])),
  );
  const rivalsOf = (tx: ModelTx | undefined): string[] =>
    (tx?.spends ?? []).flatMap(({ txid, index }) => taken.get(`${txid}:${index}`) ?? []);
  for (const { txid, why, by } of told.flatMap(({ removed }) => removed)) {
    const tx = known.get(txid);
    const family = tx === undefined ? [] : [tx, ...modelOf(before).relatives(tx, "up")];
    const isNamed = family.flatMap(rivalsOf).includes(by ?? "");
    if (rivalsOf(tx).length > 0) expect([why, isNamed]).toEqual(["replaced", true]);
    if (why === "dropped") expect(by).toBeNull();
  }
}

function expectLevel({ node, view, believed }: Followed): void {
  const model = modelOf(node.modelTxs());
  expect(view.now).toEqual({ tip: node.tip, isSynced: true });
  expect(answersOf(new Queries(view.tables), model.txs)).toEqual(expectedOf(model));
  expect(view.tables.count).toBe(node.mempool.size);
  expect(view.tables.feeSat).toBe(model.txs.reduce((sum, tx) => sum + feeSatOf(tx), 0));
  expect([...believed].sort()).toEqual([...node.mempool.keys()].sort());
}

/** For someone a few blocks behind: what is unconfirmed now, and what we had seen before blocks took it. */
function expectOlderViews({ node, view }: Followed, seen: ReadonlySet<string>): void {
  for (let back = 1; back <= 3 && back < node.blocks.length; back++) {
    const height = node.tip.height - back;
    const hash = node.blocks[height]?.hash as BlockHash;
    if (view.heightFor(hash) === undefined) continue;
    const since = node.blocks.slice(height + 1).flatMap(({ transactions }) => transactions.slice(1));
    const confirmed = since.filter((of) => seen.has(txidOf(of))).map((of) => node.modelTx(of));
    const model = modelOf([...confirmed, ...node.modelTxs()]);
    expect(answersOf(new Queries(view.tables, height), model.txs)).toEqual(expectedOf(model));
  }
}

const SEED = fc.integer();
const OPERATIONS = fc.array(operation, { minLength: 1, maxLength: 14 });

function nodeOf(seed: number): { node: ModelNode; random: Randomness } {
  const random = new Randomness(seed);
  const node = new ModelNode(() => random.fraction());
  for (let i = 0; i < 6; i++) node.send();
  return { node, random };
}

describe("the mempool's view", () => {
  it("answers as brute force does after every step of a random life, by lists alone", async () => {
    await fc.assert(
      fc.asyncProperty(SEED, OPERATIONS, async (seed, operations) => {
        const { node, random } = nodeOf(seed);
        const followed = new Followed(node, node);
        followed.start();
        await followed.settle(() => followed.follower.compare());
        const seen = new Set<string>(node.mempool.keys());
        for (const op of operations) {
          const txsBefore = node.modelTxs();
          const before = statuses(modelOf(txsBefore));
          followed.told.length = 0;
          perform(node, op, random);
          await followed.settle(() => followed.follower.compare());
          expectLevel(followed);
          expectReasons(txsBefore, node, followed.told);
          expectTold(before, statuses(modelOf(node.modelTxs())), followed.told);
          // After a way that could not be followed, nothing older is known.
          if (followed.told.some(({ touched }) => touched === null)) seen.clear();
          expectOlderViews(followed, seen);
          for (const txid of node.mempool.keys()) seen.add(txid);
        }
        await followed.stop();
      }),
      { numRuns: 40 },
    );
  }, 60_000);

  it("answers as brute force does when the node tells its news, some are lost, and all comes at once", async () => {
    await fc.assert(
      fc.asyncProperty(
        SEED,
        OPERATIONS,
        fc.double({ min: 0, max: 0.3, noNaN: true }),
        async (seed, operations, loss) => {
          const { node, random } = nodeOf(seed);
          const followed = new Followed(node, node);
          let hasLost = false;
          node.onEvent = (event) => {
            if (random.fraction() < loss) hasLost = true;
            else followed.follower.hint(event);
          };
          followed.start();
          await followed.settle(() => followed.follower.look());
          for (const op of operations) {
            perform(node, op, random);
            await followed.settle(() => {
              // ZMQ numbers its messages: a loss is noticed.
              if (hasLost) followed.follower.compare();
              else followed.follower.look();
              hasLost = false;
            });
            expectLevel(followed);
          }
          await followed.stop();
        },
      ),
      { numRuns: 40 },
    );
  }, 60_000);

  it("comes level with a node that changes between any two of its questions", async () => {
    await fc.assert(
      fc.asyncProperty(SEED, OPERATIONS, OPERATIONS, async (seed, operations, between) => {
        const { node, random } = nodeOf(seed);
        const left = [...between];
        const source = restless(node, () => {
          const op = random.fraction() < 0.4 ? left.pop() : undefined;
          if (op !== undefined) perform(node, op, random);
        });
        const followed = new Followed(node, source);
        node.onEvent = (event) => followed.follower.hint(event);
        followed.start();
        for (const op of operations) {
          perform(node, op, random);
          await followed.settle(() => followed.follower.look());
        }
        left.length = 0;
        await followed.settle(() => followed.follower.compare());
        expectLevel(followed);
        await followed.stop();
      }),
      { numRuns: 40 },
    );
  }, 60_000);
});

it("what is named twice does not come after what builds on it", async () => {
  const { node } = nodeOf(7);
  const followed = new Followed(node, node);
  followed.start();
  await followed.settle(() => followed.follower.compare());
  const isNew = (txid: Txid) => followed.view.tables.get(txid) === undefined;
  const family = () => {
    for (const child of node.mempool.values()) {
      for (const input of child.transaction.inputs) {
        const parent = node.mempool.get(txidFromBytes(input.previousTxidBytes));
        if (parent !== undefined && isNew(parent.txid) && isNew(child.txid)) return { parent, child };
      }
    }
    return undefined;
  };
  while (family() === undefined) node.send();
  const { parent, child } = family() as NonNullable<ReturnType<typeof family>>;

  // We have sent both, and hear of the parent by the node's news too before any of it is read.
  const coming = followed.follower.include([parent, child]);
  followed.follower.hint({ kind: "added", txid: parent.txid, sequence: 0 });
  await coming;

  expect(followed.view.tables.get(child.txid)).toBeDefined();
  await followed.stop();
});

describe("a mempool that finds no room", () => {
  it("leaves out what is too much, says how much, and takes it in when there is room again", async () => {
    const { node } = nodeOf(5);
    for (let i = 0; i < 40; i++) node.send();
    const followed = new Followed(node, node, 12_000);
    followed.start();
    await followed.settle(() => followed.follower.compare());
    const { tables } = followed.view;

    expect(tables.count).toBeGreaterThan(0);
    expect(tables.count).toBeLessThan(node.mempool.size);
    expect(tables.memoryBytes).toBeLessThan(12_000 + 5_000);
    expect(followed.follower.leftOut).toBe(node.mempool.size - tables.count);
    // The cheap look does not take what is left out for news.
    followed.told.length = 0;
    await followed.settle(() => followed.follower.look());
    expect(followed.told).toEqual([]);

    for (let i = 0; i < 12 && node.mempool.size > 0; i++) {
      node.mine(1);
      await followed.settle(() => followed.follower.compare());
    }
    for (let i = 0; i < 2; i++) node.send();
    await followed.settle(() => followed.follower.compare());
    expect(followed.follower.leftOut).toBe(0);
    expectLevel(followed);
    await followed.stop();
  });
});

/** The node, with something happening before each of its answers and after. */
function restless(node: ModelNode, happen: () => void): MempoolSource {
  const around = async <T>(ask: () => Promise<T>): Promise<T> => {
    happen();
    const answer = await ask();
    happen();
    return answer;
  };
  return {
    moment: () => around(() => node.moment()),
    pulse: () => around(() => node.pulse()),
    transactions: (txids) => around(() => node.transactions(txids)),
    confirmedCoins: (outpoints) => around(() => node.confirmedCoins(outpoints)),
    blockBytes: (hash) => around(() => node.blockBytes(hash)),
  };
}
