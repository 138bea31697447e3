/** Who may speak to the door at all: people of its own server, and those that the operator has named. */
import { bareJid, type Jid } from "./jid.ts";

export interface AllowedOptions {
  readonly parentDomain: string;
  readonly domains: readonly string[];
  readonly jids: readonly string[];
}

export function allowing({ parentDomain, domains, jids }: AllowedOptions): (from: Jid) => boolean {
  const allowedDomains = new Set([parentDomain, ...domains]);
  const allowedJids = new Set(jids.map((jid) => jid.toLowerCase()));
  return (from) => allowedDomains.has(from.domain) || allowedJids.has(bareJid(from));
}
