/** What a maker asks for a coinjoin: a fixed number of satoshi, or a decimal share of the amount, exactly. */
import { JoinmarketError } from "../errors.ts";

/** `sw0reloffer` and `sw0absoffer` without their pit. */
export type OfferFee =
  | { readonly type: "absolute"; readonly feeSat: number }
  | { readonly type: "relative"; readonly share: Share };

/** A fraction of the amount as a fraction of whole numbers: floats would round otherwise than the peers do. */
export interface Share {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

const DECIMAL = /^(\d{0,32})(?:\.(\d{0,32}))?(?:[eE]([+-]?\d{1,2}))?$/;
const DIGITS_MAX = 32;
const EXPONENT_MAX = 32;

/** Reads `0.00002` or `2E-5`; a share below nothing, or of the whole amount and more, is refused. */
export function parseShare(text: string): Share {
  const [, whole = "", fraction = "", exponent = "0"] = DECIMAL.exec(text) ?? [];
  const digits = `${whole}${fraction}`;
  if (digits === "" || digits.length > DIGITS_MAX || Math.abs(Number(exponent)) > EXPONENT_MAX) {
    throw badShare();
  }
  const shift = Number(exponent) - fraction.length;
  const numerator = BigInt(digits) * 10n ** BigInt(Math.max(shift, 0));
  const denominator = 10n ** BigInt(Math.max(-shift, 0));
  if (numerator >= denominator) throw badShare();
  return { numerator, denominator };
}

/** As decimal digits without an exponent, which some peers do not read; the denominator is a power of ten. */
export function formatShare({ numerator, denominator }: Share): string {
  const places = String(denominator).length - 1;
  const digits = String(numerator).padStart(places, "0").replace(/0+$/, "");
  return digits === "" ? "0" : `0.${digits}`;
}

/** What an offer costs for an amount: shares are rounded half to even, as both peers do. */
export function offerFeeSat(fee: OfferFee, amountSat: number): number {
  if (fee.type === "absolute") return fee.feeSat;
  const { numerator, denominator } = fee.share;
  return Number(divideHalfEven(BigInt(amountSat) * numerator, denominator));
}

/** The quotient of two positive numbers, rounded to the nearest whole one, from the middle to the even one. */
export function divideHalfEven(numerator: bigint, denominator: bigint): bigint {
  const floor = numerator / denominator;
  const twice = 2n * (numerator - floor * denominator);
  const isUp = twice > denominator || (twice === denominator && floor % 2n === 1n);
  return isUp ? floor + 1n : floor;
}

function badShare(): JoinmarketError {
  return new JoinmarketError(
    { code: "JOINMARKET_BAD_SHARE" },
    "a maker's relative fee is a decimal number from 0 to below 1, such as 0.00002, of at most 32 digits",
  );
}
