/** How much a person may pay: the operator's limits, an admin's for the account, and the person's own; the least counts. */
import type { LedgerLimits } from "../../../bus/contracts/ledger/objects.ts";
import type { Tx } from "../books/transaction.ts";
import { denials } from "../denials.ts";
import { notify } from "../notices/notices.ts";
import type { OrderRow, UserRow } from "../store/rows.ts";
import { ofFirstDown } from "../store/store.ts";
import { keepUser } from "./people.ts";

const DAY_S = 86_400;
const KINDS = ["paymentSat", "daySat", "strongSat"] as const;

/** What the operator lets everybody, or an admin this account, which may be more. */
function mostOf({ rules }: Tx, user: UserRow): LedgerLimits {
  const { payment_sat_max: paymentSat, day_sat_max: daySat, strong_sat: strongSat } = rules;
  return { paymentSat, daySat, strongSat, ...user.adminLimits };
}

export function limitsOf(tx: Tx, user: UserRow): LedgerLimits {
  const most = mostOf(tx, user);
  const raised = user.raise !== null && user.raise.atS <= tx.nowS ? user.raise.limits : {};
  const own = { ...user.limits, ...raised };
  return least(most, { ...most, ...own });
}

export function raiseOf({ nowS }: Tx, { raise }: UserRow): UserRow["raise"] {
  return raise === null || raise.atS <= nowS ? null : raise;
}

/** Lower holds at once, so that a person can protect himself; higher in a day, so that a thief has to wait. */
export function setOwnLimits(tx: Tx, user: UserRow, wish: Partial<LedgerLimits>): UserRow {
  const now = limitsOf(tx, user);
  const wanted = least(mostOf(tx, user), { ...now, ...wish });
  const limits = least(now, wanted);
  const isRaise = KINDS.some((kind) => wanted[kind] > now[kind]);
  const raise = isRaise ? { limits: wanted, atS: tx.nowS + DAY_S } : null;
  const kept = keepUser(tx, { ...user, limits, raise });
  if (isRaise) notify(tx, kept, { kind: "security.limit", subject: `account:${user.id}`, text: "raise" });
  return kept;
}

/** What leaves the account counts from its confirmation on; what failed or was given up does not. */
export function paidTodayOf(tx: Tx, userId: number): number {
  let sum = 0;
  for (const id of tx.t.userOrders.each(ofFirstDown(userId))) {
    const order = tx.t.orders.get(id);
    // Nobody confirms later than two days after ordering, with a new price, and it counts for one more.
    if (order === undefined || order.createdAtS <= tx.nowS - 3 * DAY_S) break;
    if (isCounted(order, tx.nowS)) sum += order.amountSat;
  }
  return sum;
}

function isCounted({ confirmedAtS, state }: OrderRow, nowS: number): boolean {
  const isPaid = state !== "failed" && state !== "cancelled";
  return isPaid && confirmedAtS !== null && confirmedAtS > nowS - DAY_S;
}

export function leftTodayOf(tx: Tx, user: UserRow): number {
  return Math.max(0, limitsOf(tx, user).daySat - paidTodayOf(tx, user.id));
}

export function checkLimits(tx: Tx, user: UserRow, amountSat: number): void {
  const { paymentSat, daySat } = limitsOf(tx, user);
  if (amountSat > paymentSat) throw denials.limit("payment", paymentSat, paymentSat);
  const leftSat = leftTodayOf(tx, user);
  if (amountSat > leftSat) throw denials.limit("day", daySat, leftSat);
}

/** A payment was refused for them: told once in a day, for it may have been somebody with a stolen chat. */
export function tellReached(tx: Tx, user: UserRow): void {
  if ((user.limitToldAtS ?? 0) + DAY_S > tx.nowS) return;
  const kept = keepUser(tx, { ...user, limitToldAtS: tx.nowS });
  const subject = `account:${user.id}`;
  notify(tx, kept, { kind: "security.limit", subject, text: "reached", isToAdmins: true });
}

function least(a: LedgerLimits, b: LedgerLimits): LedgerLimits {
  return {
    paymentSat: Math.min(a.paymentSat, b.paymentSat),
    daySat: Math.min(a.daySat, b.daySat),
    strongSat: Math.min(a.strongSat, b.strongSat),
  };
}
