/** What follows from a coinjoin of a schedule that has failed: another try, changed or not, or a word of the owner. Pure. */

/**
 * grant: nothing goes on without a new one; end: nor with one; later: it is not the entry's fault, and is tried again as
 * it is, as often as it takes; again: tried as it is; changed: tried with other amounts or fewer makers.
 */
export type Aftermath = "grant" | "end" | "later" | "again" | "changed";

const KNOWN: Readonly<Record<string, Aftermath>> = Object.freeze({
  WALLETD_NO_GRANT: "grant",
  WALLETD_BEYOND_GRANT: "grant",
  TAKER_CANCELLED: "end",
  TAKER_DISK: "end",
  TAKER_SCHEDULE: "end",
  TAKER_BUSY: "later",
  WALLETD_NOT_SYNCED: "later",
  TAKER_NO_COINS: "again",
  TAKER_NO_MARKET: "again",
  TAKER_FEERATE: "again",
  TAKER_NO_COMMITMENT: "again",
  TAKER_NOT_SENT: "again",
  TAKER_REFUSED: "again",
});

export function aftermathOf(code: string): Aftermath {
  return KNOWN[code] ?? (code.startsWith("BUS_") ? "later" : "changed");
}

const MS_PER_S = 1_000;
const RETRY_MS_MAX = 30 * 60 * MS_PER_S;

/** Longer with every failure: offers come and go by the hour. */
export function retryDelayMs(retrySeconds: number, failed: number): number {
  return Math.min(
    retrySeconds * MS_PER_S * Math.max(failed, 1),
    Math.max(RETRY_MS_MAX, retrySeconds * MS_PER_S),
  );
}
