/** Accounts of people: who has one, how they come and go. */
import { createHash } from "node:crypto";
import { assert } from "../../../runtime/errors.ts";
import { availableOf, balanceOf, book, heldOf, SUSPENSE } from "../books/entries.ts";
import { addMovement } from "../books/movements.ts";
import type { Tx } from "../books/transaction.ts";
import { denials } from "../denials.ts";
import { notify } from "../notices/notices.ts";
import type { UserRow } from "../store/rows.ts";
import { nextNumber, ofFirst, type Tables } from "../store/store.ts";
import { useInvite } from "./invites.ts";
import { domainOf, foldJid, isAdmin, isNamed } from "./jids.ts";
import { checkPastNames, foldName, nameOf, releaseName, takeName } from "./names.ts";

export interface Registration {
  readonly jid: string;
  readonly username: string;
  readonly language?: string | undefined;
  readonly invite?: string | undefined;
}

/** 25 symbols of a digit's worth of 5 bits: nobody guesses it, and a person can write it down. */
const RECOVERY_BYTES = 15;
const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";
const DAY_S = 86_400;

/** Whoever has, or had, the account of this JID. */
export function findByJid(t: Tables, jid: string): UserRow | undefined {
  const id = t.jids.get(foldJid(jid));
  return id === undefined ? undefined : t.users.get(id);
}

export function findByName(t: Tables, name: string): UserRow | undefined {
  const row = t.names.get(foldName(name));
  if (row === undefined || row.releasedAtS !== null) return undefined;
  return t.users.get(row.userId);
}

/** Throws where there is none, or it was closed. */
export function needByJid(t: Tables, jid: string): UserRow {
  const user = findByJid(t, jid);
  if (user === undefined || user.state === "closed") throw denials.noAccount();
  return user;
}

/** Whoever asks for himself: with one account for several, only those whom the configuration names now. */
export function needAsker(tx: Tx, jid: string): UserRow {
  const user = needByJid(tx.t, jid);
  if (!isNamed(tx, jid)) throw denials.noAccount();
  return user;
}

export function needUser(t: Tables, id: number): UserRow {
  const user = t.users.get(id);
  assert(user !== undefined, `there is the account ${id}`);
  return user;
}

export function keepUser(tx: Tx, user: UserRow): UserRow {
  tx.t.users.put(user.id, user);
  tx.news.users.add(user.id);
  return user;
}

/** May it ask for an address, or a payment? */
export function needStanding(tx: Tx, user: UserRow): void {
  if (user.state === "waiting") throw denials.waiting();
  if (user.state === "frozen") throw denials.frozen(user.why ?? "");
  const { verify_after_days: days } = tx.rules;
  const isAway = days > 0 && user.seenAtS + days * DAY_S <= tx.nowS;
  if (user.needsVerification || isAway) throw denials.unverified();
}

export function register(tx: Tx, wish: Registration): { user: UserRow; recoveryCode: string | null } {
  const { t } = tx;
  const jid = foldJid(wish.jid);
  const known = findByJid(t, jid);
  if (known !== undefined && known.state !== "closed") {
    if (!isNamed(tx, jid)) throw denials.notAllowed("closed");
    if (tx.rules.mode !== "owner" && known.username !== foldName(wish.username)) {
      throw denials.registered(known.username);
    }
    return { user: known, recoveryCode: null };
  }
  checkAllowed(tx, jid);
  if (tx.rules.mode === "owner") return joinOwners(tx, jid, wish);
  const name = nameOf(tx, wish.username);
  if (known === undefined && t.users.count() >= tx.rules.users_max) throw denials.notAllowed("full");
  if (known !== undefined) checkPastNames(tx, known, name);
  // Who lets others in is let in.
  const registration = isAdmin(tx, jid) ? "open" : tx.rules.registration;
  if (registration === "invite") useInvite(tx, wish.invite);
  const state = registration === "approve" ? ("waiting" as const) : ("open" as const);
  const opened = known === undefined ? opening(tx, jid, wish) : reopening(tx, known);
  takeName(tx, name, opened.user.id);
  const user = keepUser(tx, { ...opened.user, username: name, state });
  if (state === "waiting")
    notify(tx, user, { kind: "account.waiting", subject: `account:${user.id}`, isToAdmins: true });
  return { user, recoveryCode: opened.recoveryCode };
}

function checkAllowed(tx: Tx, jid: string): void {
  const { t, rules } = tx;
  const domain = domainOf(jid);
  if (rules.mode === "owner") {
    if (!isNamed(tx, jid)) throw denials.notAllowed("closed");
    return;
  }
  if (rules.registration === "closed") throw denials.notAllowed("closed");
  if (t.bans.get(jid) !== undefined || t.bans.get(domain) !== undefined) throw denials.notAllowed("banned");
  if (!isDomainAllowed(rules, jid)) throw denials.notAllowed("domain");
}

export function isDomainAllowed(rules: Tx["rules"], jid: string): boolean {
  const allowed = rules.allow_domains.map(foldJid);
  return allowed.length === 0 || allowed.includes(domainOf(jid));
}

