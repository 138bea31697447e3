/** Fees and amounts: satoshi as bigint inside, feerates per 1,000 virtual bytes as nodes count them, decimals only at the edge. */
import { outOfRange } from "./errors.ts";

const SAT_PER_COIN = 100_000_000n;
const VB_PER_KVB = 1_000n;
const DECIMAL = /^(-?)(\d{1,12})(?:\.(\d{1,8}))?$/;

/** The fee for a size at a feerate, rounded up, as Bitcoin Core asks for it. */
export function feeSat(sizeVb: number, feerateSatPerKvb: bigint): bigint {
  const whole = BigInt(checkSize(sizeVb)) * checkNotNegative(feerateSatPerKvb);
  return (whole + VB_PER_KVB - 1n) / VB_PER_KVB;
}

/** The feerate that a fee pays for a size, rounded down: what a miner sees. */
export function feerateSatPerKvb(paidSat: bigint, sizeVb: number): bigint {
  if (checkSize(sizeVb) === 0) throw outOfRange("a feerate needs a size of at least one byte");
  return (checkNotNegative(paidSat) * VB_PER_KVB) / BigInt(sizeVb);
}

/** A feerate in sat per virtual byte, as people speak of it and mempool histograms hold it. */
export function feerateSatPerVb(rateSatPerKvb: bigint): number {
  return Number(rateSatPerKvb) / 1_000;
}

/** A feerate from sat per virtual byte, up to three decimals; finer ones are rounded up, so as never to pay less. */
export function feerateFromSatPerVb(satPerVb: number): bigint {
  if (!Number.isFinite(satPerVb) || satPerVb < 0) throw outOfRange(`${satPerVb} is not a feerate`);
  // The rounding first takes away what binary fractions add to 1.001 x 1000.
  return BigInt(Math.ceil(Number((satPerVb * 1_000).toFixed(3))));
}

/**
 * Satoshi from coins, as text with up to eight decimals or as the number a node's JSON gives.
 * A number is exact up to 21 million coins: half a satoshi is more than its error.
 */
export function satFromCoins(coins: string | number): bigint {
  const text = typeof coins === "number" ? textOf(coins) : coins;
  const match = DECIMAL.exec(text);
  if (match === null) throw outOfRange(`"${text.slice(0, 40)}" is not an amount with up to eight decimals`);
  const [, sign, whole = "0", fraction = ""] = match;
  const sat = BigInt(whole) * SAT_PER_COIN + BigInt(fraction.padEnd(8, "0"));
  return sign === "-" ? -sat : sat;
}

/** Coins with all eight decimals, as `getrawtransaction` prints them: 150000000 is "1.50000000". */
export function coinsFromSat(sat: bigint): string {
  const magnitude = sat < 0n ? -sat : sat;
  const fraction = String(magnitude % SAT_PER_COIN).padStart(8, "0");
  return `${sat < 0n ? "-" : ""}${magnitude / SAT_PER_COIN}.${fraction}`;
}

/** Coins as the number that JSON-RPC and the Electrum protocol carry; exact when read back by `satFromCoins`. */
export function coinsNumberFromSat(sat: bigint): number {
  return Number(coinsFromSat(sat));
}

function textOf(coins: number): string {
  if (!Number.isFinite(coins) || Math.abs(coins) >= 1e12) throw outOfRange(`${coins} is not an amount`);
  return coins.toFixed(8);
}

function checkSize(sizeVb: number): number {
  if (!Number.isSafeInteger(sizeVb) || sizeVb < 0)
    throw outOfRange(`${sizeVb} is not a size in virtual bytes`);
  return sizeVb;
}

function checkNotNegative(sat: bigint): bigint {
  if (sat < 0n) throw outOfRange(`${sat} satoshi: less than nothing`);
  return sat;
}
