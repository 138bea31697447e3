/** What one coinjoin brought a wallet that served it. Pure. */
import type { RpcOutput } from "../../bus/contract/contract.ts";
import type { walletdContract } from "../../bus/contracts/walletd.ts";

type Entry = RpcOutput<typeof walletdContract, "history">["entries"][number];

/**
 * By the maker's own note. A wallet that was recovered has none: there what it has more than before counts, as coins only
 * moved within it. The note goes first, because a taker may have sent its mixed coins to this very wallet.
 */
export function earnedSatOf({ changeSat, note }: Pick<Entry, "changeSat" | "note">): number {
  return note?.role === "maker" ? note.feeReceivedSat - note.txfeeContributionSat : changeSat;
}
