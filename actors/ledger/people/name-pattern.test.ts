import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TestBooks } from "../../../tests/harness/ledger/test-books.ts";
import { ledgerSection } from "../config.ts";
import { fitsNamePattern, type NamePattern, readNamePattern, STANDARD_NAME_PATTERN } from "./name-pattern.ts";
import { register } from "./people.ts";

const read = (text: string) => readNamePattern(text) as NamePattern;

describe("a pattern of user names", () => {
  it("is what an account's name has to be like, and is told to whom it is refused", async () => {
    const books = new TestBooks({ username_pattern: "[а-я][а-я0-9]{2,9}" });
    const named = (username: string) =>
      books.write((tx) => register(tx, { jid: "boris@example.test", username }).user.username);
    try {
      expect(() => named("boris")).toThrow(
        expect.objectContaining({
          code: "LEDGER_USERNAME",
          data: { why: "form", form: { first: "а-я", rest: "а-я0-9", fewest: 3, most: 10 } },
        }),
      );
      expect(named(" БОРИС ")).toBe("борис");
    } finally {
      await books.remove();
    }
  });

  it.each([
    [
      STANDARD_NAME_PATTERN,
      ["bob", "a_", "x9", `a${"b".repeat(29)}`],
      ["b", "9x", "_a", "Bob", "bö", `a${"b".repeat(30)}`],
    ],
    ["[a-zß-öø-ÿ][a-zß-öø-ÿ0-9]{2,9}", ["jürgen", "øre"], ["jü", "a_b", "борис"]],
    ["[а-яё][а-яё0-9_]{1,19}", ["борис", "ёж7"], ["boris", "бoрис"]],
  ])("%s lets in what it says, and nothing else", (pattern, names, others) => {
    for (const name of names) expect(fitsNamePattern(name, read(pattern)), name).toBe(true);
    for (const name of others) expect(fitsNamePattern(name, read(pattern)), name).toBe(false);
  });

  it("lets in what the same regular expression lets in", () => {
    const same = /^[a-z][a-z0-9_]{1,29}$/;
    const pattern = read(STANDARD_NAME_PATTERN);
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."abz09_-.Aé"), maxLength: 33 }), (name) => {
        expect(fitsNamePattern(name, pattern)).toBe(same.test(name));
      }),
    );
  });

  it.each([
    ["(a+)+$", "[first][rest]{fewest,most}"],
    ["[a-z]{1,29}", "[first][rest]{fewest,most}"],
    ["[^a][a-z]{1,9}", "letters alone in the first brackets"],
    ["[a-z0-9][a-z]{1,9}", 'not "0" (U+0030)'],
    ["[a-z][a-z.]{1,9}", 'not "." (U+002E)'],
    ["[a-z][a-z-]{1,9}", 'not "-" (U+002D)'],
    ["[a-z][à-ÿ]{1,9}", 'not "÷" (U+00F7)'],
    ["[A-Z][a-z]{1,9}", "lower case"],
    ["[a-z][a-zа-я]{1,9}", "one script"],
    ["[a-z][z-a]{1,9}", "spans"],
    ["[a-z][\u0000-\u{10ffff}]{1,9}", "spans"],
    ["[a-z][a-z]{0,9}", "between 1 and 63"],
    ["[a-z][a-z]{9,1}", "between 1 and 63"],
    ["[a-z][a-z]{1,64}", "between 1 and 63"],
    [`[a-z][${"a".repeat(300)}]{1,9}`, "at most 200"],
  ])("is refused as %s, with what is wrong", (pattern, problem) => {
    expect(readNamePattern(pattern)).toEqual({ problem: expect.stringContaining(problem) });
    const { error } = ledgerSection.schema.safeParse({ username_pattern: pattern });
    expect(JSON.stringify(error?.issues)).toContain(JSON.stringify(problem).slice(1, -1));
  });

  it("never takes long, and never throws, whatever is written", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary", maxLength: 220 }),
          fc.string({ unit: fc.constantFrom(..."[]{}-,az09^\\+*("), maxLength: 60 }),
        ),
        (text) => {
          readNamePattern(text);
        },
      ),
    );
  });
});
