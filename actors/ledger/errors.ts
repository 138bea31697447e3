/** The ledger's error codes. */
import { errorTable } from "../../runtime/errors.ts";

export const ledgerErrors = errorTable({
  LEDGER_NO_ACCOUNT: {
    meaning: "Nobody with this JID has an account, or its owner has left.",
    remedy: "Register first.",
  },
  LEDGER_REGISTERED: {
    meaning: "This JID has an account already, under another name.",
    remedy: "Rename the account instead.",
  },
  LEDGER_USERNAME: {
    meaning: "The name cannot be had: it is no name, is kept for the service, or somebody has or had it.",
    remedy: "Choose another: a letter first, then letters, digits and underscores, 30 at most.",
  },
  LEDGER_NOT_ALLOWED: {
    meaning: "This person may not register here.",
    remedy: "`why` tells. Ask the operator for an invitation, or to allow the domain in [ledger].",
  },
  LEDGER_WAITING: {
    meaning: "The account waits for an admin's approval.",
    remedy: "Approve it with `supervisor xmpp approve <name>`.",
  },
  LEDGER_FROZEN: {
    meaning: "Nothing leaves this account until an admin says so.",
    remedy: "`why` tells. An admin lets it go on with `supervisor xmpp unfreeze <name>`.",
  },
  LEDGER_UNVERIFIED: {
    meaning: "The JID was away, or has gone and come again: it may belong to somebody else now.",
    remedy: "Verify it by a one-time code or the recovery code, or let an admin approve it again.",
  },
  LEDGER_NOT_EMPTY: {
    meaning: "The account has coins or open orders, so it cannot be closed.",
    remedy: "Pay out what there is, or leave with an address to which all of it goes.",
  },
  LEDGER_NOT_YOURS: {
    meaning: "The address is none of this person's.",
    remedy: "List them with `addresses`.",
  },
  LEDGER_TOO_MANY: {
    meaning: "There are as many of them as one person may have.",
    remedy:
      "Use, confirm or cancel some; a paid address makes room for a fresh one. Orders of a day and names that were given up take their time.",
  },
  LEDGER_RECIPIENT: {
    meaning: "Nobody of that name can be paid.",
    remedy: "Look at the name. Who has no account here is paid at an address.",
  },
  LEDGER_SELF: {
    meaning: "A person cannot pay himself.",
    remedy: "Give somebody else's name or address.",
  },
  LEDGER_ADDRESS: {
    meaning: "The address is malformed, or of another network.",
    remedy: "Copy it once more; `why` tells which it is.",
  },
  LEDGER_DUST: {
    meaning: "The amount is too small for a transaction.",
    remedy: "Pay more, or pay an account, which costs no transaction.",
  },
  LEDGER_FUNDS: {
    meaning: "The account does not have that much, the fee included.",
    remedy: "Pay less, or wait for what is coming in.",
  },
  LEDGER_LIMIT: {
    meaning: "More than the account may pay at once, or within a day.",
    remedy: "Pay less, wait, or let an admin raise it: `supervisor xmpp limits <name>`.",
  },
  LEDGER_STOPPED: {
    meaning: "No payments are made for anybody: the books and the wallet disagree.",
    remedy:
      "Look with `supervisor xmpp reconcile`; it says what is wrong, and lets payments go on when all is well.",
  },
  LEDGER_NOT_OPEN: {
    meaning: "The bank has no wallet just now: it was not opened, or walletd has locked it or is away.",
    remedy: "Unlock the wallet and give it to the bank: `supervisor xmpp open --wallet <name>`.",
  },
  LEDGER_GRANT: {
    meaning: "The grant with which the bank was to be opened is refused by walletd.",
    remedy: "Open it once more; the wallet must be unlocked and have keys.",
  },
  LEDGER_OTHER_WALLET: {
    meaning: "The books are of another wallet's coins.",
    remedy:
      "Open the bank with that wallet. To change it, pay everybody out first and begin with a new data directory.",
  },
  LEDGER_COINJOIN: {
    meaning: "The payment cannot be made by a coinjoin.",
    remedy:
      "`why` tells. The operator allows coinjoins with `supervisor xmpp open --maker-fees-max`; a plain payment can be made at any time.",
  },
  LEDGER_REPEATED: {
    meaning: "The same amount was ordered for the same recipient within ten minutes.",
    remedy: "If it is meant, order it again and say so.",
  },
  LEDGER_REQUOTED: {
    meaning: "The fee has risen by more than a fifth since the order was made.",
    remedy: "Confirm the order again, with its new code, if the new price is right.",
  },
  LEDGER_NO_ORDER: {
    meaning: "No open order of this person has that code or id.",
    remedy: "List them with `orders`.",
  },
  LEDGER_ORDER_OVER: {
    meaning: "The order is over, or is being carried out already.",
    remedy:
      "`state` tells; `signed` is a coinjoin that goes on, as its transaction may be sent at any moment. Make a new one if it is still wanted.",
  },
  LEDGER_LOCKED: {
    meaning: "Five wrong codes have come: for a quarter of an hour none is taken.",
    remedy: "Wait until `untilS`.",
  },
  LEDGER_SECOND_FACTOR: {
    meaning: "A one-time code is needed and missing or wrong, or there is no second factor, or one already.",
    remedy:
      "`why` tells. Above its limit a payment needs a one-time code; set the second factor up in the settings.",
  },
  LEDGER_NOT_ADMIN: {
    meaning: "This is for the admins that [ledger] names.",
    remedy: "Put the JID into `admins` of [ledger], or use `supervisor xmpp` at the terminal.",
  },
  LEDGER_NO_SUCH_USER: {
    meaning: "There is no such account.",
    remedy: "List them with `supervisor xmpp users`.",
  },
  LEDGER_NEGATIVE: {
    meaning:
      "The account owes money: a deposit that had been credited and spent has vanished from the chain.",
    remedy: "It can pay again when what it owes has come in.",
  },
  LEDGER_TOO_MANY_BANS: {
    meaning: "As many JIDs and domains are banned as are kept.",
    remedy: "Allow only certain domains instead: `allow_domains` in [ledger].",
  },
  LEDGER_DISK: {
    meaning: "The books cannot be written, so nothing was done.",
    remedy: "Make room in the data directory, and look at the disk.",
  },
});
