/** Which takers came to nothing, as their wallet's history tells it. Pure. */
import type { FailedJoin } from "../maker.ts";

interface CoinName {
  readonly txid: string;
  readonly index: number;
}

/**
 * Those of a wallet's takers that came to nothing, of those of which its maker says so. Of what we had signed the wallet knows better: we sign nothing else
 * with a coin that we have promised, so whatever spends it after all is the coinjoin, sent late.
 */
export function servedInVain(
  entries: readonly { readonly spent: readonly CoinName[] }[],
  failed: readonly FailedJoin[],
): FailedJoin[] {
  const spent = new Set(entries.flatMap((entry) => entry.spent.map(nameOf)));
  return failed.filter(
    ({ step, coins }) => !(step === "signed" && coins.some((coin) => spent.has(nameOf(coin)))),
  );
}

function nameOf({ txid, index }: CoinName): string {
  return `${txid}:${index}`;
}
