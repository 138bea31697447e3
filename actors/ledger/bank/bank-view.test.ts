import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TestBooks } from "../../../tests/harness/ledger/test-books.ts";
import { ELSEWHERE } from "../../../tests/harness/walletd/robbed-wallets.ts";
import { availableOf, book, CUSTODY } from "../books/entries.ts";
import { confirm } from "../orders/confirming.ts";
import { queue } from "../orders/orders.ts";
import { settled } from "../orders/outcome.ts";
import { payoutBegun, payoutPaid } from "../orders/payouts.ts";
import { needUser, register } from "../people/people.ts";
import type { OrderRow } from "../store/rows.ts";
import { applyView, type BankView } from "./bank-view.ts";

const HOUR_S = 3_600;
const DAY_S = 86_400;
const JID = "alice@example.test";
const TXID = "ab".repeat(32);
const SENT = { txid: TXID, feeSat: 500 };
const TIP = { height: 200, hash: "00".repeat(32) };

let books: TestBooks;
beforeEach(() => {
  books = new TestBooks();
});
afterEach(() => books.remove());

/** Signed and booked; `afterS` it was confirmed. */
function sent(route: OrderRow["route"], afterS = 0): OrderRow {
  const begun = books.write((tx) => {
    const { user } = register(tx, { jid: JID, username: "alice" });
    const postings = [
      { account: CUSTODY, sat: 100_000 },
      { account: availableOf(user.id), sat: -100_000 },
    ];
    book(tx, { kind: "deposit", key: "deposit", postings });
    const to = { userId: null, address: ELSEWHERE };
    const wish = { memo: "", request: undefined, isMeant: true, isLeaving: false };
    const price = { amountSat: 50_000, feeSat: 500, feeSatMax: 1_000 };
    const order = queue(tx, needUser(tx.t, user.id), { route, to, ...price, ...wish });
    const given = { jid: JID, oneTimeCode: undefined, feeSatNow: null };
    return payoutBegun(tx, settled(confirm(tx, needUser(tx.t, user.id), order, given)));
  });
  books.nowS += afterS;
  return books.write((tx) => payoutPaid(tx, begun, SENT));
}

/** What walletd says of it; nothing where it remembers nothing any more. */
function looked({ id }: OrderRow, payout?: { readonly height: number | null; readonly isSeen: boolean }) {
  const payouts = payout === undefined ? [] : [{ order: id, ...SENT, ...payout }];
  const view: BankView = { tip: TIP, totalSat: 0, frozenSat: 0, received: [], coinjoin: null, payouts };
  return books.write((tx) => {
    tx.news.notices.length = 0;
    applyView(tx, view);
    const { state, isLost } = tx.t.orders.get(id) as OrderRow;
    return { state, isLost, told: tx.news.notices.map((notice) => tx.t.notices.get(notice)?.kind) };
  });
}

const UNSEEN = { height: null, isSeen: false };
const SEEN = { height: null, isSeen: true };

describe("a payment that no node has", () => {
  it("is told as lost after an hour, and is what it was when a node has it again", () => {
    const order = sent("chain");
    expect(looked(order, UNSEEN)).toEqual({ state: "broadcast", isLost: false, told: [] });
    books.nowS += HOUR_S - 1;
    expect(looked(order, UNSEEN)).toEqual({ state: "broadcast", isLost: false, told: [] });
    books.nowS += 1;
    expect(looked(order, UNSEEN)).toEqual({ state: "broadcast", isLost: true, told: ["order.lost"] });
    books.nowS += HOUR_S;
    expect(looked(order, UNSEEN)).toEqual({ state: "broadcast", isLost: true, told: [] });
    expect(looked(order, SEEN)).toEqual({ state: "broadcast", isLost: false, told: [] });
  });

  it("is not lost yet where it was signed long after it was confirmed, or a node has only just forgotten it", () => {
    const order = sent("coinjoin", HOUR_S + 300);
    expect(looked(order, UNSEEN).isLost).toBe(false);
    books.nowS += HOUR_S - 1;
    expect(looked(order, UNSEEN).isLost).toBe(false);
    expect(looked(order, SEEN).isLost).toBe(false);
    books.nowS += 5 * HOUR_S;
    expect(looked(order, UNSEEN).isLost).toBe(false);
    books.nowS += HOUR_S;
    expect(looked(order, UNSEEN)).toMatchObject({ isLost: true, told: ["order.lost"] });
  });

  it("counts from when it left the chain in a reorganisation", () => {
    const order = sent("chain");
    expect(looked(order, { height: TIP.height, isSeen: true }).state).toBe("broadcast");
    books.nowS += 2 * HOUR_S;
    expect(looked(order, UNSEEN).isLost).toBe(false);
    books.nowS += HOUR_S;
    expect(looked(order, UNSEEN).isLost).toBe(true);
    expect(looked(order, { height: TIP.height - 5, isSeen: true })).toEqual({
      ...{ state: "done", isLost: false, told: ["order.confirmed"] },
    });
  });
});

/** Told as lost. */
function lost(route: OrderRow["route"]): OrderRow {
  const order = sent(route);
  looked(order, UNSEEN);
  books.nowS += HOUR_S;
  expect(looked(order, UNSEEN).isLost).toBe(true);
  return order;
}

describe("a payment that walletd remembers no more", () => {
  it("is buried in the chain, also where it had been lost meanwhile", () => {
    const order = lost("chain");
    books.nowS += 3 * DAY_S;
    expect(looked(order)).toEqual({ state: "done", isLost: false, told: ["order.confirmed"] });
  });

  it("is never told as confirmed when it was lost for so long that walletd has given it up", () => {
    const order = lost("coinjoin");
    books.nowS += 30 * DAY_S;
    expect(looked(order)).toEqual({ state: "broadcast", isLost: true, told: [] });
  });
});
