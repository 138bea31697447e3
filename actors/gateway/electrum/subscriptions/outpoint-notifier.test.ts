import { afterEach, expect, it } from "vitest";
import { Randomness } from "../../../../bench/chain/randomness.ts";
import { LivingChain, type Step } from "../../../../tests/harness/gateway/living-chain.ts";
import { waitFor } from "../../../../tests/harness/wait-for.ts";

const STEPS: readonly Step[] = ["send", "send", "send", "mine", "drop", "replace"];
const opened: LivingChain[] = [];

afterEach(async () => {
  for (const life of opened.splice(0)) await life.stop();
});

/** By looking at all blocks and all that is unconfirmed. */
function statusOf(life: LivingChain, txid: string, index: number): unknown {
  const { txs } = life.under.model;
  const confirmed = life.chain.blocks.findIndex(({ transactions }) =>
    transactions.some((one) => one.txid === txid),
  );
  const unconfirmed = txs.find((tx) => tx.txid === txid);
  if (confirmed < 0 && unconfirmed === undefined) return {};
  const heightOf = (tx: (typeof txs)[number]) =>
    tx.spends.some((spend) => txs.some((other) => other.txid === spend.txid)) ? -1 : 0;
  const funder_height = unconfirmed === undefined ? confirmed : heightOf(unconfirmed);
  const taken = life.chain.spenders().get(`${txid}:${index}`);
  if (taken !== undefined) return { funder_height, spender_txhash: taken.txid, spender_height: taken.height };
  const taker = txs.find(({ spends }) =>
    spends.some((spend) => spend.txid === txid && spend.index === index),
  );
  if (taker === undefined) return { funder_height };
  return { funder_height, spender_txhash: taker.txid, spender_height: heightOf(taker) };
}

it("tells followers of an output when it is made, spent, confirmed or undone, as brute force has it", async () => {
  const random = new Randomness(21);
  const life = await LivingChain.start(() => random.fraction());
  opened.push(life);
  const session = life.under.session();
  const known = new Map<string, unknown>();
  let read = 0;
  for (let at = 0; at < 40; at++) {
    await life.take(STEPS[Math.floor(random.fraction() * STEPS.length)] as Step);
    const coins = life.chain.coins();
    const candidates = [
      ...life.under.model.txs.map(({ txid }) => ({ txid, index: 0 })),
      ...(coins.length > 0
        ? [coins[Math.floor(random.fraction() * coins.length)] as (typeof coins)[number]]
        : []),
    ];
    for (const { txid, index } of candidates) {
      const status = await session.call("blockchain.outpoint.subscribe", [txid, index]);
      if (!known.has(`${txid}:${index}`)) known.set(`${txid}:${index}`, status);
    }
    await waitFor("what is told to be true", () => {
      for (const { method, params } of session.notifications.slice(read)) {
        expect(method).toBe("blockchain.outpoint.subscribe");
        const [txid, index, status] = params;
        expect(known.get(`${txid}:${index}`)).not.toEqual(status);
        known.set(`${txid}:${index}`, status);
      }
      read = session.notifications.length;
      return [...known].every(([name, status]) => {
        const [txid = "", index] = name.split(":");
        return JSON.stringify(status) === JSON.stringify(statusOf(life, txid, Number(index)));
      });
    });
  }
  expect(known.size).toBeGreaterThan(10);
  expect(session.subscriptions).toBe(known.size);
});

it("knows nothing of outputs that a transaction does not have, and forgets on demand", async () => {
  const random = new Randomness(22);
  const life = await LivingChain.start(() => random.fraction());
  opened.push(life);
  const session = life.under.session("1.4");
  const [coin] = life.chain.coins();
  const txid = coin?.txid as string;

  expect(await session.call("blockchain.outpoint.get_status", [txid, 0, "0014"])).toEqual(
    statusOf(life, txid, 0),
  );
  expect(await session.call("blockchain.outpoint.get_status", [txid, 900])).toEqual({});
  expect(await session.call("blockchain.outpoint.get_status", ["ab".repeat(32), 0])).toEqual({});
  await expect(session.call("blockchain.outpoint.get_status", [txid, 2 ** 32])).rejects.toMatchObject({
    code: 1,
  });
  await session.call("blockchain.outpoint.subscribe", [txid, 0]);
  expect(await session.call("blockchain.outpoint.unsubscribe", [txid, 0])).toBe(true);
  expect(await session.call("blockchain.outpoint.unsubscribe", [txid, 0])).toBe(false);
  expect(session.subscriptions).toBe(0);
});
