/** How much there is in each mixdepth, how much of it can be spent, and why the rest cannot. */
import type { z } from "zod";
import type { BalancesSchema, MixdepthBalanceSchema } from "../../../bus/contracts/walletd/objects.ts";
import type { OpenWallet, StandingCoin } from "../wallets/open-wallet.ts";

type MixdepthBalance = z.infer<typeof MixdepthBalanceSchema>;

export function balancesOf(wallet: OpenWallet): z.infer<typeof BalancesSchema> {
  const mixdepths = Array.from({ length: wallet.mixdepths }, (_, mixdepth) =>
    balanceOf(mixdepth, wallet.coins(mixdepth)),
  );
  return {
    tip: wallet.view.tip ?? null,
    totalSat: mixdepths.reduce((sum, { totalSat }) => sum + totalSat, 0),
    availableSat: mixdepths.reduce((sum, { availableSat }) => sum + availableSat, 0),
    mixdepths,
  };
}

function balanceOf(mixdepth: number, coins: readonly StandingCoin[]): MixdepthBalance {
  const sum = (counts: (coin: StandingCoin) => boolean) =>
    coins.reduce((total, coin) => (counts(coin) ? total + coin.amountSat : total), 0);
  return {
    mixdepth,
    totalSat: sum(() => true),
    availableSat: sum(({ standing }) => standing.isSpendable),
    unconfirmedSat: sum(({ height }) => height === null),
    frozenSat: sum(({ standing }) => standing.isFrozen),
    reservedSat: sum(({ standing }) => standing.reservation !== null),
    bondSat: sum(({ standing }) => standing.locktimeS !== null),
    coins: coins.length,
  };
}
