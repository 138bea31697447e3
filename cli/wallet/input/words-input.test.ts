/** What is said of words while they are typed, and how Tab goes on with one. */
import { expect, it } from "vitest";
import { completedWords, wordsProblem } from "./words-input.ts";

const TWELVE = `${"abandon ".repeat(11)}about`;
const LAST_WRONG = `${"abandon ".repeat(11)}zoo`;

it("says nothing of words that are a wallet's, however they are written", () => {
  for (const text of [TWELVE, TWELVE.toUpperCase(), TWELVE.replaceAll(" ", "\n"), `  ${TWELVE}\t`]) {
    expect(wordsProblem(text)).toBeUndefined();
  }
});

it.each([
  ["abandon abuot", 'word 2, "abuot", is not in BIP39\'s English list; perhaps it is "about"'],
  ["qqqqqqqq", 'word 1, "qqqqqqqq", is not in BIP39\'s English list'],
  ["abandon", "1 word so far; there have to be 12, 15, 18, 21 or 24"],
  ["abandon ".repeat(13), "13 words so far; there have to be 12, 15, 18, 21 or 24"],
  [LAST_WRONG, "they do not fit together: one of them is wrong, or two have changed places"],
])("of %j it says what is wrong", (text, problem) => {
  expect(wordsProblem(text)).toBe(problem);
});

it("goes on with the word that is being typed, and leaves those before it alone", () => {
  expect(completedWords("zoo aban")).toEqual([["abandon "], "aban"]);
  expect(completedWords("zoo Abs")).toEqual([["absent", "absorb", "abstract", "absurd"], "abs"]);
  expect(completedWords("zoo ")).toEqual([[], ""]);
  expect(completedWords("zoo qq")).toEqual([[], "qq"]);
});
