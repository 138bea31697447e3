/** One-time codes (RFC 6238: SHA-1, six digits, thirty seconds), and how often somebody may be wrong. */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Tx } from "../books/transaction.ts";
import { denials } from "../denials.ts";
import { notify } from "../notices/notices.ts";
import type { UserRow } from "../store/rows.ts";
import { keepUser } from "./people.ts";

const STEP_S = 30;
const DIGITS = 6;
const SECRET_BYTES = 20;
/** The one before and the one after: clocks differ, and typing takes its time. */
const SKEW = [-1, 0, 1];
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const WRONG_MAX = 5;
const LOCK_S = 900;
const YOUNG_S = 86_400;

/** Not only drawn, but proved too. */
export function isEnabled({ factor }: UserRow): boolean {
  return factor !== null && factor.enabledAtS !== null;
}

/**
 * Set up so lately that whoever has taken the chat over could have done it: for what the chat alone could not pay it
 * counts in a day, as higher limits do. What it could pay is asked for codes at once, where the person lowers his limit.
 */
export function isTooYoung({ factor }: UserRow, amountSat: number, nowS: number): boolean {
  return (factor?.enabledAtS ?? 0) + YOUNG_S > nowS && amountSat >= (factor?.aloneSat ?? 0);
}

export function newSecret({ randomBytes }: Tx): string {
  let bits = "";
  for (const byte of randomBytes(SECRET_BYTES)) bits += byte.toString(2).padStart(8, "0");
  return (bits.match(/.{5}/g) ?? []).map((five) => BASE32[Number.parseInt(five, 2)]).join("");
}

export function uriOf(secret: string, username: string): string {
  return `otpauth://totp/Troupe:${encodeURIComponent(username)}?secret=${secret}&issuer=Troupe`;
}

export function codeAt(secret: string, step: number): string {
  const bits = [...secret].map((symbol) => BASE32.indexOf(symbol).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((eight) => Number.parseInt(eight, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHmac("sha1", key).update(counter).digest();
  const offset = (digest.at(-1) ?? 0) & 15;
  const number = digest.readUInt32BE(offset) & 0x7fff_ffff;
  return String(number % 10 ** DIGITS).padStart(DIGITS, "0");
}

/** The step whose code it is, if that is later than the last that counted. */
export function stepOf({ factor }: UserRow, typed: string, nowS: number): number | undefined {
  if (factor === null) return undefined;
  const code = Buffer.from(typed.replace(/\s/g, ""));
  const now = Math.floor(nowS / STEP_S);
  return SKEW.map((skew) => now + skew).find((step) => {
    const wanted = Buffer.from(codeAt(factor.secret, step));
    return step > factor.lastStep && code.length === wanted.length && timingSafeEqual(code, wanted);
  });
}

export function needUnlocked({ nowS }: Tx, { tries }: UserRow): void {
  if (tries.lockedUntilS > nowS) throw denials.locked(tries.lockedUntilS);
}

/** Wrong codes of orders and wrong proofs count apart: the codes are told in the same chat to whoever guesses at proofs. */
type Guessed = "wrong" | "wrongProofs";

/** Counts; after the fifth nothing is taken for a while. What is left is given back. */
export function wrongTry(tx: Tx, user: UserRow, what: Guessed): number {
  const wrong = (user.tries[what] ?? 0) + 1;
  const isLocked = wrong >= WRONG_MAX;
  const tries = isLocked
    ? { wrong: 0, wrongProofs: 0, lockedUntilS: tx.nowS + LOCK_S }
    : { ...user.tries, [what]: wrong, lockedUntilS: 0 };
  keepUser(tx, { ...user, tries });
  if (isLocked) notify(tx, user, { kind: "security.codes", subject: `account:${user.id}`, isToAdmins: true });
  return WRONG_MAX - wrong;
}

/** The right code of an order makes the wrong ones before it forgotten, and no wrong proof. */
export function rightCode(tx: Tx, user: UserRow): void {
  if (user.tries.wrong > 0) keepUser(tx, { ...user, tries: { ...user.tries, wrong: 0 } });
}

/** A right proof counts once, and makes all wrong tries before it forgotten. */
export function rightProof(tx: Tx, user: UserRow, step: number | undefined): UserRow {
  const factor =
    user.factor === null || step === undefined ? user.factor : { ...user.factor, lastStep: step };
  return keepUser(tx, { ...user, factor, tries: { wrong: 0, wrongProofs: 0, lockedUntilS: 0 } });
}
