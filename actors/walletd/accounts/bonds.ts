/** Fidelity bonds: those that have coins, and those whose address was given out. */
import type { z } from "zod";
import type { BondSchema } from "../../../bus/contracts/walletd/objects.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";
import { BOND_BRANCH } from "./script-book.ts";

export function bondsOf(
  wallet: OpenWallet,
  medianTimeS: number,
  values: ReadonlyMap<string, number>,
): z.infer<typeof BondSchema>[] {
  const coins = wallet.coins(0).filter(({ standing }) => standing.locktimeS !== null);
  return wallet.book.branch(BOND_BRANCH).flatMap((key) => {
    const own = coins.filter((coin) => coin.key === key);
    const { spending } = key;
    if (spending.kind !== "bond") return [];
    if (own.length === 0 && wallet.state.bonds[key.address] === undefined) return [];
    const locktimeS = spending.locktime;
    return [
      {
        address: key.address,
        path: key.pathText,
        locktimeS,
        isExpired: medianTimeS > locktimeS,
        coins: own.map(({ outpoint, txid, index, amountSat, height, confirmations, standing }) => ({
          txid,
          index,
          amountSat,
          height,
          confirmations,
          isFrozen: standing.isFrozen,
          value: values.get(outpoint) ?? null,
        })),
      },
    ];
  });
}
