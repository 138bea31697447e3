/** The coins as the contract tells them, and the bonds among them. */
import type { z } from "zod";
import type { CoinSchema } from "../../../bus/contracts/walletd/objects.ts";
import { INTERNAL_CHAIN } from "../../../joinmarket/wallet/paths.ts";
import type { OpenWallet, StandingCoin } from "../wallets/open-wallet.ts";

/** How often one coin may stand for a taker, unless the taker says otherwise. */
export const COMMITMENTS_MAX = 3;

export function coinList(wallet: OpenWallet, coins: readonly StandingCoin[]): z.infer<typeof CoinSchema>[] {
  const used = commitmentsUsed(wallet);
  return coins.map((coin) => {
    const { txid, index, amountSat, key, height, confirmations, standing, outpoint } = coin;
    const commitments = used.get(outpoint) ?? 0;
    return {
      txid,
      index,
      amountSat,
      address: key.address,
      path: key.pathText,
      mixdepth: key.path.mixdepth,
      isInternal: key.path.chain === INTERNAL_CHAIN,
      height,
      confirmations,
      isFrozen: standing.isFrozen,
      frozenBy: standing.frozenBy,
      reservation: standing.reservation,
      label: wallet.label("addr", key.address),
      locktimeS: standing.locktimeS,
      isCoinjoinOutput: wallet.transactions.roleOf(coin) === "coinjoin-output",
      commitmentsUsed: commitments,
      commitmentsLeft: Math.max(0, COMMITMENTS_MAX - commitments),
    };
  });
}

export function commitmentsUsed(wallet: OpenWallet): ReadonlyMap<string, number> {
  const used = new Map<string, number>();
  for (const { outpoint } of Object.values(wallet.state.commitments)) {
    if (outpoint === undefined) continue;
    used.set(outpoint, (used.get(outpoint) ?? 0) + 1);
  }
  return used;
}
