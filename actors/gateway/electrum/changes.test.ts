/** What clients are told, and what they are not, when the chain and the mempool change in the ways that servers get wrong: over each carrier. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Randomness } from "../../../bench/chain/randomness.ts";
import type { Transaction } from "../../../bitcoin/transaction.ts";
import {
  MODEL_SCRIPT_HASHES,
  MODEL_SCRIPTS,
  type ModelCoin,
  payment,
} from "../../../tests/harness/chain/model-chain.ts";
import { TEST_CARRIERS } from "../../../tests/harness/electrum/door-under-test.ts";
import { LivingChain } from "../../../tests/harness/gateway/living-chain.ts";
import { type WireSession, WireSessions } from "../../../tests/harness/gateway/wire-sessions.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";

let life: LivingChain;
let sessions: WireSessions;

beforeAll(async () => {
  const random = new Randomness(41);
  life = await LivingChain.start(() => random.fraction());
  sessions = await WireSessions.openAll(life.under.half);
});

afterAll(async () => {
  await sessions.close();
  await life.stop();
});

/** Pays each of these scripts, by their place in the list. */
function spending(coin: ModelCoin | undefined, ...scripts: readonly number[]): Transaction {
  return payment(
    coin,
    scripts.map((at) => MODEL_SCRIPTS[at] as Uint8Array),
  );
}

/** Whoever follows the tip and every script, and knows what he was told of each. */
async function follower(carrier: (typeof TEST_CARRIERS)[number]) {
  const session = await sessions.session("1.6", carrier);
  await session.call("blockchain.headers.subscribe");
  const known = new Map<string, unknown>();
  for (const hash of MODEL_SCRIPT_HASHES) {
    known.set(hash, await session.call("blockchain.scripthash.subscribe", [hash]));
  }
  return { session, known };
}

function knows(session: WireSession, known: ReadonlyMap<string, unknown>): boolean {
  return MODEL_SCRIPT_HASHES.every(
    (hash) => (session.statusesOf(hash).at(-1) ?? known.get(hash)) === life.status(hash),
  );
}

function truth(): Map<string, unknown> {
  return new Map(MODEL_SCRIPT_HASHES.map((hash) => [hash, life.status(hash)]));
}

function headersOf({ notifications }: WireSession): unknown[] {
  return notifications
    .filter(({ method }) => method === "blockchain.headers.subscribe")
    .map(({ params }) => params[0]);
}

function tipHeader(): { hex: string; height: number } {
  const header = life.chain.blocks.at(-1)?.header as Uint8Array;
  return { hex: Buffer.from(header).toString("hex"), height: life.chain.height };
}

