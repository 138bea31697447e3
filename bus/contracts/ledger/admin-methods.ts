/** The ledger's methods for those who run the bank: an admin never spends for anybody, and each act is written down. */
import { z } from "zod";
import { Address, ChangeSat, Count, Grant, GrantId, WalletName } from "../walletd/values.ts";
import { ONCE, READ, WRITE } from "./calling.ts";
import { withLedgerMoney } from "./money-methods.ts";
import {
  ACCOUNT_STATES,
  AuditRowSchema,
  EntrySchema,
  LedgerAccountSchema,
  LedgerAddressSchema,
  LedgerStatusSchema,
  LimitsSchema,
  ReconciliationSchema,
} from "./objects.ts";
import { ADMIN_ERRORS, BANK_ERRORS } from "./refusals.ts";
import { Administered, Domain, Jid, Paging, UnixTimeS, UserWordSchema, Why } from "./values.ts";

/** What admins do by other actors, and is written down here all the same. */
export const OUTSIDE_ACTS = ["maker stop", "coinjoin cancel", "restart", "log level"] as const;

const OfUser = Administered.extend({ user: UserWordSchema });

export const withLedgerAdmin = withLedgerMoney
  .rpc("users", {
    doc: "The accounts, the newest first.",
    input: Administered.extend({
      ...Paging.shape,
      state: z.enum(ACCOUNT_STATES).optional(),
      /** In name or JID. */
      search: z.string().max(100).optional(),
    }),
    output: z.object({ total: Count, users: z.array(LedgerAccountSchema) }),
    errors: ADMIN_ERRORS,
    redact: ["users"],
    ...READ,
  })
  .rpc("user", {
    doc: "One account, with its addresses.",
    input: OfUser,
    output: z.object({ account: LedgerAccountSchema, addresses: z.array(LedgerAddressSchema) }),
    errors: ADMIN_ERRORS,
    redact: ["account", "addresses"],
    ...READ,
  })
  .rpc("approve", {
    doc: "Opens an account that waits for it; of one that has to be verified it is the verification.",
    input: OfUser,
    output: LedgerAccountSchema,
    errors: ADMIN_ERRORS,
    ...WRITE,
  })
  .rpc("freeze", {
    doc: "Nothing leaves the account any more; what comes in is credited.",
    input: OfUser.extend({ why: Why.default("") }),
    output: LedgerAccountSchema,
    errors: ADMIN_ERRORS,
    ...WRITE,
  })
  .rpc("unfreeze", {
    doc: "Lets the account pay again.",
    input: OfUser,
    output: LedgerAccountSchema,
    errors: { ...ADMIN_ERRORS, LEDGER_NEGATIVE: z.object({ availableSat: ChangeSat }) },
    ...WRITE,
  })
  .rpc("limit", {
    doc: "Sets how much one account may pay, at once.",
    input: OfUser.extend({ limits: LimitsSchema.partial() }),
    output: LedgerAccountSchema,
    errors: ADMIN_ERRORS,
    ...WRITE,
  })
  .rpc("ban", {
    doc: "Keeps a JID or a whole domain from registering, or lets it again. Accounts that there are stay: freeze them.",
    input: Administered.extend({
      who: z.union([z.object({ jid: Jid }), z.object({ domain: Domain })]),
      isBanned: z.boolean(),
    }),
    output: z.object({ banned: z.array(z.string().max(2_047)).max(1_000) }),
    errors: { ...ADMIN_ERRORS, LEDGER_TOO_MANY_BANS: z.object({ most: z.int() }) },
    ...WRITE,
  })
  .rpc("invite", {
    doc: "Makes a word with which one person may register within seven days.",
    input: Administered,
    output: z.object({ invite: z.string().max(64), expiresAtS: UnixTimeS }),
    errors: ADMIN_ERRORS,
    redact: ["invite"],
    ...ONCE,
  })
  .rpc("announce", {
    doc: "Tells everybody something.",
    input: Administered.extend({ text: z.string().min(1).max(1_000) }),
    output: z.object({ people: Count }),
    errors: ADMIN_ERRORS,
    ...ONCE,
  })
  .rpc("entries", {
    doc: "The books themselves, the newest entry first; of one account if asked, such as `user:7:avail` or `chain:custody`.",
    input: Administered.extend({ ...Paging.shape, account: z.string().max(60).optional() }),
    output: z.object({ total: Count, entries: z.array(EntrySchema) }),
    errors: ADMIN_ERRORS,
    redact: ["entries"],
    ...READ,
  })
  .rpc("accounts", {
    doc: "What each account of the books holds, people's taken together: debit is positive, and they add up to nothing.",
    input: Administered,
    output: z.object({ accounts: z.array(z.object({ account: z.string().max(60), sat: ChangeSat })) }),
    errors: ADMIN_ERRORS,
    ...READ,
  })
  .rpc("audit", {
    doc: "What admins and the operator have done, the newest first.",
    input: Administered.extend(Paging.shape),
    output: z.object({ total: Count, acts: z.array(AuditRowSchema) }),
    errors: ADMIN_ERRORS,
    ...READ,
  })
  .rpc("reconcile", {
    doc: "Compares the books with walletd now. A breach stops payments; when all is well they go on. The operator may book a difference against the house.",
    input: Administered.extend({ isBooked: z.boolean().default(false) }),
    output: ReconciliationSchema,
    errors: { ...ADMIN_ERRORS, ...BANK_ERRORS },
    ...ONCE,
    deadlineMs: 60_000,
  })
  .rpc("halt", {
    doc: "Stops all payments until they are let go on, whatever the books and the wallet say: what is under way at walletd is not called back.",
    input: Administered.extend({ isHalted: z.boolean(), why: Why.default("") }),
    output: LedgerStatusSchema,
    errors: ADMIN_ERRORS,
    ...WRITE,
  })
  .rpc("act", {
    doc: "Writes down what an admin, or an owner in the mode owner, is about to do by another actor; refuses whoever may not.",
    input: Administered.extend({ act: z.enum(OUTSIDE_ACTS), about: z.string().max(100).default("") }),
    output: z.object({}),
    errors: ADMIN_ERRORS,
    ...ONCE,
  })
  .rpc("open", {
    doc: "The operator gives the bank its wallet, by a grant of walletd's; with the same wallet a new grant takes the old one's place.",
    input: z.object({ wallet: WalletName, grant: Grant, grantId: GrantId }),
    output: LedgerStatusSchema,
    errors: {
      LEDGER_DISK: z.object({}),
      LEDGER_GRANT: z.object({ why: Why }),
      /** The books are of that wallet's coins. */
      LEDGER_OTHER_WALLET: z.object({ wallet: WalletName }),
    },
    redact: ["grant"],
    ...WRITE,
    deadlineMs: 30_000,
    callers: ["operator"],
  })
  .rpc("shut", {
    doc: "The operator takes the wallet back: nothing is paid and no address given out until `open`. The books stay.",
    input: z.object({}),
    output: LedgerStatusSchema,
    errors: { LEDGER_DISK: z.object({}) },
    ...WRITE,
    callers: ["operator"],
  })
  .rpc("topUp", {
    doc: "An address whose coins are the house's: for fees and for making good a loss.",
    input: z.object({}),
    output: z.object({ address: Address }),
    errors: { LEDGER_DISK: z.object({}), ...BANK_ERRORS },
    ...ONCE,
    callers: ["operator"],
  });
