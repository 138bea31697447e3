/** An index that is a block ahead of a mempool which does not come after, as a slow node's does not for a while. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { Randomness } from "../../../../bench/chain/randomness.ts";
import { MODEL_SCRIPT_HASHES } from "../../../../tests/harness/chain/model-chain.ts";
import { LivingChain } from "../../../../tests/harness/gateway/living-chain.ts";
import { waitFor } from "../../../../tests/harness/wait-for.ts";

let life: LivingChain;

beforeEach(async () => {
  const random = new Randomness(17);
  life = await LivingChain.start(() => random.fraction());
});

afterEach(() => life.stop());

it("counts a transaction once in balances and coins that the one has confirmed and the other not", async () => {
  const { model } = life.under;
  for (let i = 0; i < 6; i++) await life.take("send");
  const before = { txs: [...model.txs], view: model.view };
  while (model.txs.length === before.txs.length) life.change("mine");
  const truth = MODEL_SCRIPT_HASHES.map((hash) => [life.balance(hash), life.coins(hash)]);
  const isChanged = MODEL_SCRIPT_HASHES.some((hash) => model.balanceSat(hash) !== 0);
  model.txs.splice(0, model.txs.length, ...before.txs);
  model.view = before.view;
  life.source.announce();
  await waitFor("the block", () => life.under.half.feed.tip?.hash === life.chain.blocks.at(-1)?.hash);

  const session = life.under.session();
  const told = await Promise.all(
    MODEL_SCRIPT_HASHES.map((hash) =>
      Promise.all([
        session.call("blockchain.scripthash.get_balance", [hash]),
        session.call("blockchain.scripthash.listunspent", [hash]),
      ]),
    ),
  );
  expect(told).toEqual(truth);
  // Otherwise nothing was proved.
  expect(isChanged).toBe(true);
  expect(MODEL_SCRIPT_HASHES.map((hash) => model.balanceSat(hash))).not.toEqual(
    truth.map(([balance]) => (balance as { unconfirmed: number }).unconfirmed),
  );
});
