/** What miners are to get, in the one number that JoinMarket has for it: blocks, or satoshi for 1,000 virtual bytes. */
import type { WalletFee } from "../../../../../bus/contracts/walletd/values.ts";
import { whole } from "../routes/schemas.ts";

/** Up to here it is a number of blocks. */
const BLOCKS_MAX = 1_000;
const SAT_PER_KVB_MAX = 100_000_000;

export const MinersFeeSchema = whole(1, SAT_PER_KVB_MAX);

export function minersFee(txfee: number): WalletFee {
  return txfee <= BLOCKS_MAX ? { blocks: txfee } : { satPerVb: txfee / 1_000 };
}
