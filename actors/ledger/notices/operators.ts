/** What those who run the troupe are told of its makers: which coinjoins their wallets were in, and what each has earned. */
import type { ServedCoinjoin } from "../../../bus/contracts/maker.ts";
import type { Tx } from "../books/transaction.ts";
import { foldJid } from "../people/jids.ts";
import { findByJid, ownerOf } from "../people/people.ts";
import type { UserRow } from "../store/rows.ts";
import { notify } from "./notices.ts";

/** Each of them who has an account. */
export function tellOperators(tx: Tx, { wallet, amountSat, earnedSat, txid }: ServedCoinjoin): void {
  const subject = `earned:${txid}`;
  for (const user of operatorsOf(tx))
    notify(tx, user, { kind: "maker.earned", subject, text: wallet, amountSat, earnedSat, txid });
}

function operatorsOf(tx: Tx): UserRow[] {
  const owner = tx.rules.mode === "owner" ? ownerOf(tx.t) : undefined;
  const admins = tx.rules.admins.map((jid) => findByJid(tx.t, foldJid(jid)));
  const all = [owner, ...admins].filter((user) => user !== undefined && user.state !== "closed");
  return [...new Map(all.map((user) => [user?.id, user as UserRow])).values()];
}
