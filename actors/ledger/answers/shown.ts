/** Rows of the books as the contract tells them, to whom they may be told. */
import type {
  LedgerAccount,
  LedgerMovement,
  LedgerNotice,
  LedgerOrder,
  LedgerParty,
} from "../../../bus/contracts/ledger/objects.ts";
import { availableOf, balanceOf, heldOf } from "../books/entries.ts";
import type { Tx } from "../books/transaction.ts";
import { foldJid, isAdmin } from "../people/jids.ts";
import { leftTodayOf, limitsOf, raiseOf } from "../people/limits.ts";
import { isOwner, openOrdersOf, pendingOf } from "../people/people.ts";
import { isEnabled } from "../people/second-factor.ts";
import type { MovementRow, NoticeRow, OrderRow, PartyRow, UserRow } from "../store/rows.ts";
import type { Tables } from "../store/store.ts";

export function shownBalance(t: Tables, userId: number) {
  return {
    availableSat: balanceOf(t, availableOf(userId)),
    heldSat: balanceOf(t, heldOf(userId)),
    pendingSat: pendingOf(t, userId),
  };
}

/** `jid`: the one that asks, of an account that several share. */
export function shownAccount(tx: Tx, user: UserRow, jid = user.jids[0] ?? ""): LedgerAccount {
  const { id, username, state, why, needsVerification, settings, createdAtS } = user;
  return {
    ...shownBalance(tx.t, id),
    userId: id,
    jid: foldJid(jid),
    username,
    state,
    why: state === "frozen" ? why : null,
    isAdmin: isAdmin(tx, jid),
    isOwner: isOwner(tx, user),
    needsVerification,
    hasSecondFactor: isEnabled(user),
    settings: { ...settings, digest: settings.digest ?? null },
    limits: limitsOf(tx, user),
    raise: raiseOf(tx, user),
    leftTodaySat: leftTodayOf(tx, user),
    openOrders: openOrdersOf(tx.t, id).length,
    createdAtS,
  };
}

const NOBODY: LedgerParty = { userId: null, username: null, jid: null, address: null };

/** Who paid by an address learns nothing of whose it is. */
export function shownParty(t: Tables, { userId, address }: PartyRow, isJidShown = false): LedgerParty {
  if (address !== null) return { ...NOBODY, address };
  const user = userId === null ? undefined : t.users.get(userId);
  if (user === undefined) return NOBODY;
  const [jid = null] = user.jids;
  return { userId: user.id, username: user.username, jid: isJidShown ? jid : null, address: null };
}

export function shownOrder(tx: Tx, user: UserRow, order: OrderRow): LedgerOrder {
  const { id, state, route, to, amountSat, feeSat, feeSatMax, memo, code, createdAtS, expiresAtS } = order;
  const { txid, failure, isLeaving, coinjoin = null } = order;
  const isWaiting = state === "queued" && expiresAtS > tx.nowS;
  const availableSat = balanceOf(tx.t, availableOf(user.id));
  return {
    order: id,
    // Written down at the next occasion.
    state: state === "queued" && !isWaiting ? "expired" : state,
    route,
    to: shownParty(tx.t, to),
    amountSat,
    feeSat,
    feeSatMax,
    remainingSat: isWaiting ? availableSat - amountSat - feeSat : availableSat,
    needsSecondFactor: amountSat >= limitsOf(tx, user).strongSat,
    memo,
    code: isWaiting ? code : null,
    createdAtS,
    expiresAtS,
    txid,
    failure,
    isLeaving,
    coinjoin,
  };
}

export function shownMovement(t: Tables, row: MovementRow): LedgerMovement {
  const { counterpart, outpoint, address, order, ...rest } = row;
  return {
    ...rest,
    order,
    counterpart:
      counterpart === null ? (address === null ? null : { ...NOBODY, address }) : shownParty(t, counterpart),
    confirmations: confirmationsOf(t, row),
  };
}

function confirmationsOf(t: Tables, { outpoint, order, txid }: MovementRow): number | null {
  if (txid === null) return null;
  const tip = t.bank.get("bank")?.tip ?? null;
  const height = outpoint === null ? t.orders.get(order ?? "")?.height : t.deposits.get(outpoint)?.height;
  return tip === null || height === null || height === undefined ? 0 : Math.max(0, tip.height - height + 1);
}

export function shownNotice(
  t: Tables,
  { userId, counterpart, about = null, earnedSat = null, digest = null, ...row }: NoticeRow,
): LedgerNotice {
  const settings = t.users.get(userId)?.settings;
  return {
    ...row,
    earnedSat,
    digest,
    language: settings?.language ?? null,
    unit: settings?.unit ?? "sat",
    counterpart: counterpart === null ? null : shownParty(t, counterpart),
    about: about === null ? null : shownParty(t, { userId: about, address: null }),
  };
}
