/** Amounts, fees and coins as a person types and reads them. Pure. */
import { Label, type WalletFee } from "../../bus/contracts/walletd/values.ts";
import { misuse } from "../errors.ts";

const SAT_PER_BTC = 100_000_000n;
const SATOSHI_MAX = 2_100_000_000_000_000n;
const BLOCKS_MAX = 1_008;

/** `50000`, `50000sat`, `50_000`, `0.0005btc`. A decimal point without a unit could mean either, and is refused. */
export function parseAmountSat(text: string): number {
  const match = /^([0-9][0-9_]*)(?:\.([0-9]{1,8}))?\s*(sats?|btc)?$/i.exec(text.trim());
  const [, whole = "", fraction = "", unit = ""] = match ?? [];
  const isBtc = unit.toLowerCase() === "btc";
  if (match === null || (fraction !== "" && !isBtc)) {
    throw misuse(
      `"${text}" is no amount. Write satoshi as a whole number (50000 or 50000sat), or bitcoin with its unit (0.0005btc).`,
    );
  }
  const units = BigInt(whole.replaceAll("_", ""));
  const sat = isBtc ? units * SAT_PER_BTC + BigInt(fraction.padEnd(8, "0")) : units;
  if (sat > SATOSHI_MAX) throw misuse(`${text} is more than there will ever be.`);
  return Number(sat);
}

/** As long as BIP329 has them. */
export function parseLabel(text: string): string {
  if (Label.safeParse(text).success) return text;
  throw misuse(`A label has at most 255 characters; this one has ${text.length}.`);
}

/** `12.5` or `12.5sat/vb` by the virtual byte; `6blocks` for what brings it into one of the next six. */
export function parseFee(text: string): WalletFee {
  const match = /^([0-9]+(?:\.[0-9]+)?)\s*(sat\/vb|blocks?)?$/i.exec(text.trim());
  const value = Number(match?.[1]);
  if (match !== null && /^blocks?$/i.test(match[2] ?? "")) {
    if (Number.isInteger(value) && value >= 1 && value <= BLOCKS_MAX) return { blocks: value };
    throw misuse(`A fee is for 1 to ${BLOCKS_MAX} whole blocks, not "${text}".`);
  }
  if (match === null || value > 100_000) {
    throw misuse(
      `"${text}" is no fee. Write satoshi by the virtual byte (12.5), or blocks to wait (6blocks).`,
    );
  }
  return { satPerVb: value };
}

/** Whether it is one of this network is walletd's to say; no kind of address is shorter or longer. */
export function parseAddress(text: string): string {
  if (/^[0-9a-z]{14,100}$/i.test(text)) return text;
  throw misuse(`"${text}" is no address.`);
}

export function parseOutpoint(text: string): { txid: string; index: number } {
  const match = /^([0-9a-f]{64}):([0-9]{1,10})$/i.exec(text.trim());
  const index = Number(match?.[2]);
  if (match === null || index > 0xffff_ffff) {
    throw misuse(
      `"${text}" is no coin. Coins are named <txid>:<number>, as \`supervisor wallet coins\` shows them.`,
    );
  }
  return { txid: (match[1] as string).toLowerCase(), index };
}

export function parseMixdepth(text: string): number {
  if (/^[0-9]{1,2}$/.test(text)) return Number(text);
  throw misuse(`A mixdepth is a number from 0 on, not "${text}".`);
}

/** `1.23456789`, with the digits after the point in groups that an eye can count: `0.00 050 000`. */
export function btc(sat: number): string {
  const value = BigInt(sat);
  const sign = value < 0n ? "-" : "";
  const absolute = value < 0n ? -value : value;
  const fraction = (absolute % SAT_PER_BTC).toString().padStart(8, "0");
  return `${sign}${absolute / SAT_PER_BTC}.${fraction.slice(0, 2)} ${fraction.slice(2, 5)} ${fraction.slice(5)}`;
}

export function sats(sat: number): string {
  return `${sat.toLocaleString("en")} sat`;
}

/** A part of a whole, as people say it. */
export function percentOf(part: number, whole: number): string {
  if (whole === 0) return "";
  const percent = (part * 100) / whole;
  return percent < 0.01 && part > 0 ? "less than 0.01 %" : `${percent.toFixed(2)} %`;
}

/** `1 coinjoin`, `2 coinjoins`, `2 addresses`. */
export function countOf(count: number, what: string): string {
  const many = what.endsWith("s") ? `${what}es` : `${what}s`;
  return `${count} ${count === 1 ? what : many}`;
}

export function coinCount(coins: number): string {
  return countOf(coins, "coin");
}

export function parseTxid(text: string): string {
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  throw misuse(`"${text}" is no transaction's id: 64 hexadecimal digits.`);
}
