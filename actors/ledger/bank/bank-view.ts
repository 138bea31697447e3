/** One moment of the wallet, taken over into the books: deposits come, are credited, vanish; payments are confirmed. */
import { oneLine } from "../addresses/addresses.ts";
import { availableOf, balanceOf, book, CUSTODY, EQUITY, SUSPENSE } from "../books/entries.ts";
import { addMovement, wholeBalanceOf } from "../books/movements.ts";
import type { Tx } from "../books/transaction.ts";
import { notify } from "../notices/notices.ts";
import { watchLow } from "../orders/confirming.ts";
import { payoutConfirmed, payoutLost, payoutPaid } from "../orders/payouts.ts";
import { keepUser, ownerOf } from "../people/people.ts";
import type { DepositRow, OrderRow, UserRow } from "../store/rows.ts";

export interface BankView {
  readonly tip: { readonly height: number; readonly hash: string };
  readonly totalSat: number;
  /** What of it walletd keeps from being spent. */
  readonly frozenSat: number;
  readonly received: readonly {
    readonly txid: string;
    readonly index: number;
    readonly amountSat: number;
    readonly address: string;
    readonly height: number | null;
    readonly isReplaceable: boolean;
    readonly isCoinbase: boolean;
  }[];
  /** Null where the owner of the wallet allows none. */
  readonly coinjoin: {
    readonly amountSatMax: number;
    readonly makerFeesSatMax: number;
    readonly miningFeeSatMax: number;
    readonly coinsSat: readonly number[];
  } | null;
  readonly payouts: readonly {
    readonly order: string;
    readonly txid: string;
    readonly feeSat: number;
    readonly height: number | null;
    readonly isSeen: boolean;
  }[];
}

/** No reorganisation has reached so deep. */
export const FINAL_CONFIRMATIONS = 100;
const NOBODY = -1;
/** However old it is: what a node has lost walletd sends again. */
const UNSEEN_S = 3_600;
/** walletd remembers payments for longer than this, unless they are buried. */
const FORGOTTEN_S = 2 * 86_400;
/** And no longer than this those that nobody has: of a lost one nobody knows then what has become of it. */
const GIVEN_UP_S = 30 * 86_400;

export function applyView(tx: Tx, view: BankView): void {
  applyPayouts(tx, view);
  const present = new Map(view.received.map((one) => [`${one.txid}:${one.index}`, one]));
  // First what has gone, so that what has taken its place is told as that.
  const gone = new Map<string, string>();
  for (const [userKey, outpoint] of tx.t.openDeposits.keys()) {
    const row = tx.t.deposits.get(outpoint);
    if (row === undefined || present.has(outpoint)) continue;
    if (row.state === "seen") gone.set(row.address, row.subject);
    const isReplaced =
      row.state === "seen" &&
      view.received.some(({ address, height }) => address === row.address && height === null);
    vanish(tx, row, isReplaced);
    tx.t.openDeposits.remove([userKey, outpoint]);
  }
  for (const [outpoint, one] of present) {
    const row = tx.t.deposits.get(outpoint);
    const confirmations = one.height === null ? 0 : view.tip.height - one.height + 1;
    if (row === undefined || row.state === "vanished") {
      const subject = gone.get(one.address) ?? `deposit:${outpoint}`;
      arrive(
        tx,
        { ...newRow(tx, outpoint, one), subject, credits: row?.credits ?? 0 },
        confirmations,
        subject !== `deposit:${outpoint}`,
      );
    } else advance(tx, { ...row, height: one.height, isCoinbase: one.isCoinbase }, row, confirmations);
  }
}