describe.each(TEST_CARRIERS)("over %s", (carrier) => {
  it("another block in the place of the tip is told: its header, and the statuses and balances that are true now", async () => {
    const [coin] = life.chain.coins();
    life.chain.mineThese([spending(coin, 1)]);
    life.tellTip();
    await waitFor("the block", () => life.under.half.feed.tip?.hash === life.chain.blocks.at(-1)?.hash);
    const { session, known } = await follower(carrier);
    const given = tipHeader();

    life.chain.turnBack(1);
    life.chain.mineThese([spending(coin, 2)]);
    life.tellTip();
    await waitFor("the new block to be told", () => headersOf(session).length > 0 && knows(session, known));

    expect(headersOf(session).at(-1)).toEqual(tipHeader());
    expect(tipHeader()).toMatchObject({ height: given.height, hex: expect.not.stringMatching(given.hex) });
    expect(MODEL_SCRIPT_HASHES.filter((hash) => session.statusesOf(hash).length > 0).length).toBeGreaterThan(
      1,
    );
    for (const hash of MODEL_SCRIPT_HASHES) {
      expect(await session.call("blockchain.scripthash.get_balance", [hash])).toEqual(life.balance(hash));
      expect(await session.call("blockchain.scripthash.get_history", [hash])).toEqual(life.history(hash));
    }
    expect(await session.call("blockchain.block.header", [given.height])).toBe(tipHeader().hex);
    session.close();
  });

  it("blocks that come in quick succession are told in their order, the last at least", async () => {
    const { session } = await follower(carrier);
    const before = life.chain.height;
    for (let round = 0; round < 5; round++) {
      life.chain.mineThese([]);
      life.tellTip();
      life.chain.mineThese([]);
      life.tellTip();
      // Some pairs come while the one before is still on its way.
      if (round % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await waitFor("the last to be told", () => session.heights().at(-1) === life.chain.height);

    const heights = session.heights() as number[];
    expect(life.chain.height).toBe(before + 10);
    expect(heights).toEqual([...new Set(heights)].sort((a, b) => a - b));
    expect(headersOf(session).at(-1)).toEqual(tipHeader());
    session.close();
  });

  it("a transaction that the mempool throws out is told: all is as if it had never been", async () => {
    const { session, known } = await follower(carrier);
    const before = truth();
    await life.take("send");
    await waitFor("the transaction to be told", () => knows(session, known));
    const told = MODEL_SCRIPT_HASHES.filter((hash) => session.statusesOf(hash).length > 0);
    expect(told.length).toBeGreaterThan(0);

    await life.take("drop");
    await waitFor("its end to be told", () => knows(session, known));
    expect(truth()).toEqual(before);
    for (const hash of MODEL_SCRIPT_HASHES) {
      expect(session.statusesOf(hash)).toHaveLength(told.includes(hash) ? 2 : 0);
      expect(await session.call("blockchain.scripthash.get_mempool", [hash])).toEqual([]);
      expect(await session.call("blockchain.scripthash.get_balance", [hash])).toEqual(life.balance(hash));
    }
    session.close();
  });

  it("a transaction that another one replaces is told, to whoever had only the first and to whoever has the second", async () => {
    const { session, known } = await follower(carrier);
    await life.take("send");
    await waitFor("the first to be told", () => knows(session, known));
    const [first] = life.under.model.txs;
    await life.take("outbid");
    await waitFor("the second to be told", () => knows(session, known));

    const [second, ...others] = life.under.model.txs;
    expect(others).toEqual([]);
    expect(second?.txid).not.toBe(first?.txid);
    const waiting = new Set<unknown>();
    for (const hash of MODEL_SCRIPT_HASHES) {
      const entries = (await session.call("blockchain.scripthash.get_mempool", [hash])) as {
        tx_hash: string;
      }[];
      for (const { tx_hash } of entries) waiting.add(tx_hash);
    }
    expect([...waiting]).toEqual([second?.txid]);
    await life.take("drop");
    await waitFor("the end to be told", () => knows(session, known));
    session.close();
  });

  it("nobody is told of what has not changed, of what he has not asked for or does not want to hear any more", async () => {
    const [wanted = "", unwanted = "", other = ""] = MODEL_SCRIPT_HASHES;
    const session = await sessions.session("1.6", carrier);
    for (const hash of [wanted, unwanted]) await session.call("blockchain.scripthash.subscribe", [hash]);
    expect(await session.call("blockchain.scripthash.unsubscribe", [unwanted])).toBe(true);
    const before = truth();
    // Once more: he is told again how it is, and will not be told everything twice.
    expect(await session.call("blockchain.scripthash.subscribe", [wanted])).toBe(before.get(wanted));
    // It is touched and stays as it was: that is looked at, and not told.
    await life.under.tellChange([wanted]);
    for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setImmediate(resolve));
    await session.call("blockchain.scripthash.get_history", [wanted]);
    const [coin] = life.chain.coins();
    life.chain.mineThese([spending(coin, 0, 1, 2)]);
    life.tellTip();
    await waitFor("the wanted script to be told", () => session.statusesOf(wanted).length > 0);
    // A second block, which pays nobody but its miner: who is told of it has been told of the first before.
    life.chain.mineThese([]);
    life.tellTip();
    await waitFor("the block", () => life.under.half.feed.tip?.hash === life.chain.blocks.at(-1)?.hash);
    await session.call("blockchain.scripthash.get_balance", [wanted]);

    for (const hash of [unwanted, other]) expect(life.status(hash)).not.toBe(before.get(hash));
    const statuses = session.statusesOf(wanted);
    expect(new Set([before.get(wanted), ...statuses]).size).toBe(statuses.length + 1);
    expect(session.notifications.filter(({ params }) => params[0] !== wanted)).toEqual([]);
    session.close();
  });

  it("the server asks nothing: whatever it says unasked has no id", async () => {
    const { session, known } = await follower(carrier);
    for (const step of ["send", "mine", "send", "outbid", "drop", "mine"] as const) await life.take(step);
    life.chain.turnBack(1);
    life.under.model.txs.length = 0;
    life.chain.mineThese([]);
    life.chain.mineThese([]);
    life.tellTip();
    await life.under.tellChange([...MODEL_SCRIPT_HASHES].sort());
    await waitFor("all to be told", () => knows(session, known));

    const unasked = session.received
      .map((text) => JSON.parse(text) as Record<string, unknown>)
      .filter((message) => "method" in message);
    expect(unasked.length).toBeGreaterThan(1);
    expect(unasked.filter((message) => "id" in message)).toEqual([]);
    expect(new Set(unasked.map(({ method }) => method))).toEqual(
      new Set(["blockchain.headers.subscribe", "blockchain.scripthash.subscribe"]),
    );
    session.close();
  });
});
