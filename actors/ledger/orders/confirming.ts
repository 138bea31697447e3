/** Confirming an order: everything is judged once more, and then its coins are held, or moved, in the same change. */
import type { TroupeError } from "../../../runtime/errors.ts";
import { availableOf, balanceOf, book, heldOf } from "../books/entries.ts";
import { addMovement, wholeBalanceOf } from "../books/movements.ts";
import type { Tx } from "../books/transaction.ts";
import { denials } from "../denials.ts";
import { notify } from "../notices/notices.ts";
import { limitsOf } from "../people/limits.ts";
import { closeEmpty, isDomainAllowed, keepUser, needUser } from "../people/people.ts";
import {
  isEnabled,
  isTooYoung,
  needUnlocked,
  rightProof,
  stepOf,
  wrongTry,
} from "../people/second-factor.ts";
import type { OrderRow, UserRow } from "../store/rows.ts";
import { newCode } from "./codes.ts";
import { checkPayable, expire, keepOrder, tellPayer } from "./orders.ts";
import type { Outcome } from "./outcome.ts";
import { isStillThere } from "./recipients.ts";

export interface Confirmation {
  readonly jid: string;
  readonly oneTimeCode: string | undefined;
  /** What the miners would get now; null for internal ones. */
  readonly feeSatNow: number | null;
}

/** A fee may rise by so much, in percent, before the person is asked again. */
const FEE_SLACK_PERCENT = 20;

export function feeMaxOf(feeSat: number): number {
  return Math.ceil((feeSat * (100 + FEE_SLACK_PERCENT)) / 100);
}

/** An order that was confirmed already is given back as it is. */
export function confirm(tx: Tx, user: UserRow, order: OrderRow, given: Confirmation): Outcome<OrderRow> {
  if (order.state === "cancelled" || order.state === "expired" || order.state === "failed") {
    return { refusal: denials.orderOver(order.state) };
  }
  if (order.state !== "queued") return { value: order };
  if (order.expiresAtS <= tx.nowS) return { refusal: denials.orderOver(expire(tx, order).state) };
  if (!isDomainAllowed(tx.rules, given.jid)) return { refusal: denials.notAllowed("domain") };
  if (!isStillThere(tx, order)) return { refusal: failed(tx, order) };
  if (given.feeSatNow !== null && given.feeSatNow > order.feeSatMax) {
    return { refusal: requoted(tx, user, order, given.feeSatNow) };
  }
  checkPayable(tx, user, order);
  const factor = secondFactor(tx, user, order, given.oneTimeCode);
  if ("refusal" in factor) return factor;
  const confirmed = { ...order, confirmedAtS: tx.nowS };
  return { value: order.route === "internal" ? transfer(tx, confirmed) : hold(tx, confirmed) };
}

/** Nobody else gets it: the order is over. */
function failed(tx: Tx, order: OrderRow): TroupeError {
  const refusal = denials.recipient();
  const failure = { code: refusal.code, message: refusal.message };
  tellPayer(tx, keepOrder(tx, { ...order, state: "failed", failure }), "order.failed");
  return refusal;
}

function requoted(tx: Tx, { id }: UserRow, order: OrderRow, feeSat: number): TroupeError {
  const code = newCode(tx, new Set([order.code]));
  const { order_ttl_seconds: ttlS } = tx.rules;
  // Not for ever: limits and codes look back only so far.
  const expiresAtS = Math.min(tx.nowS, order.createdAtS + ttlS) + ttlS;
  const again = keepOrder(tx, { ...order, feeSat, feeSatMax: feeMaxOf(feeSat), code, expiresAtS });
  const to = { userId: null, username: null, jid: null, address: order.to.address };
  const { amountSat, feeSatMax, memo, createdAtS, isLeaving, route } = again;
  const remainingSat = balanceOf(tx.t, availableOf(id)) - amountSat - feeSat;
  const needsSecondFactor = amountSat >= limitsOf(tx, needUser(tx.t, id)).strongSat;
  return denials.requoted({
    ...{
      order: order.id,
      state: "queued",
      route,
      to,
      amountSat,
      feeSat,
      feeSatMax,
      remainingSat,
      needsSecondFactor,
    },
    ...{ memo, code, createdAtS, expiresAtS, txid: null, failure: null, isLeaving, coinjoin: null },
  });
}

