/** What people are to be told: written down with what it tells of, and kept until somebody says that it has arrived. */
import type { NoticeKind } from "../../../bus/contracts/ledger/objects.ts";
import type { Tx } from "../books/transaction.ts";
import { foldJid, isNamed } from "../people/jids.ts";
import type { NoticeRow, UserRow } from "../store/rows.ts";
import { nextNumber, type Tables } from "../store/store.ts";
import { waitsForDigest } from "./digests.ts";

export type NewNotice = Pick<NoticeRow, "kind" | "subject"> &
  Partial<Omit<NoticeRow, "id" | "atS" | "userId" | "jid" | "about" | "kind" | "subject">> & {
    /** They are told too. */
    readonly isToAdmins?: boolean;
  };

const KEPT_S = 86_400;
/** Enough for a burst of deposits to everybody; the oldest make room. */
const NOTICES_MAX = 100_000;
const MINUTE_S = 60;
const DAY_MINUTES = 1_440;

/** Whatever a person has chosen, he hears of these. */
const SECURITY: ReadonlySet<NoticeKind> = new Set([
  "account.approved",
  "account.frozen",
  "account.unfrozen",
  "account.verify",
  "account.closed",
  "deposit.vanished",
  "deposit.reversed",
  "order.lost",
  "security.codes",
  "security.factor",
  "security.limit",
  "security.resource",
  "bank.stopped",
]);
const MONEY: ReadonlySet<NoticeKind> = new Set([
  "deposit.credited",
  "payment.received",
  "order.executed",
  "order.broadcast",
  "order.failed",
  "maker.earned",
]);

/** For the account's people, and the admins where it concerns them. */
export function notify(
  tx: Tx,
  user: UserRow | undefined,
  { isToAdmins = false, ...notice }: NewNotice,
): void {
  const isTold = user !== undefined && isWanted(user, notice.kind);
  const jids = new Set(isTold ? user.jids.filter((jid) => isNamed(tx, jid)) : []);
  const tell = (jid: string, userId: number, about: number | null) => {
    const id = nextNumber(tx.t, "notice");
    const row = { ...NOTHING, ...notice, id, atS: tx.nowS, userId, jid, about };
    if (about === null && user !== undefined && waitsForDigest(user, notice.kind)) {
      tx.t.waiting.put([userId, id], row);
      return;
    }
    tx.t.notices.put(id, row);
    tx.news.notices.push(id);
  };
  for (const jid of jids) tell(jid, user?.id ?? 0, null);
  if (!isToAdmins) return;
  for (const jid of new Set(tx.rules.admins.map(foldJid))) {
    // In the admin's own language, and when he wants to be told.
    if (!jids.has(jid)) tell(jid, tx.t.jids.get(jid) ?? 0, user?.id ?? null);
  }
}

/** What a notice says that has nothing more to say. */
export const NOTHING = {
  amountSat: null,
  feeSat: null,
  balanceSat: null,
  counterpart: null,
  about: null,
  text: "",
  order: null,
  txid: null,
  address: null,
  confirmations: null,
  isReplaceable: null,
  earnedSat: null,
  digest: null,
} as const;

function isWanted({ settings, state }: UserRow, kind: NoticeKind): boolean {
  if (SECURITY.has(kind)) return true;
  // Of a closed account only what was opened with it is of interest.
  if (state === "closed") return MONEY.has(kind);
  return settings.notices === "all" || (settings.notices === "money" && MONEY.has(kind));
}

/** Those that can be told now, the oldest first. */
export function dueNotices(
  t: Tables,
  nowS: number,
  after: number,
  limit: number,
): { due: NoticeRow[]; isMore: boolean } {
  const due: NoticeRow[] = [];
  for (const row of t.notices.each({ start: after + 1 })) {
    if (row.atS + KEPT_S <= nowS || isOver(t, row) || isQuiet(t, row, nowS)) continue;
    if (due.length === limit) return { due, isMore: true };
    due.push(row);
  }
  return { due, isMore: false };
}

export function acknowledge({ t }: Tx, ids: readonly number[]): void {
  for (const id of ids) t.notices.remove(id);
}

/** Lets go of those that nobody was told in time. */
export function tidyNotices({ t, nowS }: Tx): void {
  const surplus = t.notices.count() - NOTICES_MAX;
  const gone: number[] = [];
  for (const { id, atS } of t.notices.each()) {
    if (gone.length >= surplus && atS + KEPT_S > nowS) break;
    gone.push(id);
  }
  for (const id of gone) t.notices.remove(id);
}

/** Whoever was let in meanwhile waits for nobody. */
function isOver(t: Tables, { kind, about, userId }: NoticeRow): boolean {
  return kind === "account.waiting" && t.users.get(about ?? userId)?.state !== "waiting";
}

function isQuiet(t: Tables, { userId, kind }: NoticeRow, nowS: number): boolean {
  const quiet = t.users.get(userId)?.settings.quietHours ?? null;
  if (quiet === null || SECURITY.has(kind)) return false;
  const minute = Math.floor(nowS / MINUTE_S) % DAY_MINUTES;
  const { fromMinute, untilMinute } = quiet;
  return fromMinute <= untilMinute
    ? fromMinute <= minute && minute < untilMinute
    : fromMinute <= minute || minute < untilMinute;
}
