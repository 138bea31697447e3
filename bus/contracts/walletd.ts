/** What others know of the wallet daemon: wallets by name, opened by password, used by session or grant. No key ever travels here. */
import { z } from "zod";
import { withBank } from "./walletd/bank-methods.ts";
import { GRANT_HOLDERS } from "./walletd/calling.ts";
import { GrantId, Hash, Height, Tip, WalletName } from "./walletd/values.ts";

/**
 * The owner's methods need the session that unlocking gave; a maker or a taker needs a grant that the owner's session made,
 * and reaches no further than it says. Events tell that something changed, never what there is: no amounts, no addresses, no
 * transactions' bytes.
 */
export const walletdContract = withBank
  .event("wallet.changed", {
    doc: "Balances, coins, addresses or labels of an unlocked wallet may differ from before: ask again.",
    body: z.object({ wallet: WalletName, tip: Tip.nullable(), isKnown: z.boolean() }),
    readers: ["gateway"],
  })
  .event("transaction.seen", {
    doc: "A transaction that pays or spends of an unlocked wallet came to the mempool, into a block, out of one, or left.",
    body: z.object({
      wallet: WalletName,
      txid: Hash,
      place: z.enum(["mempool", "block", "gone"]),
      height: Height.nullable(),
    }),
    readers: ["gateway"],
  })
  .event("wallet.unlocked", {
    doc: "A wallet was opened.",
    body: z.object({ wallet: WalletName }),
    readers: ["gateway"],
  })
  .event("wallet.locked", {
    doc: "A wallet was closed: its sessions and grants are worth nothing any more.",
    body: z.object({ wallet: WalletName, why: z.enum(["asked", "idle", "failure"]) }),
    readers: ["gateway"],
  })
  .event("grant.changed", {
    doc: "What a grant's holder may use differs from before, or the grant has ended.",
    body: z.object({ id: GrantId, why: z.enum(["funds", "ended"]) }),
    readers: GRANT_HOLDERS,
  })
  .state("wallets", {
    doc: "The wallets that are unlocked.",
    body: z.object({ wallets: z.array(z.object({ wallet: WalletName, isKnown: z.boolean() })) }),
    readers: ["gateway", "maker", "ledger"],
  });
