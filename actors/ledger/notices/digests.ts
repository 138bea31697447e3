/** Notices of somebody who would rather have one summary: they wait here, and become one notice at his time, in one change of the books. */
import type { LedgerSettings, NoticeKind } from "../../../bus/contracts/ledger/objects.ts";
import { wholeBalanceOf } from "../books/movements.ts";
import type { Tx } from "../books/transaction.ts";
import { isNamed } from "../people/jids.ts";
import type { NoticeRow, UserRow } from "../store/rows.ts";
import { nextNumber, ofFirst } from "../store/store.ts";

type Digest = NonNullable<LedgerSettings["digest"]>;
type DigestPart = NonNullable<NoticeRow["digest"]>["parts"][number];

/** What nobody has to act upon. Everything else is told at once: security, failures, what an admin has to say. */
const SUMMED: readonly NoticeKind[] = [
  "deposit.seen",
  "deposit.replaced",
  "deposit.confirmed",
  "deposit.credited",
  "payment.received",
  "order.executed",
  "order.broadcast",
  "order.confirmed",
  "order.expired",
  "maker.earned",
];
/** More than that, and they are told before their time. */
const WAITING_MAX = 100_000;
const MINUTE_S = 60;
const HOUR_MINUTES = 60;
const DAY_MINUTES = 1_440;

export function digestOf({ settings, state }: UserRow): Digest | null {
  return state === "closed" ? null : (settings.digest ?? null);
}

export function waitsForDigest(user: UserRow, kind: NoticeKind): boolean {
  return digestOf(user) !== null && SUMMED.includes(kind);
}

/** Each one's, when his time has come since the oldest of them; all of them where there are too many. */
export function tellDigests(tx: Tx): void {
  const isFull = tx.t.waiting.count() > WAITING_MAX;
  for (let after = 0; ; ) {
    const [next] = tx.t.waiting.keys({ start: [after], limit: 1 });
    if (next === undefined) return;
    const [userId] = next;
    const user = tx.t.users.get(userId);
    const digest = user === undefined ? null : digestOf(user);
    tellDigest(tx, userId, digest === null || isFull ? Number.POSITIVE_INFINITY : lastTimeS(digest, tx.nowS));
    after = userId + 1;
  }
}

/** Of what happened before that moment. */
export function tellDigest(tx: Tx, userId: number, beforeS = Number.POSITIVE_INFINITY): void {
  const [oldest] = tx.t.waiting.values({ ...ofFirst(userId), limit: 1 });
  if (oldest === undefined || oldest.atS >= beforeS) return;
  const due = tx.t.waiting.values(ofFirst(userId)).filter(({ atS }) => atS < beforeS);
  // Whoever is no owner any more does not hear what there is now.
  for (const jid of new Set(due.map((row) => row.jid).filter((one) => isNamed(tx, one)))) {
    const rows = due.filter((row) => row.jid === jid);
    const id = nextNumber(tx.t, "notice");
    tx.t.notices.put(id, {
      ...(rows.at(-1) as NoticeRow),
      ...SAYS_NOTHING_ELSE,
      ...{ id, atS: tx.nowS, kind: "digest", subject: `digest:${id}` },
      balanceSat: wholeBalanceOf(tx.t, userId),
      digest: { sinceS: (rows[0] as NoticeRow).atS, parts: partsOf(rows) },
    });
    tx.news.notices.push(id);
  }
  for (const { id } of due) tx.t.waiting.remove([userId, id]);
}

const SAYS_NOTHING_ELSE = {
  ...{ amountSat: null, feeSat: null, counterpart: null, about: null, text: "", earnedSat: null },
  ...{ order: null, txid: null, address: null, confirmations: null, isReplaceable: null },
} as const;

/** How many of each kind, and how much together. */
function partsOf(rows: readonly NoticeRow[]): DigestPart[] {
  const parts = new Map<NoticeKind, DigestPart>();
  for (const { kind, amountSat, feeSat, earnedSat = null } of latest(rows)) {
    const { count, sumSat, feesSat, gainSat } = parts.get(kind) ?? {
      count: 0,
      sumSat: 0,
      feesSat: 0,
      gainSat: 0,
    };
    parts.set(kind, {
      kind,
      count: count + 1,
      sumSat: sumSat + (amountSat ?? 0),
      feesSat: feesSat + (feeSat ?? 0),
      gainSat: gainSat + (earnedSat ?? 0),
    });
  }
  return SUMMED.flatMap((kind) => parts.get(kind) ?? []);
}

/** A payment that was replaced while it came is one payment: the last. */
function latest(rows: readonly NoticeRow[]): NoticeRow[] {
  const seen = new Map<string, NoticeRow>();
  for (const row of rows) {
    if (row.kind === "deposit.seen") seen.set(row.subject, row);
    else if (row.kind === "deposit.replaced")
      seen.set(row.subject, seen.has(row.subject) ? { ...row, kind: "deposit.seen" } : row);
  }
  return [
    ...seen.values(),
    ...rows.filter(({ kind }) => kind !== "deposit.seen" && kind !== "deposit.replaced"),
  ];
}

/** When it was time last. */
function lastTimeS({ every, atMinute }: Digest, nowS: number): number {
  const minutes = every === "hour" ? HOUR_MINUTES : DAY_MINUTES;
  const nowMinute = Math.floor(nowS / MINUTE_S);
  return (Math.floor((nowMinute - atMinute) / minutes) * minutes + atMinute) * MINUTE_S;
}
