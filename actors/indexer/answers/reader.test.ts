import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { Randomness } from "../../../bench/chain/randomness.ts";
import { MODEL_SCRIPT_HASHES, ModelChain, ModelSource } from "../../../tests/harness/chain/model-chain.ts";
import { IndexUnderTest } from "../../../tests/harness/indexer/index-under-test.ts";
import type { Steps } from "../lookup/steps.ts";
import type { Question } from "./reader.ts";

const opened: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function indexed(): Promise<{ chain: ModelChain; index: IndexUnderTest }> {
  const random = new Randomness(6);
  const chain = new ModelChain(() => random.fraction());
  for (let i = 0; i < 12; i++) chain.mine(4);
  const directory = mkdtempSync(join(tmpdir(), "troupe-reader-"));
  const index = new IndexUnderTest(directory, new ModelSource(chain));
  opened.push(() => rmSync(directory, { recursive: true, force: true }));
  opened.push(() => index.close());
  await index.advance();
  return { chain, index };
}

/** Works on and on until it is let go, and only then asks: no question of a small chain takes a thread's time by itself. */
class Long<T> {
  #isLetGo = false;
  readonly question: Question<T>;

  constructor(then: Question<T>) {
    const isLetGo = () => this.#isLetGo;
    this.question = function* (replies): Steps<T> {
      while (!isLetGo()) yield;
      return yield* then(replies);
    };
  }

  letGo(): void {
    this.#isLetGo = true;
  }
}

const patient = () => new AbortController().signal;
const tipOf: Question<{ height: number; hash: string }> = function* (replies) {
  const bytes = yield* replies.tip(true);
  return JSON.parse(Buffer.from(bytes).toString()).tip;
};
const historyOf: Question<unknown> = function* (replies) {
  const bytes = yield* replies.histories({ scripthashes: [...MODEL_SCRIPT_HASHES.slice(0, 3)], limit: 1e6 });
  return JSON.parse(Buffer.from(bytes).toString()).results;
};

describe("a reader", () => {
  it("answers a short question at once, also while long ones are worked on", async () => {
    const { index, chain } = await indexed();
    const order: string[] = [];

    const work = new Long(historyOf);
    const long = index.reader.ask(work.question, patient);
    expect(long).toBeInstanceOf(Promise);
    void (long as Promise<unknown>).then(() => order.push("long"));
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      expect(await index.reader.ask(tipOf, patient)).toMatchObject({ height: chain.height });
      order.push("short");
    }
    work.letGo();

    expect(await long).toEqual(MODEL_SCRIPT_HASHES.slice(0, 3).map((hash) => chain.history(hash)));
    expect(order).toEqual(["short", "short", "short", "long"]);
    expect(index.reader.longQuestions).toBe(0);
  });

  it("answers many long questions, however many it works on at a time", async () => {
    const { index, chain } = await indexed();
    const expected = MODEL_SCRIPT_HASHES.slice(0, 3).map((hash) => chain.history(hash));

    const work = new Long(historyOf);
    const asked = Array.from({ length: 9 }, () => index.reader.ask(work.question, patient));
    expect(index.reader.longQuestions).toBe(9);
    work.letGo();

    expect(await Promise.all(asked)).toEqual(Array.from({ length: 9 }, () => expected));
  });

  it("answers a long question of the moment at which it was asked, whatever is added meanwhile", async () => {
    const { index, chain } = await indexed();
    const tip = { height: chain.height, hash: chain.blocks.at(-1)?.hash };

    const work = new Long(tipOf);
    const long = index.reader.ask(work.question, patient);
    chain.mine(4);
    await index.advance();
    work.letGo();

    expect(index.ask((asked) => asked.tip())?.height).toBe(tip.height + 1);
    expect(await long).toMatchObject(tip);
  });

  it("begins a long question anew when the chain it was asked about is rolled back", async () => {
    const { index, chain } = await indexed();

    const stale = chain.blocks.at(-1)?.hash;

    const work = new Long(tipOf);
    const long = index.reader.ask(work.question, patient);
    chain.turnBack(2);
    for (let i = 0; i < 3; i++) chain.mine(4);
    await index.advance();
    // Somebody asks, and so the thread gets to know of it.
    index.ask((asked) => asked.tip());
    work.letGo();

    // Of whatever moment it is now, it is one of the new chain.
    const tip = await long;
    expect(tip.hash).not.toBe(stale);
    expect(tip.hash).toBe(chain.blocks[tip.height]?.hash);
  });

  it("gives up a long question that nobody waits for, and all of them when it closes", async () => {
    const { index } = await indexed();
    const gone = new AbortController();

    const given = index.reader.ask(new Long(tipOf).question, () => gone.signal);
    const left = index.reader.ask(new Long(tipOf).question, patient);
    gone.abort(new Error("gone"));

    await expect(given).rejects.toThrow("gone");
    expect(index.reader.longQuestions).toBe(1);
    index.reader.close();
    await expect(left).rejects.toMatchObject({ code: "BUS_CLOSED" });
  });
});
