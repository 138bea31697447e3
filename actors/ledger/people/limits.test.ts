import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TestBooks } from "../../../tests/harness/ledger/test-books.ts";
import { orderedIn, personIn, rowOf, typedIn } from "../../../tests/harness/ledger/test-people.ts";
import { ELSEWHERE } from "../../../tests/harness/walletd/robbed-wallets.ts";
import { payoutGivenUp } from "../orders/payouts.ts";
import type { OrderRow } from "../store/rows.ts";
import { paidTodayOf } from "./limits.ts";

const DAY_S = 86_400;
const CHEAP = { feeSat: 100, feeSatMax: 100 };

let books: TestBooks;
beforeEach(() => {
  books = new TestBooks({ order_ttl_seconds: DAY_S, day_sat_max: 80_000 });
  personIn(books, "alice", 1_000_000);
});
afterEach(() => books.remove());

const ordered = (sat: number) => orderedIn(books, "alice", { address: ELSEWHERE }, sat, CHEAP);
const typed = (order: OrderRow, feeSat: number) => typedIn(books, "alice", order.code, undefined, feeSat);
const now = ({ id }: OrderRow) => books.read((t) => t.orders.get(id)) as OrderRow;
const paidToday = () => books.read((t) => paidTodayOf(books.tx(t), rowOf(books, "alice").id));

describe("the limit of a day", () => {
  it("counts nothing that was given up before anything was signed", () => {
    const order = typed(ordered(50_000), 100);
    expect(paidToday()).toBe(50_000);
    books.write((tx) => payoutGivenUp(tx, order));
    expect(paidToday()).toBe(0);
    expect(typed(ordered(80_000), 100).state).toBe("confirmed");
  });

  it("counts what was confirmed late, after its price had risen, for a whole day", () => {
    const order = ordered(80_000);
    books.nowS += DAY_S - 1;
    expect(() => typed(order, 200)).toThrow(expect.objectContaining({ code: "LEDGER_REQUOTED" }));
    books.nowS += DAY_S - 1;
    expect(typed(now(order), 200).state).toBe("confirmed");
    books.nowS += DAY_S - 1;
    expect(paidToday()).toBe(80_000);
    expect(() => ordered(1_000)).toThrow(expect.objectContaining({ code: "LEDGER_LIMIT" }));
    books.nowS += 1;
    expect(paidToday()).toBe(0);
  });
});

it("an order whose price has risen twice is still known by its code, and waits no longer than twice its time", () => {
  const order = ordered(1_000);
  books.nowS += DAY_S - 1;
  expect(() => typed(order, 200)).toThrow(expect.objectContaining({ code: "LEDGER_REQUOTED" }));
  books.nowS += DAY_S - 1;
  expect(() => typed(now(order), 400)).toThrow(expect.objectContaining({ code: "LEDGER_REQUOTED" }));
  expect(now(order).expiresAtS).toBe(order.createdAtS + 2 * DAY_S);
  books.nowS += 1;
  expect(typed(now(order), 400).state).toBe("confirmed");
  books.nowS += 2;
  expect(typed(now(order), 400).state).toBe("confirmed");
});
