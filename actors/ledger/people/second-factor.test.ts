import { afterEach, beforeEach, expect, it } from "vitest";
import { TestBooks } from "../../../tests/harness/ledger/test-books.ts";
import { orderedIn, personIn, rowOf, typedIn } from "../../../tests/harness/ledger/test-people.ts";
import { cancel, orderByWord } from "../orders/orders.ts";
import { settled } from "../orders/outcome.ts";
import { keepUser } from "./people.ts";
import { codeAt } from "./second-factor.ts";

const SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const STRONG_SAT = 40_000;
const LOCK_S = 900;

let books: TestBooks;
beforeEach(() => {
  books = new TestBooks({ strong_sat: STRONG_SAT });
  const alice = personIn(books, "alice", 1_000_000);
  personIn(books, "bob");
  books.write((tx) => keepUser(tx, { ...alice, factor: { secret: SECRET, enabledAtS: 0, lastStep: 0 } }));
});
afterEach(() => books.remove());

const refused = (error: string, why?: string) =>
  expect.objectContaining({ code: error, ...(why && { data: expect.objectContaining({ why }) }) });
const WRONG = refused("LEDGER_SECOND_FACTOR", "wrong");
const right = () => codeAt(SECRET, Math.floor(books.nowS / 30));
const order = () => orderedIn(books, "alice", "bob", STRONG_SAT);
const told = () => books.read((t) => t.notices.values().map(({ kind }) => kind));

it("is not guessed at by whoever has the chat: the right code of an order forgives no wrong one-time code", () => {
  const { code } = order();
  for (let i = 0; i < 5; i++) expect(() => typedIn(books, "alice", code, "000000")).toThrow(WRONG);
  expect(() => typedIn(books, "alice", code, right())).toThrow(refused("LEDGER_LOCKED"));
  expect(told()).toContain("security.codes");
  books.nowS += LOCK_S;
  expect(typedIn(books, "alice", order().code, right()).state).toBe("done");
});

it("is not guessed at beside orders that are given up by their code", () => {
  const guess = () => typedIn(books, "alice", order().code, "000000");
  const giveUp = () => {
    const { code } = order();
    books.write((tx) => cancel(tx, settled(orderByWord(tx, rowOf(books, "alice"), { code }))));
  };
  for (let i = 0; i < 4; i++) expect(guess).toThrow(WRONG);
  giveUp();
  expect(guess).toThrow(WRONG);
  expect(giveUp).toThrow(refused("LEDGER_LOCKED"));
});

it("that is right makes wrong ones before it forgotten, and wrong codes of orders too", () => {
  for (let round = 0; round < 3; round++) {
    const { code } = order();
    for (let i = 0; i < 4; i++) expect(() => typedIn(books, "alice", code, "000000")).toThrow(WRONG);
    for (let i = 0; i < 4; i++)
      expect(() => typedIn(books, "alice", "aaaaaa")).toThrow(refused("LEDGER_NO_ORDER"));
    expect(typedIn(books, "alice", code, right()).state).toBe("done");
    books.nowS += 30;
  }
  expect(told()).not.toContain("security.codes");
});
