/** What may leave a wallet within a day: through the gateway's doors, or by the ledger. */
import type { WalletdConfig } from "../config.ts";
import { denials } from "../denials.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";

const DAY_MS = 86_400_000;
const LIMIT = "send_sat_per_day";

/** The one whose doors are open to others; what it asks for is counted, whoever signs it. */
export const DOORS = "gateway";

/** The operator's own requests have no limit. Asked inside the decision that writes the new sum down. */
export function checkDailyLimit(
  wallet: OpenWallet,
  config: WalletdConfig,
  { caller, sat }: { readonly caller: string | undefined; readonly sat: number },
): void {
  const { send_sat_per_day: limitSat } = config;
  if (limitSat === 0 || caller !== DOORS) return;
  checkDay(wallet, { limit: LIMIT, limitSat }, { caller, sat });
}

/** What was signed for this caller within a day counts, whichever session or grant he had, and what was lent by him. */
export function checkDay(
  wallet: OpenWallet,
  { limit, limitSat }: { readonly limit: string; readonly limitSat: number },
  asked: { readonly caller: string; readonly sat: number },
): void {
  const sinceMs = wallet.nowMs - DAY_MS;
  const usedSat = Object.values(wallet.state.signed)
    .filter(({ purpose, askedBy = purpose, atMs }) => askedBy === asked.caller && atMs > sinceMs)
    .reduce((sum, { paidOutSat = 0 }) => sum + paidOutSat, 0);
  const lentSat = asked.caller === "ledger" ? lentWithin(wallet, sinceMs) : 0;
  const leftSat = Math.max(0, limitSat - usedSat - lentSat);
  if (asked.sat > leftSat) throw denials.limit(limit, asked.sat, leftSat);
}

/** Until it is signed the most that it may cost counts; of one that has ended without it nothing does. */
function lentWithin({ state }: OpenWallet, sinceMs: number): number {
  return Object.values(state.lent)
    .filter(({ atMs, signed, isEnded }) => atMs > sinceMs && (signed !== undefined || isEnded !== true))
    .reduce((sum, { amountSat, mostSat, signed }) => sum + amountSat + (signed?.costSat ?? mostSat), 0);
}
