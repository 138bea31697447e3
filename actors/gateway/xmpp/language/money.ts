/** Amounts for people: satoshi as whole numbers, never as fractions of the machine. */

export type Unit = "sat" | "btc" | "mbtc";

/** Digits behind the point down to a satoshi. */
export const DECIMALS: Readonly<Record<Unit, number>> = { sat: 0, mbtc: 5, btc: 8 };
const NAMES: Readonly<Record<Unit, string>> = { sat: "sat", mbtc: "mBTC", btc: "BTC" };

/** `0.00500000 BTC`; always all decimals, so that two amounts can be compared by eye. */
export function money(sat: number, unit: Unit): string {
  return `${decimal(sat, DECIMALS[unit])} ${NAMES[unit]}`;
}

/** As BIP21 has it: bitcoin, without zeros at the end. */
export function bitcoinDecimal(sat: number): string {
  return decimal(sat, DECIMALS.btc).replace(/\.?0+$/, "");
}

function decimal(sat: number, decimals: number): string {
  const digits = String(Math.abs(sat)).padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  const text = decimals === 0 ? digits : `${whole}.${digits.slice(-decimals)}`;
  return sat < 0 ? `−${text}` : text;
}
