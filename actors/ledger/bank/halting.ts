/** An admin or the operator stops all payments, and lets them go on: beside what the books find wrong by themselves. */
import type { Tx } from "../books/transaction.ts";
import { notify } from "../notices/notices.ts";
import type { BankRow } from "../store/rows.ts";

export const NEVER_OPENED: BankRow = { wallet: null, grant: null, grantId: null, tip: null, stopped: null };

/** Null lets them go on. Admins hear of it, for it may have been somebody with a stolen account of theirs. */
export function halt(tx: Tx, why: string | null): void {
  const bank = tx.t.bank.get("bank");
  const before = bank?.halted ?? null;
  const halted = why === null ? null : `stopped by an admin${why === "" ? "" : `: ${why}`}`;
  tx.t.bank.put("bank", { ...(bank ?? NEVER_OPENED), halted });
  if ((halted === null) === (before === null)) return;
  const kind = halted === null ? "bank.resumed" : "bank.stopped";
  notify(tx, undefined, { kind, subject: "bank", text: halted ?? "", isToAdmins: true });
}
