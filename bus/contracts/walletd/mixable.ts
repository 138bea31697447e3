/** Which coins of a wallet coinjoins may take now, what they are worth, and how many of them an amount needs. Pure. */

/** As the wallet daemon tells of it. */
interface WalletCoin {
  readonly amountSat: number;
  readonly confirmations: number;
  readonly isFrozen: boolean;
  readonly reservation: string | null;
  readonly locktimeS: number | null;
}

interface MixableFunds {
  readonly availableSat: number;
  /** How many, the largest first, are worth more than the amount; all of them when they are not, and for a sweep. */
  readonly coins: number;
}

function isMixable({ confirmations, isFrozen, reservation, locktimeS }: WalletCoin): boolean {
  return confirmations > 0 && !isFrozen && reservation === null && locktimeS === null;
}

/** Of the coins of one mixdepth; null is a sweep. */
export function mixableFunds(coins: readonly WalletCoin[], amountSat: number | null): MixableFunds {
  const mixable = coins.filter((coin) => isMixable(coin)).map((coin) => coin.amountSat);
  return fundsOf(mixable, amountSat);
}

/** The same of coins all of which coinjoins may take. */
export function fundsOf(coinsSat: readonly number[], amountSat: number | null): MixableFunds {
  const amounts = [...coinsSat].sort((a, b) => b - a);
  const availableSat = amounts.reduce((sum, sat) => sum + sat, 0);
  let count = 0;
  for (let sum = 0; count < amounts.length && (amountSat === null || sum <= amountSat); count++) {
    sum += amounts[count] ?? 0;
  }
  return { availableSat, coins: count };
}

/** What each mixdepth of the wallet can bring into a schedule. */
export function mixableSums(
  coins: readonly (WalletCoin & { readonly mixdepth: number })[],
  mixdepths: number,
): number[] {
  const sums = Array.from({ length: mixdepths }, () => 0);
  for (const coin of coins) {
    if (isMixable(coin)) sums[coin.mixdepth] = (sums[coin.mixdepth] ?? 0) + coin.amountSat;
  }
  return sums;
}
