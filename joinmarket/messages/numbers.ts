/** The numbers of messages: whole, of digits only, and within bounds. */

/** Twenty-one million bitcoin. */
export const AMOUNT_SAT_MAX = 2_100_000_000_000_000;

const DIGITS = /^\d{1,19}$/;
const OFFER_ID_MAX = 2n ** 63n - 1n;

/** Satoshi; nothing if it is no number, or more than there is. */
export function parseAmount(text: string): number | undefined {
  const amount = DIGITS.test(text) ? Number(text) : Number.NaN;
  return amount <= AMOUNT_SAT_MAX ? amount : undefined;
}

/** An offer's number as it is printed: peers allow it more digits than our numbers hold. */
export function parseOfferId(text: string): string | undefined {
  const id = DIGITS.test(text) ? BigInt(text) : undefined;
  return id === undefined || id > OFFER_ID_MAX ? undefined : String(id);
}
