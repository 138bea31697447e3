import { describe, expect, it } from "vitest";
import { KeptAnswers } from "./kept-answers.ts";

/** Answers when the test says so. */
function held() {
  const questions: { key: string; answer: (value: string) => void; fail: (error: Error) => void }[] = [];
  const ask = (key: string) =>
    new Promise<string>((answer, fail) => {
      questions.push({ key, answer, fail });
    });
  return { questions, ask };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("kept answers", () => {
  it("ask once for all who ask at a time, and not again while the answer holds", async () => {
    const { questions, ask } = held();
    const kept = new KeptAnswers({ ask, weightOf: () => 1, weightMax: 10 });
    const both = Promise.all([kept.of("a"), kept.of("a")]);
    expect(questions).toHaveLength(1);
    questions[0]?.answer("one");
    expect(await both).toEqual(["one", "one"]);
    expect(kept.of("a")).toBe("one");
  });

  it("keep what is at hand, and give it without a promise", () => {
    let asked = 0;
    const ask = (key: string) => {
      asked += 1;
      return `${key}${asked}`;
    };
    const kept = new KeptAnswers({ ask, weightOf: () => 1, weightMax: 10 });
    expect([kept.of("a"), kept.of("a")]).toEqual(["a1", "a1"]);
    kept.forget("a");
    expect(kept.of("a")).toBe("a2");
  });

  it("do not keep an answer whose question is older than the news", async () => {
    const { questions, ask } = held();
    const kept = new KeptAnswers({ ask, weightOf: () => 1, weightMax: 10 });
    const old = kept.of("a");
    kept.forget("a");
    const fresh = kept.of("a");
    expect(questions).toHaveLength(2);
    questions[1]?.answer("new");
    expect(await fresh).toBe("new");
    questions[0]?.answer("old");
    expect(await old).toBe("old");
    await settled();
    expect(kept.of("a")).toBe("new");
  });

  it("ask again after a failure", async () => {
    const { questions, ask } = held();
    const kept = new KeptAnswers({ ask, weightOf: () => 1, weightMax: 10 });
    const failed = kept.of("a");
    questions[0]?.fail(new Error("away"));
    await expect(failed).rejects.toThrow("away");
    void kept.of("a");
    expect(questions).toHaveLength(2);
  });

  it("give up what was unused longest, and never hold what is too heavy", async () => {
    const asked: string[] = [];
    const kept = new KeptAnswers({
      ask: async (key) => {
        asked.push(key);
        return key;
      },
      weightOf: (answer) => answer.length,
      weightMax: 6,
    });
    for (const key of ["aa", "bb", "cc"]) await kept.of(key);
    await kept.of("aa");
    await kept.of("dd");
    expect(kept.peek("bb")).toBeUndefined();
    for (const key of ["aa", "cc", "dd"]) expect(kept.peek(key)).toBe(key);
    await kept.of("heavy");
    expect(kept.peek("heavy")).toBeUndefined();
    kept.clear();
    expect(kept.peek("aa")).toBeUndefined();
  });
});
