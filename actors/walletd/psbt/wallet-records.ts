/** An open wallet's records as PSBTs are judged by them. */
import { reservedNow } from "../coins/standing.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";
import type { Records } from "./sight.ts";

/** So far past the addresses that were given out a coin is still looked for, if its owner asks for a wider search. */
const REACH = 10_000;

/** `id` is of the PSBT that is judged: what is reserved for it is free for it. */
export function recordsOf(wallet: OpenWallet, id: string): Records {
  const coins = new Map(wallet.coins().map((coin) => [coin.outpoint, coin]));
  const reserved = reservedNow(wallet.state, wallet.nowMs);
  return {
    coin: (outpoint) => coins.get(outpoint),
    keyOf: (scriptHash) => wallet.book.find(scriptHash),
    keyAt: (origin) => wallet.keys.keyAt(origin, wallet.mixdepths),
    isInReach: ({ path, spending }) =>
      spending.kind === "bond" || path.index < wallet.freshIndex(path) + REACH,
    holdOn(outpoint) {
      const coin = coins.get(outpoint);
      const isFrozen = coin?.standing.isFrozen ?? wallet.state.frozen[outpoint]?.isFrozen ?? false;
      if (coin?.standing.isTimelocked) return "timelocked";
      if (isFrozen) return "frozen";
      const holder = reserved.get(outpoint);
      return holder !== undefined && holder !== id ? "reserved" : undefined;
    },
  };
}
