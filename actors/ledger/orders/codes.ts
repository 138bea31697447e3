/** Codes that confirm orders: six symbols that nobody confuses. They guard against mistakes, not against thieves. */
import { timingSafeEqual } from "node:crypto";
import type { Tx } from "../books/transaction.ts";

const ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789";
const CODE_LENGTH = 6;

/** Unlike each of those that wait. */
export function newCode({ randomBelow }: Tx, taken: ReadonlySet<string>): string {
  for (;;) {
    const code = Array.from({ length: CODE_LENGTH }, () => ALPHABET[randomBelow(ALPHABET.length)]).join("");
    if (!taken.has(code)) return code;
  }
}

export function isSameCode(typed: string, code: string): boolean {
  const folded = Buffer.from(typed.trim().toLowerCase());
  const wanted = Buffer.from(code);
  return folded.length === wanted.length && timingSafeEqual(folded, wanted);
}
