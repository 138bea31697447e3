/** Payments to outside, from the held coins to the chain: each step is on the disk before the next is taken. */
import { assert } from "../../../runtime/errors.ts";
import { availableOf, book, CUSTODY, EQUITY, heldOf } from "../books/entries.ts";
import { addMovement } from "../books/movements.ts";
import type { Tx } from "../books/transaction.ts";
import type { OrderRow } from "../store/rows.ts";
import type { Tables } from "../store/store.ts";
import { closeLeft, watchLow } from "./confirming.ts";
import { keepOrder, tellPayer } from "./orders.ts";

/** Those that are to be paid in this way, the oldest first. */
export function payable({ openOrders, orders }: Tables, way: "chain" | "coinjoin"): OrderRow[] {
  return openOrders
    .keys()
    .flatMap((id) => orders.get(id) ?? [])
    .filter(({ route }) => route === way)
    .filter(({ state, isLost }) => (state === "confirmed" || state === "executing") && !isLost)
    .sort((a, b) => (a.confirmedAtS ?? 0) - (b.confirmedAtS ?? 0));
}

/** Before walletd is asked: whoever finds it so asks again with the same id, and never makes another. */
export function payoutBegun(tx: Tx, order: OrderRow): OrderRow {
  return order.state === "confirmed" ? keepOrder(tx, { ...order, state: "executing" }) : order;
}

export function payoutPaid(
  tx: Tx,
  order: OrderRow,
  { txid, feeSat }: { readonly txid: string; readonly feeSat: number },
): OrderRow {
  if (order.state !== "executing") return order;
  const { id, userId, amountSat, feeSatMax, isLeaving, to, memo } = order;
  assert(feeSat <= feeSatMax, "a payment costs no more than was held for it");
  // What is left of the fee goes back; of an account that closes it is the house's, and the order said so.
  const rest = { account: isLeaving ? EQUITY : availableOf(userId), sat: -(feeSatMax - feeSat) };
  const postings = [
    { account: heldOf(userId), sat: amountSat + feeSatMax },
    { account: CUSTODY, sat: -(amountSat + feeSat) },
    rest,
  ];
  const entry = book(tx, { kind: "payment", key: `order:${id}:payment`, postings, txid, order: id });
  const paidFeeSat = isLeaving ? feeSatMax : feeSat;
  const sent = keepOrder(tx, { ...order, state: "broadcast", txid, feeSat: paidFeeSat });
  if (entry === null) return sent;
  const changeSat = -(amountSat + paidFeeSat);
  const kind = order.route === "coinjoin" ? ("mixed" as const) : ("paid" as const);
  const movement = { entry: entry.id, kind, changeSat, feeSat: paidFeeSat };
  addMovement(tx, userId, { ...movement, counterpart: to, memo, order: id, txid });
  tellPayer(tx, sent, "order.broadcast");
  watchLow(tx, userId);
  closeLeft(tx, sent);
  return sent;
}

/** Only where it is certain that nothing was signed, or that what was signed was struck out. */
export function payoutFailed(
  tx: Tx,
  order: OrderRow,
  failure: { readonly code: string; readonly message: string },
): OrderRow {
  if (!isHeld(order)) return order;
  release(tx, order);
  const over = keepOrder(tx, { ...order, state: "failed", failure });
  tellPayer(tx, over, "order.failed");
  return over;
}

/** As certain, because its payer wanted it: he has asked, and is answered. */
export function payoutGivenUp(tx: Tx, order: OrderRow): OrderRow {
  if (!isHeld(order)) return order;
  release(tx, order);
  return keepOrder(tx, { ...order, state: "cancelled" });
}

function isHeld({ state }: OrderRow): boolean {
  return state === "executing" || state === "confirmed";
}

function release(tx: Tx, { id, userId, amountSat, feeSatMax }: OrderRow): void {
  const sat = amountSat + feeSatMax;
  const postings = [
    { account: heldOf(userId), sat },
    { account: availableOf(userId), sat: -sat },
  ];
  book(tx, { kind: "release", key: `order:${id}:release`, postings, order: id });
}

export function payoutConfirmed(tx: Tx, order: OrderRow, height: number): void {
  tellPayer(tx, keepOrder(tx, { ...order, state: "done", height, isLost: false }), "order.confirmed");
}

/** Evicted or replaced: nothing is credited by itself, a person has to look. */
export function payoutLost(tx: Tx, order: OrderRow): void {
  tellPayer(tx, keepOrder(tx, { ...order, isLost: true }), "order.lost");
}
