/** What others know of the ledger: people's accounts, orders by their JID, and notices. Who may do what is checked there, not at the door. */
import { z } from "zod";
import { withLedgerAdmin } from "./ledger/admin-methods.ts";
import { LedgerStatusSchema } from "./ledger/objects.ts";
import { Jid, NoticeId, UserId } from "./ledger/values.ts";

/** Events say that something is to be asked for, and nothing of what it is. */
export const ledgerContract = withLedgerAdmin
  .event("noticed", {
    doc: "There is a notice to be told: ask for `notices`.",
    body: z.object({ id: NoticeId }),
    readers: ["gateway"],
  })
  .event("account.changed", {
    doc: "Balance, name, state or settings of an account differ from before: ask for it.",
    body: z.object({ userId: UserId, jid: Jid }),
    readers: ["gateway"],
  })
  .state("bank", {
    doc: "How the bank is.",
    body: LedgerStatusSchema,
    readers: ["gateway"],
  });