function newRow(
  tx: Tx,
  outpoint: string,
  { txid, address, amountSat, height, isReplaceable, isCoinbase }: BankView["received"][number],
) {
  const userId =
    tx.t.addresses.get(address)?.userId ??
    (tx.rules.mode === "owner" ? ownerOf(tx.t)?.id : undefined) ??
    null;
  const state = "seen" as const;
  return {
    outpoint,
    txid,
    address,
    amountSat,
    userId,
    state,
    height,
    isReplaceable,
    isCoinbase,
    credits: 0,
    subject: "",
  };
}

function arrive(tx: Tx, row: DepositRow, confirmations: number, isReplacement: boolean): void {
  const { t } = tx;
  const address = t.addresses.get(row.address);
  if (address !== undefined && !address.isPaid) t.addresses.put(row.address, { ...address, isPaid: true });
  keep(tx, row);
  t.openDeposits.put([row.userId ?? NOBODY, row.outpoint], 1);
  if (confirmations === 0) {
    tell(tx, row, isReplacement ? "deposit.replaced" : "deposit.seen", confirmations);
  }
  advance(tx, row, row, confirmations);
}

function advance(tx: Tx, row: DepositRow, before: DepositRow, confirmations: number): void {
  const { t } = tx;
  if (row.state === "credited") {
    if (confirmations === 0) reverse(tx, row, "seen");
    else {
      if (row.height !== before.height) keep(tx, row);
      if (confirmations >= FINAL_CONFIRMATIONS) t.openDeposits.remove([row.userId ?? NOBODY, row.outpoint]);
    }
    return;
  }
  if (confirmations >= neededFor(tx, row)) return credit(tx, row, confirmations);
  const state = confirmations > 0 ? ("confirmed" as const) : ("seen" as const);
  if (state === before.state && row.height === before.height) return;
  keep(tx, { ...row, state });
  if (state === "confirmed" && before.state === "seen") tell(tx, row, "deposit.confirmed", confirmations);
}

/** What a block has made nobody can spend for long: others' coins would be paid out for it meanwhile. */
function neededFor({ rules, network }: Tx, { isCoinbase = false }: DepositRow): number {
  return isCoinbase
    ? Math.max(network.money.coinbaseMaturityBlocks, rules.confirmations)
    : rules.confirmations;
}

function credit(tx: Tx, row: DepositRow, confirmations: number): void {
  const { outpoint, txid, amountSat, userId, credits } = row;
  const entry = book(tx, {
    kind: "deposit",
    key: `deposit:${outpoint}:${credits}`,
    postings: [
      { account: CUSTODY, sat: amountSat },
      { account: accountFor(userId), sat: -amountSat },
    ],
    txid,
  });
  keep(tx, { ...row, state: "credited", credits: credits + 1 });
  const user = userOf(tx, row);
  if (entry === null || user === undefined) return;
  received(tx, user, row, amountSat);
  const { address } = row;
  addMovement(tx, user.id, {
    entry: entry.id,
    kind: "deposit",
    changeSat: amountSat,
    txid,
    outpoint,
    address,
  });
  tell(tx, row, "deposit.credited", confirmations);
  watchLow(tx, user.id);
}

function reverse(tx: Tx, row: DepositRow, state: "seen" | "vanished"): void {
  const { outpoint, txid, amountSat, userId, credits, address } = row;
  const entry = book(tx, {
    kind: "deposit.reversed",
    key: `reversed:${outpoint}:${credits}`,
    postings: [
      { account: accountFor(userId), sat: amountSat },
      { account: CUSTODY, sat: -amountSat },
    ],
    txid,
    mayOwe: true,
  });
  keep(tx, { ...row, state });
  const user = userOf(tx, row);
  if (entry === null || user === undefined) return;
  received(tx, user, row, -amountSat);
  addMovement(tx, user.id, {
    entry: entry.id,
    kind: "reversed",
    changeSat: -amountSat,
    txid,
    outpoint,
    address,
  });
  tell(tx, row, "deposit.reversed", 0, true);
  const owedSat = balanceOf(tx.t, availableOf(user.id));
  const now = tx.t.users.get(user.id) ?? user;
  if (owedSat >= 0 || now.state === "frozen") return;
  const why = `a deposit of ${amountSat} sat has left the chain after it had been spent`;
  const frozen = keepUser(tx, { ...now, state: now.state === "closed" ? "closed" : "frozen", why });
  notify(tx, frozen, {
    kind: "account.frozen",
    subject: `account:${user.id}`,
    text: why,
    balanceSat: owedSat,
    isToAdmins: true,
  });
}

