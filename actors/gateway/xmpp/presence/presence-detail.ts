/** How much of a person's balance his presence of us shows. */
import type { LedgerAccount } from "../../../../bus/contracts/ledger/objects.ts";

export const PRESENCE_DETAILS = ["exact", "rounded", "off"] as const;
export type PresenceDetail = (typeof PRESENCE_DETAILS)[number];

/** The server's own people may have their server know it unless they say otherwise; those of others only when they ask for it. */
export function presenceDetailOf(
  { jid, settings }: Pick<LedgerAccount, "jid" | "settings">,
  homeDomain: string,
): PresenceDetail {
  const chosen = PRESENCE_DETAILS.find((detail) => detail === settings.door["presence"]);
  return chosen ?? (jid.endsWith(`@${homeDomain}`) ? "exact" : "off");
}
