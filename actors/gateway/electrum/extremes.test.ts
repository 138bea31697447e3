import { createHash } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Randomness } from "../../../bench/chain/randomness.ts";
import { merkleRootFromBranch } from "../../../bitcoin/block/merkle.ts";
import { p2wpkhScript } from "../../../bitcoin/script/script.ts";
import { scriptHashOf } from "../../../bitcoin/script/scripthash.ts";
import { txidOf } from "../../../bitcoin/transaction.ts";
import { payment } from "../../../tests/harness/chain/model-chain.ts";
import { TEST_CARRIERS } from "../../../tests/harness/electrum/door-under-test.ts";
import type { TestCarrier } from "../../../tests/harness/electrum/raw-client.ts";
import { DoorOverFakes } from "../../../tests/harness/gateway/door-over-fakes.ts";
import { LivingChain } from "../../../tests/harness/gateway/living-chain.ts";
import { packedHistory } from "../../../tests/harness/gateway/packed-history.ts";
import { type WireSession, WireSessions } from "../../../tests/harness/gateway/wire-sessions.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";

const opened: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function sessionOver(carrier: TestCarrier, life: LivingChain): Promise<WireSession> {
  const sessions = await WireSessions.open(life.under.half, carrier);
  opened.push(() => sessions.close());
  return sessions.session();
}

describe("a script with 200,000 transactions", () => {
  const entries = Array.from({ length: 200_000 }, (_, i) => ({
    txid: createHash("sha256").update(String(i)).digest("hex"),
    height: 1 + i,
  }));
  const text = entries.map(({ txid, height }) => `${txid}:${height}:`).join("");
  const huge = "aa".repeat(32);
  const tip = { height: 200_000, hash: "00".repeat(32) };
  const limits: number[] = [];
  let door: DoorOverFakes;
  let sessions: WireSessions;

  beforeAll(async () => {
    door = await DoorOverFakes.start(tip, {
      histories: ({ scripthashes, limit }) => ({
        tip,
        results: scripthashes.map((hash) => {
          if (hash !== huge) return [];
          limits.push(limit);
          return entries.length > limit ? null : entries;
        }),
      }),
      history: ({ limit }) => {
        limits.push(limit);
        return packedHistory({ tip, settled: tip, isWhole: true, isTooMany: false }, entries);
      },
    });
    sessions = await WireSessions.openAll(door.half);
  });

  afterAll(async () => {
    await sessions.close();
    await door.stop();
  });

  it.each(TEST_CARRIERS)(
    "is answered and subscribed to over %s like any other, while small ones are answered beside it",
    async (carrier) => {
      const session = await sessions.session("1.6", carrier);
      const other = await sessions.session("1.6", carrier);
      let small = 0;
      let isDone = false;
      const others = (async () => {
        while (!isDone) {
          const hash = createHash("sha256").update(`${carrier} ${small}`).digest("hex");
          expect(await other.call("blockchain.scripthash.get_history", [hash])).toEqual([]);
          small += 1;
        }
      })();
      const asking = session.call("blockchain.scripthash.get_history", [huge]);
      const status = await session.call("blockchain.scripthash.subscribe", [huge]);
      const history = (await asking) as unknown[];
      isDone = true;
      await others;

      expect(history).toHaveLength(200_000);
      expect(history[199_999]).toEqual({ tx_hash: entries[199_999]?.txid, height: 200_000 });
      expect(history[0]).toEqual({ tx_hash: entries[0]?.txid, height: 1 });
      expect(status).toBe(createHash("sha256").update(text).digest("hex"));
      expect(small).toBeGreaterThan(0);
      // Nothing of it stays with the door.
      await waitFor("all to be written", () => sessions.under.door.parts.budget.usedBytes === 0);
    },
  );

  it("is asked for with the others first, then alone: nobody waits for it", () => {
    expect(limits.slice(0, 2)).toEqual([1_000, 1_000_000]);
  });
});

