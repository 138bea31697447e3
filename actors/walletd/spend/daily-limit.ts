/** What may leave a wallet through the gateway's doors within a day. */
import type { WalletdConfig } from "../config.ts";
import { denials } from "../denials.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";

const DAY_MS = 86_400_000;
const LIMIT = "send_sat_per_day";

/** The operator's own requests have no limit. Asked inside the decision that writes the new sum down. */
export function checkDailyLimit(
  wallet: OpenWallet,
  config: WalletdConfig,
  asked: { readonly caller: string; readonly sat: number },
): void {
  const { send_sat_per_day: limitSat } = config;
  if (limitSat === 0 || asked.caller !== "gateway") return;
  const sinceMs = wallet.nowMs - DAY_MS;
  const usedSat = Object.values(wallet.state.signed)
    .filter(({ purpose, atMs }) => purpose === "gateway" && atMs > sinceMs)
    .reduce((sum, { paidOutSat = 0 }) => sum + paidOutSat, 0);
  const leftSat = Math.max(0, limitSat - usedSat);
  if (asked.sat > leftSat) throw denials.limit(LIMIT, asked.sat, leftSat);
}