function vanish(tx: Tx, row: DepositRow, isReplaced: boolean): void {
  if (row.state === "credited") return reverse(tx, row, "vanished");
  keep(tx, { ...row, state: "vanished" });
  if (!isReplaced) tell(tx, row, "deposit.vanished", 0, true);
}

function received(tx: Tx, user: UserRow, { address }: DepositRow, sat: number): void {
  keepUser(tx, { ...user, receivedSat: user.receivedSat + sat });
  const row = tx.t.addresses.get(address);
  if (row !== undefined) tx.t.addresses.put(address, { ...row, receivedSat: row.receivedSat + sat });
}

function tell(
  tx: Tx,
  row: DepositRow,
  kind:
    | "deposit.seen"
    | "deposit.replaced"
    | "deposit.confirmed"
    | "deposit.credited"
    | "deposit.vanished"
    | "deposit.reversed",
  confirmations: number,
  isToAdmins = false,
): void {
  const user = userOf(tx, row);
  if (user === undefined) return;
  tx.news.users.add(user.id);
  const { subject, amountSat, txid, address, isReplaceable } = row;
  const text = oneLine(tx.t.addresses.get(address)?.label ?? "");
  const balanceSat = wholeBalanceOf(tx.t, user.id);
  notify(tx, user, {
    kind,
    subject,
    amountSat,
    txid,
    address,
    isReplaceable,
    confirmations,
    balanceSat,
    text,
    isToAdmins,
  });
}

function keep({ t }: Tx, row: DepositRow): void {
  t.deposits.put(row.outpoint, row);
}

function userOf({ t }: Tx, { userId }: DepositRow): UserRow | undefined {
  return userId === null ? undefined : t.users.get(userId);
}

function accountFor(userId: number | null): string {
  if (userId === null) return SUSPENSE;
  return userId === 0 ? EQUITY : availableOf(userId);
}

function applyPayouts(tx: Tx, { payouts, tip }: BankView): void {
  const told = new Map(payouts.map((payout) => [payout.order, payout]));
  for (const id of tx.t.openOrders.keys()) {
    let order = tx.t.orders.get(id) as OrderRow;
    const payout = told.get(id);
    // The answer to it was lost, the payment was not. One that is signed and not seen is asked for again, which sends it.
    if (order.state === "executing" && payout?.isSeen === true) order = payoutPaid(tx, order, payout);
    if (order.state !== "broadcast") continue;
    if (payout === undefined) {
      const ageS = tx.nowS - (order.confirmedAtS ?? tx.nowS);
      const isGivenUp = order.isLost && ageS >= GIVEN_UP_S;
      if (ageS >= FORGOTTEN_S && !isGivenUp) payoutConfirmed(tx, order, tip.height);
      continue;
    }
    const { height, isSeen } = payout;
    const { unseenSinceS: beforeS = null } = order;
    const unseenSinceS = isSeen ? null : (beforeS ?? tx.nowS);
    if (height !== null && tip.height - height + 1 >= tx.rules.confirmations)
      payoutConfirmed(tx, order, height);
    else if (height !== order.height || unseenSinceS !== beforeS || (isSeen && order.isLost))
      tx.t.orders.put(id, { ...order, height, unseenSinceS, isLost: order.isLost && !isSeen });
    else if (unseenSinceS !== null && unseenSinceS + UNSEEN_S <= tx.nowS && !order.isLost)
      payoutLost(tx, order);
  }
}
