/** Orders to pay: queued with a price and a code, given up, or over because their time is. */
import { assert } from "../../../runtime/errors.ts";
import { oneLine } from "../addresses/addresses.ts";
import { availableOf, balanceOf } from "../books/entries.ts";
import type { Tx } from "../books/transaction.ts";
import { denials } from "../denials.ts";
import { notify } from "../notices/notices.ts";
import { checkLimits } from "../people/limits.ts";
import { needStanding, needUser, openOrdersOf } from "../people/people.ts";
import { needUnlocked, rightCode, wrongTry } from "../people/second-factor.ts";
import type { CoinjoinRow, OrderRow, OrderState, UserRow } from "../store/rows.ts";
import { nextNumber, ofFirst, ofFirstDown, type Tables } from "../store/store.ts";
import { isSameCode, newCode } from "./codes.ts";
import type { Outcome } from "./outcome.ts";
import { checkDust, type Recipient } from "./recipients.ts";

export interface Price {
  readonly coinjoin?: CoinjoinRow;
  readonly amountSat: number;
  readonly feeSat: number;
  readonly feeSatMax: number;
}

export interface QueueWish extends Recipient, Price {
  readonly memo: string;
  readonly request: string | undefined;
  readonly isMeant: boolean;
  readonly isLeaving: boolean;
}

export type OrderWord = { readonly code: string } | { readonly order: string };

const ID_BYTES = 8;
const REPEAT_S = 600;
const REQUEST_KEPT_S = 86_400;
const DAY_S = 86_400;
const DAY_ORDERS_MAX = 500;
/** Longer than anything looks back: codes, requests, the limit of the day. */
const FORGET_S = 7 * 86_400;
const FORGET_AT_ONCE = 500;
const OVER: ReadonlySet<OrderState> = new Set(["done", "failed", "cancelled", "expired"]);

/** Of this person's own word for it, within a day. */
export function orderOfRequest(
  { t, nowS }: Tx,
  user: UserRow,
  request: string | undefined,
): OrderRow | undefined {
  if (request === undefined) return undefined;
  const known = t.requests.get([user.id, request]);
  return known === undefined || known.atS + REQUEST_KEPT_S <= nowS ? undefined : t.orders.get(known.order);
}

export function queue(tx: Tx, user: UserRow, wish: QueueWish): OrderRow {
  const { t, nowS, rules } = tx;
  const known = orderOfRequest(tx, user, wish.request);
  if (known !== undefined) return known;
  checkPayable(tx, user, wish);
  const open = openOrdersOf(t, user.id).map((id) => t.orders.get(id) as OrderRow);
  if (open.length >= rules.orders_max) throw denials.tooMany("orders", rules.orders_max);
  checkPace(tx, user);
  const repeated = wish.isMeant ? undefined : repeatedBy(tx, user, wish);
  if (repeated !== undefined) throw denials.repeated(repeated);
  const { route, to, amountSat, feeSat, feeSatMax, isLeaving, request, coinjoin } = wish;
  const order: OrderRow = {
    id: Buffer.from(tx.randomBytes(ID_BYTES)).toString("hex"),
    userId: user.id,
    state: "queued",
    route,
    ...(coinjoin === undefined ? {} : { coinjoin }),
    to,
    amountSat,
    feeSat,
    feeSatMax,
    memo: oneLine(wish.memo),
    code: newCode(tx, new Set(open.map(({ code }) => code))),
    createdAtS: nowS,
    expiresAtS: nowS + rules.order_ttl_seconds,
    confirmedAtS: null,
    txid: null,
    height: null,
    failure: null,
    isLeaving,
    isLost: false,
  };
  assert(t.orders.get(order.id) === undefined, "an order's id is its own");
  const number = nextNumber(t, "order");
  t.userOrders.put([user.id, number], order.id);
  t.userOpenOrders.put([user.id, number], order.id);
  t.agingOrders.put([nowS, order.id], { number, request: request ?? null });
  if (request !== undefined) t.requests.put([user.id, request], { order: order.id, atS: nowS });
  return keepOrder(tx, order);
}

/** Everything that can be said before it is confirmed, and again then. */
export function checkPayable(tx: Tx, user: UserRow, wish: Recipient & Price): void {
  needStanding(tx, user);
  needSpending(tx);
  checkDust(wish, wish.amountSat, tx.network);
  checkLimits(tx, user, wish.amountSat);
  const availableSat = balanceOf(tx.t, availableOf(user.id));
  const neededSat = wish.amountSat + wish.feeSatMax;
  if (wish.amountSat < 1 || neededSat > availableSat) throw denials.funds(availableSat, neededSat);
}

export function needSpending({ t }: Tx): void {
  const bank = t.bank.get("bank");
  const stopped = bank?.halted ?? bank?.stopped ?? null;
  if (stopped !== null) throw denials.stopped(stopped);
}

/** Of each order something is kept and looked through: nobody has everybody wait for his. */
function checkPace({ t, nowS }: Tx, { id }: UserRow): void {
  const [last] = t.userOrders.values({ ...ofFirstDown(id), offset: DAY_ORDERS_MAX - 1, limit: 1 });
  const createdAtS = last === undefined ? undefined : t.orders.get(last)?.createdAtS;
  if (createdAtS !== undefined && createdAtS + DAY_S > nowS)
    throw denials.tooMany("ordersOfDay", DAY_ORDERS_MAX);
}

