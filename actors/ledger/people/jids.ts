/** People as the XMPP server names them, folded as servers do, and who of them the configuration names as what. */
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

/** One of those who administer the bank by chat. */
export function isAdmin({ rules }: Tx, jid: string): boolean {
  return rules.admins.map(foldJid).includes(foldJid(jid));
}
