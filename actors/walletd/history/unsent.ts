/** What was sent and is neither in a block nor with our node: for the owner, who would else miss it among what happened. */
import type { z } from "zod";
import { CoinjoinNoteSchema, type UnsentSchema } from "../../../bus/contracts/walletd/objects.ts";
import { currentOf, isCoinjoin, standstillOf } from "../resend/pending.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";

export type Unsent = z.infer<typeof UnsentSchema>;

/** Newest first. */
export function unsentOf(wallet: OpenWallet): Unsent[] {
  const { signed, notes } = wallet.state;
  const ownTxids = new Set(Object.values(signed).map(({ txid }) => txid));
  return currentOf(signed)
    .filter(([, { txid, conflict }]) => {
      // What a later one of ours replaced is told by that one.
      return wallet.view.placeOf(txid) === undefined && !ownTxids.has(conflict?.txid ?? "");
    })
    .map(([, record]) => {
      const note = CoinjoinNoteSchema.safeParse(notes[record.txid]).data ?? null;
      return {
        txid: record.txid,
        state: standstillOf(record, wallet.nowMs),
        timeS: Math.floor(record.atMs / 1_000),
        isCoinjoin: isCoinjoin(record),
        amountSat: note?.amountSat ?? record.paidOutSat ?? 0,
        conflictTxid: record.conflict?.txid ?? null,
        label: wallet.label("tx", record.txid),
        note,
      };
    })
    .sort((a, b) => b.timeS - a.timeS);
}
