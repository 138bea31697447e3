/** A share of an amount, such as a fee of 0.0003, as clients write it and as the market does. */

/** What peers read. */
const LENGTH_MAX = 34;

/** Without an exponent; undefined when it is no number, or all of the amount and more. */
export function shareOf(decimal: string): string | undefined {
  const text = decimal.trim();
  if (!/^(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,2})?$/i.test(text)) return undefined;
  const share = Number(text);
  if (share >= 1) return undefined;
  const [mantissa = "", exponent] = String(share).split("e-");
  const zeros = "0".repeat(exponent === undefined ? 0 : Number(exponent) - 1);
  const written = exponent === undefined ? mantissa : `0.${zeros}${mantissa.replace(".", "")}`;
  return written.length > LENGTH_MAX ? undefined : written;
}
