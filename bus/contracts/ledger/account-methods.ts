/** The ledger's methods about a person's account: registration, name, settings, second factor, addresses, contacts. */
import { z } from "zod";
import { contract } from "../../contract/contract.ts";
import { Address, AmountSat, Count } from "../walletd/values.ts";
import { ONCE, READ, WRITE } from "./calling.ts";
import {
  LedgerAccountSchema,
  LedgerAddressSchema,
  LedgerBalanceSchema,
  LimitsSchema,
  PartySchema,
  SettingsSchema,
} from "./objects.ts";
import {
  ACCOUNT_ERRORS,
  BANK_ERRORS,
  FACTOR_ERRORS,
  NAME_ERRORS,
  STANDING_ERRORS,
  TooMany,
} from "./refusals.ts";
import {
  Asked,
  Jid,
  Language,
  Memo,
  OneTimeCode,
  Paging,
  PartyWordSchema,
  RecoveryCode,
  Username,
  Why,
} from "./values.ts";

export const withLedgerAccounts = contract("ledger", {
  semver: "1.0.0",
  doc: "The bank behind the chat door: accounts of people, what each of them has, and orders to pay. Holds no key: one wallet of walletd's holds the coins, by a grant.",
  instances: "any",
})
  .rpc("register", {
    doc: "Opens an account, or one again that was closed. A person that has one under this name already gets it.",
    input: Asked.extend({
      username: Username,
      language: Language.optional(),
      invite: z.string().min(1).max(64).optional(),
    }),
    output: z.object({
      account: LedgerAccountSchema,
      /** Told this once: it proves the person when the JID alone does not. */
      recoveryCode: z.string().max(64).nullable(),
    }),
    errors: {
      LEDGER_DISK: z.object({}),
      ...NAME_ERRORS,
      LEDGER_REGISTERED: z.object({ username: Username }),
      LEDGER_NOT_ALLOWED: z.object({ why: z.enum(["closed", "domain", "invite", "banned", "full"]) }),
    },
    redact: ["invite", "recoveryCode"],
    ...ONCE,
  })
  .rpc("account", {
    doc: "A person's account with its balance, settings and limits.",
    input: Asked,
    output: LedgerAccountSchema,
    errors: ACCOUNT_ERRORS,
    ...READ,
  })
  .rpc("balance", {
    doc: "What a person has, what of it is held for orders, and what is coming in.",
    input: Asked,
    output: LedgerBalanceSchema,
    errors: ACCOUNT_ERRORS,
    ...READ,
  })
  .rpc("lookup", {
    doc: "Who or what a name, a JID or an address is, as far as the asker may know: null where he may not, or nobody is.",
    input: Asked.extend({ what: PartyWordSchema }),
    output: z.object({
      party: PartySchema.nullable(),
      isSelf: z.boolean(),
      /** Of an address of the asker's own. */
      own: LedgerAddressSchema.nullable(),
    }),
    errors: ACCOUNT_ERRORS,
    ...READ,
  })
  .rpc("rename", {
    doc: "Gives an account another name. The old one is kept from others for 90 days.",
    input: Asked.extend({ username: Username }),
    output: LedgerAccountSchema,
    errors: { ...ACCOUNT_ERRORS, ...NAME_ERRORS },
    ...WRITE,
  })
  .rpc("settings", {
    doc: "Changes what is given, and nothing else; of `door` each key, an empty text takes it away.",
    input: Asked.extend({ settings: SettingsSchema.partial() }),
    output: LedgerAccountSchema,
    errors: ACCOUNT_ERRORS,
    ...WRITE,
  })
  .rpc("limits", {
    doc: "Lowers a person's own limits at once, or raises them in 24 hours, never above the operator's.",
    input: Asked.extend({ limits: LimitsSchema.partial() }),
    output: LedgerAccountSchema,
    errors: ACCOUNT_ERRORS,
    ...WRITE,
  })
  .rpc("secondFactorBegin", {
    doc: "Draws a secret for one-time codes (RFC 6238). It counts as soon as one of its codes has come back.",
    input: Asked,
    output: z.object({ secret: z.string().max(64), uri: z.string().max(1_000) }),
    errors: { ...ACCOUNT_ERRORS, ...STANDING_ERRORS, ...FACTOR_ERRORS },
    redact: ["secret", "uri"],
    ...ONCE,
  })
  .rpc("secondFactorEnable", {
    doc: "A first code of the new secret. It counts at once where limits that are lowered from now on ask for codes, and in 24 hours for what the account could not pay without one.",
    input: Asked.extend({ oneTimeCode: OneTimeCode }),
    output: LedgerAccountSchema,
    errors: { ...ACCOUNT_ERRORS, ...STANDING_ERRORS, ...FACTOR_ERRORS },
    redact: ["oneTimeCode"],
    ...WRITE,
  })
  .rpc("secondFactorDisable", {
    doc: "Takes the second factor away, by one of its codes.",
    input: Asked.extend({ oneTimeCode: OneTimeCode }),
    output: LedgerAccountSchema,
    errors: { ...ACCOUNT_ERRORS, ...FACTOR_ERRORS },
    redact: ["oneTimeCode"],
    ...WRITE,
  })
  .rpc("verify", {
    doc: "Proves that a JID still belongs to the person of the account, by a one-time code or the recovery code.",
    input: Asked.extend({
      proof: z.union([z.object({ oneTimeCode: OneTimeCode }), z.object({ recoveryCode: RecoveryCode })]),
    }),
    output: LedgerAccountSchema,
    errors: { ...ACCOUNT_ERRORS, ...FACTOR_ERRORS },
    redact: ["proof"],
    ...WRITE,
  })
  .rpc("suspect", {
    doc: "The XMPP server says that a JID has gone, or its subscription was removed: nothing is paid until `verify`.",
    input: Asked.extend({ why: z.enum(["unsubscribed", "gone"]) }),
    output: z.object({}),
    errors: ACCOUNT_ERRORS,
    ...WRITE,
  })
  .rpc("seen", {
    doc: "These people were online. Who was not for 90 days has to be verified.",
    input: z.object({ jids: z.array(Jid).min(1).max(500) }),
    output: z.object({}),
    errors: { LEDGER_DISK: z.object({}) },
    ...WRITE,
  })
  .rpc("close", {
    doc: "Closes an account that has neither coins nor open orders, and is not frozen: it would come back free.",
    input: Asked,
    output: z.object({}),
    errors: {
      ...ACCOUNT_ERRORS,
      LEDGER_FROZEN: z.object({ why: Why }),
      LEDGER_NOT_EMPTY: z.object({
        availableSat: AmountSat,
        heldSat: AmountSat,
        pendingSat: AmountSat,
        openOrders: Count,
      }),
    },
    ...WRITE,
  })
  .rpc("receive", {
    doc: "An address to be paid at: a fresh one that was not paid yet is given again, unless another label is asked for.",
    input: Asked.extend({ label: Memo.optional() }),
    output: LedgerAddressSchema.extend({ isNew: z.boolean() }),
    errors: {
      ...ACCOUNT_ERRORS,
      ...STANDING_ERRORS,
      ...BANK_ERRORS,
      LEDGER_TOO_MANY: TooMany,
    },
    ...ONCE,
  })
  .rpc("addresses", {
    doc: "A person's addresses, the newest first.",
    input: Asked.extend(Paging.shape),
    output: z.object({ total: Count, receivedSat: AmountSat, addresses: z.array(LedgerAddressSchema) }),
    errors: ACCOUNT_ERRORS,
    ...READ,
  })
  .rpc("label", {
    doc: "Names an address of one's own; an empty label takes the name away.",
    input: Asked.extend({ address: Address, label: Memo }),
    output: LedgerAddressSchema,
    errors: { ...ACCOUNT_ERRORS, LEDGER_NOT_YOURS: z.object({}) },
    ...WRITE,
  })
  .rpc("contacts", {
    doc: "Whom a person keeps in view: accounts and addresses.",
    input: Asked,
    output: z.object({ contacts: z.array(PartySchema) }),
    errors: ACCOUNT_ERRORS,
    ...READ,
  })
  .rpc("contact", {
    doc: "Puts somebody onto the list, or takes him off.",
    input: Asked.extend({ who: PartyWordSchema, isKept: z.boolean() }),
    output: z.object({ contacts: z.array(PartySchema) }),
    errors: {
      ...ACCOUNT_ERRORS,
      LEDGER_RECIPIENT: z.object({}),
      LEDGER_ADDRESS: z.object({ why: z.enum(["malformed", "network"]) }),
      LEDGER_TOO_MANY: TooMany,
    },
    ...WRITE,
  });