/** The first of them opens the account, the others come in. */
function joinOwners(tx: Tx, jid: string, wish: Registration): { user: UserRow; recoveryCode: string | null } {
  const owner = ownerOf(tx.t);
  if (owner === undefined) {
    const name = nameOf(tx, wish.username);
    const { user, recoveryCode } = opening(tx, jid, wish);
    takeName(tx, name, user.id);
    tx.t.numbers.put("owner", user.id);
    const kept = keepUser(tx, { ...user, username: name });
    claimSuspense(tx, kept.id);
    return { user: kept, recoveryCode };
  }
  tx.t.jids.put(jid, owner.id);
  return { user: keepUser(tx, { ...owner, jids: [...owner.jids, jid] }), recoveryCode: null };
}

/** Of the one account that has all of the operator's wallet. */
export function isOwner({ t, rules }: Tx, { id }: UserRow): boolean {
  return rules.mode === "owner" && ownerOf(t)?.id === id;
}

/** What was in the wallet before its owner came. */
function claimSuspense(tx: Tx, userId: number): void {
  const sat = balanceOf(tx.t, SUSPENSE);
  if (sat <= 0) return;
  const postings = [
    { account: SUSPENSE, sat },
    { account: availableOf(userId), sat: -sat },
  ];
  const entry = book(tx, { kind: "claim", key: `claim:${userId}`, postings });
  if (entry !== null) addMovement(tx, userId, { entry: entry.id, kind: "adjusted", changeSat: sat });
}

/** Of the operator's wallet, once somebody opened it. */
export function ownerOf(t: Tables): UserRow | undefined {
  const id = t.numbers.get("owner");
  return id === undefined ? undefined : t.users.get(id);
}

function opening(tx: Tx, jid: string, { language }: Registration): { user: UserRow; recoveryCode: string } {
  const id = nextNumber(tx.t, "user");
  const recoveryCode = newRecoveryCode(tx);
  tx.t.jids.put(jid, id);
  const user: UserRow = {
    id,
    jids: [jid],
    username: "",
    state: "open",
    why: null,
    settings: {
      language: language ?? null,
      unit: "sat",
      notices: "all",
      quietHours: null,
      digest: null,
      lowBalanceSat: 0,
      door: {},
    },
    limits: {},
    adminLimits: {},
    raise: null,
    factor: null,
    recovery: hashOf(recoveryCode),
    needsVerification: false,
    seenAtS: tx.nowS,
    tries: { wrong: 0, lockedUntilS: 0 },
    contacts: [],
    isLow: false,
    receivedSat: 0,
    createdAtS: tx.nowS,
  };
  return { user, recoveryCode };
}

/** Late deposits may be in it, and the JID may be somebody else's now. */
function reopening(tx: Tx, user: UserRow): { user: UserRow; recoveryCode: null } {
  return { user: { ...user, needsVerification: true, seenAtS: tx.nowS, why: null }, recoveryCode: null };
}

export function rename(tx: Tx, user: UserRow, wanted: string): UserRow {
  const name = nameOf(tx, wanted);
  if (name === user.username) return user;
  checkPastNames(tx, user, name);
  takeName(tx, name, user.id);
  return keepUser(tx, { ...user, username: name, pastNames: releaseName(tx, user, name) });
}

export interface Emptiness {
  readonly availableSat: number;
  readonly heldSat: number;
  readonly pendingSat: number;
  readonly openOrders: number;
}

export function emptinessOf(t: Tables, user: UserRow): Emptiness {
  return {
    availableSat: Math.max(0, balanceOf(t, availableOf(user.id))),
    heldSat: balanceOf(t, heldOf(user.id)),
    pendingSat: pendingOf(t, user.id),
    openOrders: openOrdersOf(t, user.id).length,
  };
}

/** Coins on their way in. */
export function pendingOf(t: Tables, userId: number): number {
  return t.openDeposits.keys(ofFirst(userId)).reduce((sum, [, outpoint]) => {
    const deposit = t.deposits.get(outpoint);
    const isComing = deposit?.state === "seen" || deposit?.state === "confirmed";
    return sum + (isComing ? deposit.amountSat : 0);
  }, 0);
}

/** Ids of those that are not over, the oldest first. */
export function openOrdersOf(t: Tables, userId: number): string[] {
  return t.userOpenOrders.values(ofFirst(userId));
}

/** Throws where anything is left in it, or where whoever comes back would be free of what he was frozen for. */
export function close(tx: Tx, user: UserRow): void {
  if (user.state === "frozen") throw denials.frozen(user.why ?? "");
  const left = emptinessOf(tx.t, user);
  if (Object.values(left).some((amount) => amount > 0) || balanceOf(tx.t, availableOf(user.id)) < 0) {
    throw denials.notEmpty(left);
  }
  closeEmpty(tx, user);
}

export function closeEmpty(tx: Tx, user: UserRow): void {
  keepUser(tx, { ...user, state: "closed", pastNames: releaseName(tx, user) });
}

export function newRecoveryCode({ randomBytes }: Tx): string {
  let bits = 0n;
  for (const byte of randomBytes(RECOVERY_BYTES)) bits = (bits << 8n) | BigInt(byte);
  const symbols = Array.from(
    { length: (RECOVERY_BYTES * 8) / 5 },
    (_, i) => BASE32[Number((bits >> BigInt(5 * i)) & 31n)],
  );
  return symbols.join("").replace(/(.{6})(?=.)/g, "$1-");
}

export function hashOf(code: string): string {
  return createHash("sha256")
    .update(code.toLowerCase().replace(/[^a-z2-7]/g, ""))
    .digest("hex");
}
