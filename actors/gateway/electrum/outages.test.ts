import { afterEach, describe, expect, it } from "vitest";
import { Randomness } from "../../../bench/chain/randomness.ts";
import { MODEL_SCRIPT_HASHES } from "../../../tests/harness/chain/model-chain.ts";
import type { TestSession } from "../../../tests/harness/gateway/electrum.ts";
import { LivingChain } from "../../../tests/harness/gateway/living-chain.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";

const opened: LivingChain[] = [];

afterEach(async () => {
  for (const life of opened.splice(0)) await life.stop();
});

async function aLife(seed: number): Promise<{ life: LivingChain; session: TestSession }> {
  const random = new Randomness(seed);
  const life = await LivingChain.start(() => random.fraction());
  opened.push(life);
  const session = life.under.session();
  await session.call("blockchain.headers.subscribe");
  for (const hash of MODEL_SCRIPT_HASHES) await session.call("blockchain.scripthash.subscribe", [hash]);
  return { life, session };
}

/** Scripts whose status is another one than before. */
function changedSince(life: LivingChain, before: ReadonlyMap<string, string | null>): string[] {
  return MODEL_SCRIPT_HASHES.filter((hash) => life.status(hash) !== before.get(hash));
}

function statusesOf(life: LivingChain): Map<string, string | null> {
  return new Map(MODEL_SCRIPT_HASHES.map((hash) => [hash, life.status(hash)]));
}

describe("after news was lost", () => {
  it("clients are told what changed while the bus was down, and nothing else", async () => {
    const { life, session } = await aLife(11);
    const before = statusesOf(life);
    await life.under.indexer.breakDown();
    life.change("send");
    life.change("send");
    life.change("mine");
    life.source.announce();
    await life.under.indexer.restore();

    const changed = changedSince(life, before);
    expect(changed.length).toBeGreaterThan(0);
    await waitFor("all changes to be told", () =>
      changed.every((hash) => session.statusesOf(hash).at(-1) === life.status(hash)),
    );
    expect(session.heights().at(-1)).toBe(life.chain.height);
    for (const hash of MODEL_SCRIPT_HASHES) {
      if (!changed.includes(hash)) expect(session.statusesOf(hash)).toEqual([]);
    }
  });

  it("it is known how long the index has said nothing, until it answers again", async () => {
    const { life } = await aLife(15);
    const { half, indexer } = life.under;
    await indexer.breakDown();
    await waitFor("the silence to grow", () => half.silentMs() > 6_000);
    await indexer.restore();

    await waitFor("the silence to end", () => half.silentMs() < 1_000);
  });

  it("a mempool that starts again and says nothing new is looked at all the same", async () => {
    const { life, session } = await aLife(12);
    const before = statusesOf(life);
    await life.under.mempool.stop();
    for (let i = 0; i < 3; i++) life.change("send");
    await life.under.restartMempool();

    const changed = changedSince(life, before);
    expect(changed.length).toBeGreaterThan(0);
    await waitFor("all changes to be told", () =>
      changed.every((hash) => session.statusesOf(hash).at(-1) === life.status(hash)),
    );
    for (const hash of changed) expect(session.statusesOf(hash)).toHaveLength(1);
  });

  it("answers wait for a mempool that is away for a moment", async () => {
    const { life, session } = await aLife(13);
    for (let i = 0; i < 5; i++) await life.take("send");
    const [hash] = MODEL_SCRIPT_HASHES.filter((one) => life.under.model.history(one).length > 0);
    await life.under.mempool.stop();
    // Nothing kept may answer for it.
    life.under.half.feed.distrust();
    const answer = session.call("blockchain.scripthash.get_history", [hash]);
    await life.under.restartMempool();

    expect(await answer).toEqual(life.history(hash as string));
  });

  it("without a mempool for long, confirmed answers come, and the rest when it is back", async () => {
    const { life, session } = await aLife(14);
    const before = statusesOf(life);
    for (let i = 0; i < 5; i++) await life.take("send");
    const [hash = ""] = MODEL_SCRIPT_HASHES.filter((one) => life.under.model.history(one).length > 0);
    await life.under.mempool.stop();
    life.under.half.feed.distrust();

    const confirmed = life.history(hash).filter(({ height }) => height > 0);
    expect(await session.call("blockchain.scripthash.get_history", [hash])).toEqual(confirmed);
    await waitFor(
      "the confirmed half to be told",
      () => session.statusesOf(hash).at(-1) !== life.status(hash),
    );
    await life.under.restartMempool();
    // Whoever had heard nothing yet when the mempool went is told as well: his first status is an old one.
    await waitFor("the unconfirmed half to be told", () =>
      MODEL_SCRIPT_HASHES.every((one) => {
        const known = session.statusesOf(one).at(-1) ?? before.get(one);
        return known === life.status(one);
      }),
    );
    expect(await session.call("blockchain.scripthash.get_history", [hash])).toEqual(life.history(hash));
  });
});