function repeatedBy({ t, nowS }: Tx, user: UserRow, { to, amountSat }: QueueWish): string | undefined {
  for (const id of t.userOrders.each(ofFirstDown(user.id))) {
    const order = t.orders.get(id);
    if (order === undefined || order.createdAtS + REPEAT_S <= nowS) return undefined;
    const isSame =
      order.amountSat === amountSat && order.to.userId === to.userId && order.to.address === to.address;
    if (isSame && order.state !== "cancelled" && order.state !== "expired" && order.state !== "failed")
      return id;
  }
  return undefined;
}

/** Whose it is decides: another's is not there. */
export function orderById(t: Tables, user: UserRow, id: string): OrderRow {
  const order = t.orders.get(id);
  if (order === undefined || order.userId !== user.id) throw denials.noOrder(null);
  return order;
}

/** A code that fits none counts as a wrong try. */
export function orderByWord(tx: Tx, user: UserRow, word: OrderWord): Outcome<OrderRow> {
  if ("order" in word) return { value: orderById(tx.t, user, word.order) };
  needUnlocked(tx, user);
  const order = lateOrderOfCode(tx, user, word.code);
  if (order === undefined) return { refusal: denials.noOrder(wrongTry(tx, user, "wrong")) };
  rightCode(tx, user);
  return { value: order };
}

function lateOrderOfCode(
  { t, nowS, rules }: Tx,
  { id: userId }: UserRow,
  code: string,
): OrderRow | undefined {
  for (const id of t.userOrders.each(ofFirstDown(userId))) {
    const order = t.orders.get(id) as OrderRow;
    // One with a new price waits twice as long; and a lately confirmed one is told again, as its answer may be lost.
    if (order.createdAtS + 3 * rules.order_ttl_seconds <= nowS) return undefined;
    if (isSameCode(code, order.code)) return order;
  }
  return undefined;
}

export function cancel(tx: Tx, order: OrderRow): OrderRow {
  if (order.state === "cancelled") return order;
  if (order.state !== "queued") throw denials.orderOver(order.state);
  return keepOrder(tx, { ...order, state: "cancelled" });
}

/** Those whose time is over. Gives back how many. */
export function expireOrders(tx: Tx): number {
  let expired = 0;
  for (const id of tx.t.openOrders.keys()) {
    const order = tx.t.orders.get(id);
    if (order?.state !== "queued" || order.expiresAtS > tx.nowS) continue;
    expire(tx, order);
    expired += 1;
  }
  return expired;
}

/** Lets go, a week later, of orders that nobody confirmed, and of the words of requests: with no entry they have anything to do. */
export function forgetOrders({ t, nowS }: Tx): void {
  for (const key of t.agingOrders.keys({ end: [nowS - FORGET_S + 1, ""], limit: FORGET_AT_ONCE })) {
    const { number, request } = t.agingOrders.get(key) ?? { number: 0, request: null };
    const [, id] = key;
    const order = t.orders.get(id);
    // One that is still under way after a week is looked at by nobody but a person.
    t.agingOrders.remove(key);
    if (order === undefined) continue;
    const { userId, confirmedAtS, state } = order;
    if (request !== null && t.requests.get([userId, request])?.order === id)
      t.requests.remove([userId, request]);
    if (confirmedAtS !== null || !OVER.has(state)) continue;
    t.orders.remove(id);
    t.userOrders.remove([userId, number]);
  }
}

export function expire(tx: Tx, order: OrderRow): OrderRow {
  const over = keepOrder(tx, { ...order, state: "expired" });
  tellPayer(tx, over, "order.expired");
  return over;
}

export function keepOrder({ t, news }: Tx, order: OrderRow): OrderRow {
  t.orders.put(order.id, order);
  if (OVER.has(order.state)) closeOrder(t, order);
  else t.openOrders.put(order.id, order.userId);
  news.users.add(order.userId);
  return order;
}

function closeOrder(t: Tables, { id, userId }: OrderRow): void {
  t.openOrders.remove(id);
  const number = t.userOpenOrders.keys(ofFirst(userId)).find((key) => t.userOpenOrders.get(key) === id);
  if (number !== undefined) t.userOpenOrders.remove(number);
}

export function tellPayer(
  tx: Tx,
  order: OrderRow,
  kind:
    | "order.executed"
    | "order.broadcast"
    | "order.confirmed"
    | "order.failed"
    | "order.expired"
    | "order.lost",
): void {
  const user = needUser(tx.t, order.userId);
  const { id, amountSat, feeSat, to, txid, failure } = order;
  notify(tx, user, {
    kind,
    subject: `order:${id}`,
    order: id,
    amountSat,
    feeSat,
    balanceSat: balanceOf(tx.t, availableOf(user.id)),
    counterpart: to,
    txid,
    text: failure?.message ?? order.memo,
    isToAdmins: kind === "order.lost",
  });
}
