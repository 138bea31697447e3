/** The names under which a wallet earns just now. */

import { makerContract } from "../../bus/contracts/maker.ts";
import { stemOf } from "../../bus/contracts/walletd/stem.ts";
import { hasCode } from "../../runtime/errors.ts";
import type { WalletDesk } from "../wallet/wallet-desk.ts";

export async function nicksOf(desk: WalletDesk, wallet: string): Promise<string[]> {
  try {
    const { makers } = await desk.client(makerContract).status({});
    return makers.filter((maker) => maker.wallet === stemOf(wallet)).map(({ nick }) => nick);
  } catch (error) {
    // No maker runs here, so none of its nicks is on the market.
    if (hasCode(error, "BUS_UNAVAILABLE")) return [];
    throw error;
  }
}
