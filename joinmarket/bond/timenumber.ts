/** The months that a fidelity bond can be locked until, counted from January 2020. */
import { JoinmarketError } from "../errors.ts";

const FIRST_YEAR = 2020;
/** January 2020 to December 2099. */
export const TIMENUMBER_COUNT = 960;

const LOCKDATE = /^(\d{4})-(\d{1,2})$/;

export function isTimenumber(number: number): boolean {
  return Number.isInteger(number) && number >= 0 && number < TIMENUMBER_COUNT;
}

/** When the month begins, UTC, in seconds since 1970: what the bond's script is locked until. */
export function locktimeOfTimenumber(timenumber: number): number {
  if (!isTimenumber(timenumber)) throw badLockdate(String(timenumber));
  return Date.UTC(FIRST_YEAR + Math.floor(timenumber / 12), timenumber % 12, 1) / 1_000;
}

/** The month that begins at just this second; nothing for any other time. */
export function timenumberOfLocktime(locktime: number): number | undefined {
  const date = new Date(locktime * 1_000);
  const timenumber = (date.getUTCFullYear() - FIRST_YEAR) * 12 + date.getUTCMonth();
  return isTimenumber(timenumber) && locktimeOfTimenumber(timenumber) === locktime ? timenumber : undefined;
}

/** Reads `2030-01`; a month without its zero (`2030-1`) is read too, as joinmarket-clientserver does. */
export function parseLockdate(text: string): number {
  const [, year = "", month = ""] = LOCKDATE.exec(text) ?? [];
  const timenumber = (Number(year) - FIRST_YEAR) * 12 + Number(month) - 1;
  const isMonth = month !== "" && Number(month) >= 1 && Number(month) <= 12;
  if (!isMonth || !isTimenumber(timenumber)) throw badLockdate(text.slice(0, 20));
  return timenumber;
}

/** `2030-01` for 120. */
export function formatLockdate(timenumber: number): string {
  return new Date(locktimeOfTimenumber(timenumber) * 1_000).toISOString().slice(0, 7);
}

function badLockdate(lockdate: string): JoinmarketError {
  return new JoinmarketError(
    { code: "JOINMARKET_BAD_LOCKDATE", lockdate },
    `"${lockdate}" is no month that a fidelity bond can be locked until; give one from 2020-01 to 2099-12`,
  );
}