/** From an amount on, whoever has the chat needs a second thing too. */
function secondFactor(
  tx: Tx,
  user: UserRow,
  { amountSat }: OrderRow,
  typed: string | undefined,
): Outcome<null> {
  if (amountSat < limitsOf(tx, user).strongSat) return { value: null };
  if (!isEnabled(user)) return { refusal: denials.secondFactor("missing") };
  if (isTooYoung(user, amountSat, tx.nowS)) return { refusal: denials.secondFactor("young") };
  if (typed === undefined) return { refusal: denials.secondFactor("needed") };
  needUnlocked(tx, user);
  const now = needUser(tx.t, user.id);
  const step = stepOf(now, typed, tx.nowS);
  if (step === undefined) {
    wrongTry(tx, now, "wrongProofs");
    return { refusal: denials.secondFactor("wrong") };
  }
  rightProof(tx, now, step);
  return { value: null };
}

function transfer(tx: Tx, order: OrderRow): OrderRow {
  const { id, userId, to, amountSat, memo } = order;
  const payee = needUser(tx.t, to.userId as number);
  const entry = book(tx, {
    kind: "transfer",
    key: `order:${id}:transfer`,
    postings: [
      { account: availableOf(userId), sat: amountSat },
      { account: availableOf(payee.id), sat: -amountSat },
    ],
    order: id,
  });
  const done = keepOrder(tx, { ...order, state: "done" });
  if (entry === null) return done;
  addMovement(tx, userId, {
    entry: entry.id,
    kind: "paid",
    changeSat: -amountSat,
    counterpart: to,
    memo,
    order: id,
  });
  const payer = { userId, address: null };
  const received = {
    entry: entry.id,
    kind: "received" as const,
    changeSat: amountSat,
    counterpart: payer,
    memo,
  };
  addMovement(tx, payee.id, { ...received, address: to.address });
  const balanceSat = wholeBalanceOf(tx.t, payee.id);
  const notice = { kind: "payment.received" as const, subject: `entry:${entry.id}`, amountSat, balanceSat };
  notify(tx, payee, { ...notice, counterpart: payer, text: memo });
  tellPayer(tx, done, "order.executed");
  watchLow(tx, userId);
  watchLow(tx, payee.id);
  closeLeft(tx, done);
  return done;
}

function hold(tx: Tx, order: OrderRow): OrderRow {
  const { id, userId, amountSat, feeSatMax } = order;
  const sat = amountSat + feeSatMax;
  const postings = [
    { account: availableOf(userId), sat },
    { account: heldOf(userId), sat: -sat },
  ];
  book(tx, { kind: "hold", key: `order:${id}:hold`, postings, order: id });
  return keepOrder(tx, { ...order, state: "confirmed" });
}

/** Told once each time it falls below what the person has set: whatever changes a balance has to ask. */
export function watchLow(tx: Tx, userId: number): void {
  const user = needUser(tx.t, userId);
  const { lowBalanceSat } = user.settings;
  const balanceSat = balanceOf(tx.t, availableOf(userId));
  const isLow = balanceSat < lowBalanceSat;
  if (isLow === user.isLow) return;
  const kept = keepUser(tx, { ...user, isLow });
  if (isLow) notify(tx, kept, { kind: "balance.low", subject: `balance:${userId}`, balanceSat });
}

/** An account whose owner wanted to leave, when nothing is left in it. A frozen one stays: it would come back free. */
export function closeLeft(tx: Tx, { userId, isLeaving }: OrderRow): void {
  const user = needUser(tx.t, userId);
  if (!isLeaving || user.state !== "open" || wholeBalanceOf(tx.t, userId) !== 0) return;
  notify(tx, user, { kind: "account.closed", subject: `account:${userId}` });
  closeEmpty(tx, needUser(tx.t, userId));
}
