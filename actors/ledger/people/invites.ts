/** Invitations: each lets one person register, within a week. */
import { createHash } from "node:crypto";
import type { Tx } from "../books/transaction.ts";
import { denials } from "../denials.ts";

const INVITE_BYTES = 12;
const INVITE_S = 7 * 86_400;

export function makeInvite({ t, nowS, randomBytes }: Tx): { invite: string; expiresAtS: number } {
  const invite = Buffer.from(randomBytes(INVITE_BYTES)).toString("hex");
  const expiresAtS = nowS + INVITE_S;
  for (const hash of t.invites.keys()) if ((t.invites.get(hash) ?? 0) <= nowS) t.invites.remove(hash);
  t.invites.put(hashOf(invite), expiresAtS);
  return { invite, expiresAtS };
}

/** Throws when it is none, or was used. */
export function useInvite({ t, nowS }: Tx, invite: string | undefined): void {
  const hash = hashOf(invite ?? "");
  if ((t.invites.get(hash) ?? 0) <= nowS) throw denials.notAllowed("invite");
  t.invites.remove(hash);
}

function hashOf(invite: string): string {
  return createHash("sha256").update(invite.trim().toLowerCase()).digest("hex");
}
