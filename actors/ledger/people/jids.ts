/** People as the XMPP server names them, folded as servers do, and who of them acts for the one account of an owner. */
import type { Tx } from "../books/transaction.ts";

export function foldJid(jid: string): string {
  return jid.normalize("NFC").toLowerCase();
}

export function domainOf(jid: string): string {
  return jid.slice(jid.lastIndexOf("@") + 1);
}

/** Whoever was taken off the list of owners is nobody any more, whatever he has joined. */
export function isNamed({ rules }: Tx, jid: string): boolean {
  return rules.mode !== "owner" || rules.owners.map(foldJid).includes(foldJid(jid));
}
