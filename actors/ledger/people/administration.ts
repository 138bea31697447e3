/** What admins and the operator may do to accounts, each act written down. Nobody spends for anybody else. */
import type { LedgerLimits } from "../../../bus/contracts/ledger/objects.ts";
import type { UserWord } from "../../../bus/contracts/ledger/values.ts";
import { availableOf, balanceOf } from "../books/entries.ts";
import type { Tx } from "../books/transaction.ts";
import { denials } from "../denials.ts";
import { notify } from "../notices/notices.ts";
import type { UserRow } from "../store/rows.ts";
import { nextNumber } from "../store/store.ts";
import { foldJid, isNamed } from "./jids.ts";
import { findByJid, findByName, isOwner, keepUser } from "./people.ts";

export const OPERATOR = "operator";
const BANS_MAX = 1_000;
const TEXT_MAX = 500;

/** Written down with every act. Throws for whoever is none of them; a door may not speak for the operator. */
export function adminOf({ rules }: Tx, by: string | null, caller: string): string {
  if (by === null) {
    if (caller !== OPERATOR) throw denials.notAdmin();
    return OPERATOR;
  }
  const jid = foldJid(by);
  if (!rules.admins.map(foldJid).includes(jid)) throw denials.notAdmin();
  return jid;
}

/** Of what is not people's coins: the owner of the wallet may do that too, where it is nobody else's. */
export function actingOf(tx: Tx, by: string | null, caller: string): string {
  const user = by === null ? undefined : findByJid(tx.t, by);
  const isHis = user !== undefined && user.state === "open" && isOwner(tx, user);
  if (by !== null && isHis && isNamed(tx, by)) return foldJid(by);
  return adminOf(tx, by, caller);
}

export function audit({ t, nowS }: Tx, by: string, act: string, about: string, text = ""): void {
  const id = nextNumber(t, "audit");
  t.audit.put(id, { id, atS: nowS, by, act, about, text: text.slice(0, TEXT_MAX) });
}

export function userOfWord({ t }: Tx, word: UserWord): UserRow {
  const user =
    "userId" in word
      ? t.users.get(word.userId)
      : "username" in word
        ? findByName(t, word.username)
        : findByJid(t, word.jid);
  if (user === undefined) throw denials.noSuchUser();
  return user;
}

export function approve(tx: Tx, user: UserRow): UserRow {
  const state = user.state === "waiting" ? "open" : user.state;
  const kept = keepUser(tx, { ...user, state, needsVerification: false, seenAtS: tx.nowS });
  // Who could pay before hears nothing.
  if (user.state === state && !user.needsVerification) return kept;
  notify(tx, kept, { kind: "account.approved", subject: `account:${user.id}` });
  return kept;
}

export function freeze(tx: Tx, user: UserRow, why: string): UserRow {
  if (user.state === "closed") throw denials.noSuchUser();
  const kept = keepUser(tx, { ...user, state: "frozen", why });
  notify(tx, kept, { kind: "account.frozen", subject: `account:${user.id}`, text: why });
  return kept;
}

export function unfreeze(tx: Tx, user: UserRow): UserRow {
  const availableSat = balanceOf(tx.t, availableOf(user.id));
  if (availableSat < 0) throw denials.negative(availableSat);
  if (user.state !== "frozen") return user;
  const kept = keepUser(tx, { ...user, state: "open", why: null });
  notify(tx, kept, { kind: "account.unfrozen", subject: `account:${user.id}` });
  return kept;
}

export function setAdminLimits(tx: Tx, user: UserRow, limits: Partial<LedgerLimits>): UserRow {
  // The person's own lower ones give way: they are asked for anew where they are still wanted.
  const own = Object.fromEntries(Object.entries(user.limits).filter(([kind]) => !(kind in limits)));
  const kept = keepUser(tx, {
    ...user,
    limits: own,
    raise: null,
    adminLimits: { ...user.adminLimits, ...limits },
  });
  notify(tx, kept, { kind: "security.limit", subject: `account:${user.id}`, text: "changed" });
  return kept;
}

export function ban({ t, nowS }: Tx, who: string, isBanned: boolean): string[] {
  const folded = foldJid(who);
  if (!isBanned) t.bans.remove(folded);
  else {
    if (t.bans.count() >= BANS_MAX && t.bans.get(folded) === undefined) throw denials.tooManyBans(BANS_MAX);
    t.bans.put(folded, nowS);
  }
  return t.bans.keys();
}
