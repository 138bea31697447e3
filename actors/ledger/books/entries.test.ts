import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TestBooks } from "../../../tests/harness/ledger/test-books.ts";
import { availableOf, balanceOf, book, CUSTODY, EQUITY, SUSPENSE, sumsOf } from "./entries.ts";

let books: TestBooks;
beforeEach(() => {
  books = new TestBooks();
});
afterEach(() => books.remove());

const deposit = (key: string, userId: number, sat: number) => ({
  kind: "deposit",
  key,
  postings: [
    { account: CUSTODY, sat },
    { account: availableOf(userId), sat: -sat },
  ],
});

describe("an entry", () => {
  it("is booked once under its key, also after the books were closed", async () => {
    expect(books.write((tx) => book(tx, deposit("a:0", 1, 500)))).toMatchObject({ id: 1 });
    await books.reopen();
    expect(books.write((tx) => book(tx, deposit("a:0", 1, 500)))).toBeNull();
    expect(books.read((t) => balanceOf(t, availableOf(1)))).toBe(500);
  });

  it("adds up to nothing, in whole satoshi, or is not booked", () => {
    const odd = { ...deposit("a:0", 1, 500), postings: [{ account: CUSTODY, sat: 500 }] };
    expect(() => books.write((tx) => book(tx, odd))).toThrow("add up to nothing");
    expect(() => books.write((tx) => book(tx, deposit("a:0", 1, 0.5)))).toThrow("whole");
    expect(books.read((t) => t.entries.count())).toBe(0);
  });

  it("takes no more from a person than he has", () => {
    books.write((tx) => book(tx, deposit("a:0", 1, 500)));
    expect(() => books.write((tx) => book(tx, deposit("b:0", 1, -501)))).toThrow("not overdrawn");
    books.write((tx) => book(tx, { ...deposit("c:0", 1, -501), mayOwe: true }));
    expect(books.read((t) => sumsOf(t).owing)).toEqual([availableOf(1)]);
  });

  it("leaves nothing behind when the change that it is part of is given up", () => {
    const change = () =>
      books.write((tx) => {
        book(tx, deposit("a:0", 1, 500));
        throw new Error("given up");
      });
    expect(change).toThrow("given up");
    expect(books.read((t) => [t.entries.count(), t.balances.count(), t.entryKeys.count()])).toEqual([
      0, 0, 0,
    ]);
  });
});

it("whatever is booked, repeated or refused, all accounts together hold nothing and balances are the sums of entries", async () => {
  const accounts = [CUSTODY, EQUITY, SUSPENSE, availableOf(1), availableOf(2)];
  const posting = fc.record({
    account: fc.constantFrom(...accounts),
    sat: fc.integer({ min: -1_000, max: 1_000 }),
  });
  const entry = fc.record({
    key: fc.integer({ min: 0, max: 9 }),
    postings: fc.array(posting, { maxLength: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 12 }), async (entries) => {
      const own = new TestBooks();
      try {
        for (const { key, postings } of entries) {
          const rest = 0 - postings.reduce((sum, { sat }) => sum + sat, 0);
          const whole = [...postings, { account: EQUITY, sat: rest }];
          try {
            own.write((tx) => book(tx, { kind: "any", key: `${key}`, postings: whole }));
          } catch (error) {
            if (!String(error).includes("not overdrawn")) throw error;
          }
        }
        await own.reopen();
        own.read((t) => {
          expect(sumsOf(t).totalSat).toBe(0);
          expect(sumsOf(t).owing).toEqual([]);
          for (const account of accounts) {
            const booked = t.entries
              .values()
              .flatMap(({ postings }) => postings)
              .filter((one) => one.account === account);
            expect(0 - balanceOf(t, account)).toBe(booked.reduce((sum, { sat }) => sum + sat, 0));
          }
          expect(new Set(t.entries.values().map(({ key }) => key)).size).toBe(t.entries.count());
        });
      } finally {
        await own.remove();
      }
    }),
    { numRuns: 15 },
  );
});