describe.each(TEST_CARRIERS)(
  "over %s a chain that grows, grows shorter, or changes below a checkpoint",
  (carrier) => {
    it("is followed down, and proofs are of the chain that counts", async () => {
      const random = new Randomness(31);
      const life = await LivingChain.start(() => random.fraction());
      opened.push(() => life.stop());
      const session = await sessionOver(carrier, life);
      await session.call("blockchain.headers.subscribe");
      const { height } = life.chain;
      const fixed = await session.call("blockchain.block.header", [2, height]);
      for (let i = 0; i < 3; i++) await life.take("mine");
      await waitFor("the chain to have grown", () => session.heights().at(-1) === height + 3);
      // What proves something against a checkpoint proves it for good, as long as the chain only grows.
      expect(await session.call("blockchain.block.header", [2, height])).toEqual(fixed);
      const top = life.chain.height;
      const before = (await session.call("blockchain.block.header", [2, top - 1])) as { root: string };
      const placed = (isProved: boolean) =>
        session.call("blockchain.transaction.id_from_pos", [top, 0, isProved]);
      const gone = [await placed(false), await placed(true)];
      life.chain.turnBack(2);
      life.tellTip();
      await waitFor("the lower tip to be told", () => session.heights().at(-1) === top - 2);
      for (const isProved of [false, true]) await expect(placed(isProved)).rejects.toMatchObject({ code: 1 });
      await expect(session.call("blockchain.block.header", [top])).rejects.toMatchObject({ code: 1 });
      await expect(session.call("blockchain.block.header", [2, top - 1])).rejects.toMatchObject({ code: 1 });

      for (let i = 0; i < 3; i++) await life.take("mine");
      await waitFor("the new tip to be told", () => session.heights().at(-1) === top + 1);
      const after = (await session.call("blockchain.block.header", [2, top - 1])) as { root: string };
      expect(after.root).not.toBe(before.root);
      const txid = await placed(false);
      expect(txid).not.toBe(gone[0]);
      expect(await session.call("blockchain.transaction.get_merkle", [txid, top])).toMatchObject({ pos: 0 });
      expect(await placed(true)).toMatchObject({ tx_hash: txid });
      expect(await session.call("blockchain.block.header", [top - 1])).toBe(
        Buffer.from(life.chain.blocks[top - 1]?.header as Uint8Array).toString("hex"),
      );
      expect(await session.call("blockchain.block.header", [2, top - 3])).toMatchObject({
        header: Buffer.from(life.chain.blocks[2]?.header as Uint8Array).toString("hex"),
      });
    });
  },
);

describe.each(TEST_CARRIERS)("over %s two coinbases with one id", (carrier) => {
  it("are two entries of the history, each with its proof, and one coin", async () => {
    const random = new Randomness(32);
    const life = await LivingChain.start(() => random.fraction());
    opened.push(() => life.stop());
    const session = await sessionOver(carrier, life);
    const [coin] = life.chain.coins();
    const { txid = "", height = 0, scriptHash = "" } = coin ?? {};
    await session.call("blockchain.scripthash.subscribe", [scriptHash]);
    life.chain.mineCoinbaseOf(height);
    life.tellTip();
    const top = life.chain.height;
    await waitFor(
      "the status to be told",
      () => session.statusesOf(scriptHash).at(-1) === life.status(scriptHash),
    );

    const history = (await session.call("blockchain.scripthash.get_history", [scriptHash])) as {
      tx_hash: string;
      height: number;
    }[];
    expect(history).toEqual(life.history(scriptHash));
    expect(history.filter(({ tx_hash }) => tx_hash === txid).map((entry) => entry.height)).toEqual([
      height,
      top,
    ]);
    for (const at of [height, top]) {
      const proof = (await session.call("blockchain.transaction.get_merkle", [txid, at])) as {
        merkle: string[];
        pos: number;
      };
      const leaf = Buffer.from(txid, "hex").reverse();
      const branch = proof.merkle.map((node) => Buffer.from(node, "hex").reverse());
      const root = merkleRootFromBranch(leaf, branch, proof.pos);
      expect(proof).toMatchObject({ block_height: at, pos: 0 });
      expect(root).toEqual(life.chain.blocks[at]?.header.subarray(36, 68));
    }
    await expect(session.call("blockchain.transaction.get_merkle", [txid, height + 1])).rejects.toMatchObject(
      { code: 1 },
    );
    expect(await session.call("blockchain.scripthash.listunspent", [scriptHash])).toEqual(
      life.coins(scriptHash),
    );
    expect(life.coins(scriptHash)).toContainEqual(expect.objectContaining({ tx_hash: txid, height: top }));
    expect(await session.call("blockchain.scripthash.get_balance", [scriptHash])).toEqual(
      life.balance(scriptHash),
    );
  });
});

describe("ten thousand clients with one subscription each", () => {
  it("are all told of a block that touches them all: the header, then their own script, once", async () => {
    const CLIENTS = 10_000;
    const random = new Randomness(33);
    const life = await LivingChain.start(() => random.fraction());
    opened.push(() => life.stop());
    const scripts = Array.from({ length: CLIENTS }, (_, i) => {
      const program = createHash("sha256").update(`client ${i}`).digest().subarray(0, 20);
      return p2wpkhScript(program);
    });
    const paid = payment(life.chain.coins()[0], scripts);
    const sessions = scripts.map((script) => ({ session: life.under.session(), hash: scriptHashOf(script) }));
    await Promise.all(
      sessions.map(async ({ session, hash }) => {
        await session.call("blockchain.headers.subscribe");
        expect(await session.call("blockchain.scripthash.subscribe", [hash])).toBeNull();
      }),
    );

    life.chain.mineThese([paid]);
    life.tellTip();
    const { height } = life.chain;
    await waitFor("all to be told of their script", () =>
      sessions.every(({ session, hash }) => session.statusesOf(hash).length > 0),
    );
    const status = createHash("sha256")
      .update(`${txidOf(paid)}:${height}:`)
      .digest("hex");
    for (const { session, hash } of sessions) {
      expect(session.heights()).toEqual([height]);
      expect(session.statusesOf(hash)).toEqual([status]);
      expect(session.notifications[0]?.method).toBe("blockchain.headers.subscribe");
    }
  });
});
