/** Amounts as people type them: digits, one comma or dot, a unit; whole satoshi or nothing. */
import { DECIMALS, type Unit } from "../language/money.ts";

export type AmountReading =
  | { readonly sat: number }
  /** form: no amount; zero; thousands: a comma that may mean two things. */
  | { readonly problem: "form" | "zero" | "thousands" };

/** All the bitcoin that there will ever be. */
export const SAT_MAX = 2_099_999_997_690_000n;

const UNITS: Readonly<Record<string, Unit>> = {
  sat: "sat",
  sats: "sat",
  satoshi: "sat",
  satoshis: "sat",
  btc: "btc",
  "₿": "btc",
  bitcoin: "btc",
  mbtc: "mbtc",
};

const NUMBER = /^(\d{1,3}(?:[ _']\d{3})+|\d{1,16})(?:([.,])(\d{1,8}))?$/;

export function unitOf(word: string): Unit | undefined {
  return Object.hasOwn(UNITS, word.toLowerCase()) ? UNITS[word.toLowerCase()] : undefined;
}

/** `unit` is what the number means when it does not say itself. */
export function readAmount(text: string, unit: Unit): AmountReading {
  const match = /^([\d.,_' ]+?)\s*([a-z₿]+)?$/iu.exec(text.trim());
  if (match === null) return { problem: "form" };
  const [, number = "", word] = match;
  const named = word === undefined ? unit : unitOf(word);
  if (named === undefined) return { problem: "form" };
  const parts = NUMBER.exec(number);
  if (parts === null) return { problem: "form" };
  const [, whole = "", separator, fraction = ""] = parts;
  // One thousand, or one and nothing? Eight decimals leave no doubt, and after a zero there are no thousands.
  if (separator === "," && fraction.length === 3 && !/^0+$/.test(whole)) return { problem: "thousands" };
  const decimals = DECIMALS[named];
  if (fraction.length > decimals) return { problem: "form" };
  const sat = BigInt(whole.replace(/[ _']/g, "") + fraction.padEnd(decimals, "0"));
  if (sat === 0n) return { problem: "zero" };
  return sat > SAT_MAX ? { problem: "form" } : { sat: Number(sat) };
}
