import { describe, expect, it } from "vitest";
import { ManualClock, systemClock } from "../../../../runtime/clock.ts";
import { TroupeError } from "../../../../runtime/errors.ts";
import { Gathering } from "./gathering.ts";

describe("gathered questions", () => {
  it("of one turn of the loop travel together, up to the size of a batch", async () => {
    const batches: number[][] = [];
    const gathering = new Gathering<number, number>({
      clock: systemClock,
      ask: async (questions) => {
        batches.push([...questions]);
        return questions.map((question) => question * 2);
      },
      batchMax: 3,
    });
    expect(await Promise.all([1, 2, 3, 4].map((question) => gathering.ask(question)))).toEqual([2, 4, 6, 8]);
    expect(batches).toEqual([[1, 2, 3], [4]]);
  });

  it("wait while enough batches are under way, and then go fuller", async () => {
    const batches: { questions: readonly number[]; answer: (answers: number[]) => void }[] = [];
    const gathering = new Gathering<number, number>({
      clock: systemClock,
      ask: (questions) =>
        new Promise((answer) => {
          batches.push({ questions, answer });
        }),
      batchMax: 10,
      batchesMax: 1,
    });
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    const answers = [gathering.ask(1)];
    await turn();
    for (const question of [2, 3, 4]) {
      answers.push(gathering.ask(question));
      await turn();
    }
    expect(batches.map(({ questions }) => questions)).toEqual([[1]]);
    batches[0]?.answer([1]);
    await turn();
    await turn();
    expect(batches.map(({ questions }) => questions)).toEqual([[1], [2, 3, 4]]);
    batches[1]?.answer([2, 3, 4]);
    expect(await Promise.all(answers)).toEqual([1, 2, 3, 4]);
  });

  it("wait for one another while a batch is under way, but not for an answer that takes long", async () => {
    const batches: { questions: readonly number[]; answer: (answers: number[]) => void }[] = [];
    const clock = new ManualClock();
    const gathering = new Gathering<number, number>({
      clock,
      ask: (questions) =>
        new Promise((answer) => {
          batches.push({ questions, answer });
        }),
      batchMax: 100,
    });
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    const ask = async (...questions: number[]) => {
      for (const question of questions) void gathering.ask(question);
      await turn();
    };
    const asked = () => batches.map(({ questions }) => questions.length);
    await ask(1);
    await ask(2);
    await ask(3);
    expect(asked()).toEqual([1]);
    clock.advance(10);
    expect(asked()).toEqual([1, 2]);
    await ask(...Array.from({ length: 40 }, (_, i) => i));
    expect(asked()).toEqual([1, 2, 40]);
    await ask(4);
    for (const { questions, answer } of batches) answer([...questions]);
    await turn();
    await turn();
    expect(asked()).toEqual([1, 2, 40, 1]);
  });

  it("fail together, and the next ones are asked all the same", async () => {
    let isBroken = true;
    const gathering = new Gathering<number, number>({
      clock: systemClock,
      ask: async (questions) => {
        if (isBroken) throw new Error("away");
        return questions;
      },
      batchMax: 2,
    });
    const failed = await Promise.allSettled([gathering.ask(1), gathering.ask(2)]);
    expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    isBroken = false;
    expect(await gathering.ask(3)).toBe(3);
  });

  it("are asked again while the actor that answers is away", async () => {
    let asked = 0;
    const gathering = new Gathering<number, number>({
      clock: systemClock,
      ask: async (questions) => {
        asked += 1;
        if (asked < 3) throw new TroupeError({ code: "BUS_UNAVAILABLE" }, "nobody answers");
        return questions;
      },
      batchMax: 2,
    });
    expect(await gathering.ask(7)).toBe(7);
    expect(asked).toBe(3);
  });

  it("are refused when too many wait", async () => {
    const gathering = new Gathering<number, number>({
      clock: systemClock,
      ask: () => new Promise(() => {}),
      batchMax: 1,
      batchesMax: 1,
      waitingMax: 2,
    });
    void gathering.ask(1);
    void gathering.ask(2);
    await expect(gathering.ask(3)).rejects.toMatchObject({ code: -102 });
  });

  it("whose answers are too large for one message are asked for in parts: only what is too large alone is refused", async () => {
    let messages = 0;
    const gathering = new Gathering<number, number>({
      clock: systemClock,
      ask: async (sizes) => {
        messages += 1;
        const sum = sizes.reduce((before, size) => before + size, 0);
        if (sum > 64) throw new TroupeError({ code: "BUS_TOO_LARGE", outcome: "executed" }, "ask for less");
        return sizes.map((size) => size * 2);
      },
      batchMax: 500,
    });
    const sizes = [1, 40, 2, 30, 65, 3, 60, 4];
    const settled = await Promise.allSettled(sizes.map((size) => gathering.ask(size)));

    expect(settled.map((each) => (each.status === "fulfilled" ? each.value : "refused"))).toEqual(
      sizes.map((size) => (size > 64 ? "refused" : size * 2)),
    );
    expect(messages).toBeLessThan(2 * sizes.length);
    expect(await gathering.ask(5)).toBe(10);
  });
});
