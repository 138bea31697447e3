/** What the ledger tells: accounts, addresses, orders, what happened, notices, and the bank as a whole. */
import { z } from "zod";
import { Address, AmountSat, ChangeSat, Count, GrantId, Hash, Tip, WalletName } from "../walletd/values.ts";
import {
  EntryId,
  Jid,
  Language,
  Memo,
  NoticeId,
  OrderId,
  QuietHoursSchema,
  UnixTimeS,
  UserId,
  Username,
  Why,
} from "./values.ts";

export const LEDGER_MODES = ["multiuser", "owner"] as const;

/** waiting: an admin has to approve of it; closed: left, and only late deposits come in. */
export const ACCOUNT_STATES = ["waiting", "open", "frozen", "closed"] as const;
export const NOTICE_CHOICES = ["all", "money", "none"] as const;
export const UNITS = ["sat", "btc", "mbtc"] as const;

/** `strongSat`: from this amount on a payment needs the second factor. */
export const LimitsSchema = z.object({ paymentSat: AmountSat, daySat: AmountSat, strongSat: AmountSat });
export type LedgerLimits = z.output<typeof LimitsSchema>;

/** One summary instead of single notices: at this minute of each hour, or of each day in UTC. */
export const DigestSchema = z.object({
  every: z.enum(["hour", "day"]),
  atMinute: z.int().min(0).max(1_439),
});

export const SettingsSchema = z.object({
  language: Language.nullable(),
  unit: z.enum(UNITS),
  /** Security is told whatever is chosen here. */
  notices: z.enum(NOTICE_CHOICES),
  quietHours: QuietHoursSchema.nullable(),
  /** What nobody has to act upon waits for it; security never does. */
  digest: DigestSchema.nullable(),
  /** A notice when the balance falls below it; 0 is none. */
  lowBalanceSat: AmountSat,
  /** The doors' own, such as how much presence shows. */
  door: z.record(z.string().regex(/^[a-z][a-z0-9_.-]{0,63}$/), z.string().max(200)),
});
export type LedgerSettings = z.output<typeof SettingsSchema>;

export const LedgerBalanceSchema = z.object({
  availableSat: ChangeSat,
  /** Set aside for orders that are being carried out. */
  heldSat: AmountSat,
  /** On its way in, and not confirmed often enough to be credited. */
  pendingSat: AmountSat,
});

export const LedgerAccountSchema = LedgerBalanceSchema.extend({
  userId: UserId,
  jid: Jid,
  /** As shown; unique whatever its case. */
  username: Username,
  state: z.enum(ACCOUNT_STATES),
  /** Of a frozen account: why, for people. */
  why: Why.nullable(),
  isAdmin: z.boolean(),
  /** It is the account of the operator's own wallet (mode owner). */
  isOwner: z.boolean(),
  /** The address may have passed to somebody else: nothing is paid until `verify`. */
  needsVerification: z.boolean(),
  hasSecondFactor: z.boolean(),
  settings: SettingsSchema,
  limits: LimitsSchema,
  /** Higher limits that were asked for, and when they hold. */
  raise: z.object({ limits: LimitsSchema, atS: UnixTimeS }).nullable(),
  /** What may still be paid today. */
  leftTodaySat: AmountSat,
  openOrders: Count,
  createdAtS: UnixTimeS,
});
export type LedgerAccount = z.output<typeof LedgerAccountSchema>;

export const LedgerAddressSchema = z.object({
  address: Address,
  label: Memo,
  createdAtS: UnixTimeS,
  receivedSat: AmountSat,
  pendingSat: AmountSat,
  /** Of all that the user received, in thousandths. */
  sharePermille: z.int().min(0).max(1_000),
});

/** Whom a payment is between: an account by its name, or an address outside. */
export const PartySchema = z.object({
  userId: UserId.nullable(),
  username: Username.nullable(),
  /** Only for the person himself and for admins. */
  jid: Jid.nullable(),
  address: Address.nullable(),
});
export type LedgerParty = z.output<typeof PartySchema>;

/** internal: from account to account, without a transaction. coinjoin: by one that others take part in, so that nobody sees who pays. */
export const ROUTES = ["internal", "chain", "coinjoin"] as const;
export const ORDER_STATES = [
  "queued",
  "confirmed",
  "executing",
  "broadcast",
  "done",
  "failed",
  "cancelled",
  "expired",
] as const;

export const QuoteSchema = z.object({
  route: z.enum(ROUTES),
  to: PartySchema,
  amountSat: AmountSat,
  /** What the miners, and makers of a coinjoin, would get now, and the most that they will; 0 for internal ones. */
  feeSat: AmountSat,
  feeSatMax: AmountSat,
  /** Of the balance when it is paid at the price of now. */
  remainingSat: ChangeSat,
  needsSecondFactor: z.boolean(),
});
export type LedgerQuote = z.output<typeof QuoteSchema>;

export const CoinjoinTermsSchema = z.object({
  makers: Count,
  makerFeesSat: AmountSat,
  miningFeeSat: AmountSat,
  makerFeesSatMax: AmountSat,
  miningFeeSatMax: AmountSat,
});

export const OrderSchema = QuoteSchema.extend({
  order: OrderId,
  state: z.enum(ORDER_STATES),
  memo: Memo,
  /** Six symbols; null as soon as it is of no use any more. */
  code: z.string().max(16).nullable(),
  createdAtS: UnixTimeS,
  expiresAtS: UnixTimeS,
  txid: Hash.nullable(),
  /** Why it failed, for people and as a code. */
  failure: z.object({ code: z.string().max(64), message: Why }).nullable(),
  /** The account is closed when it is done. */
  isLeaving: z.boolean(),
  /** Of one that is paid by a coinjoin: what of the fee is whose. */
  coinjoin: CoinjoinTermsSchema.nullable(),
});
export type LedgerOrder = z.output<typeof OrderSchema>;

export const MOVEMENT_KINDS = [
  "deposit",
  "reversed",
  "paid",
  "mixed",
  "received",
  "refund",
  "adjusted",
] as const;

/** One line of a person's history. */
export const MovementSchema = z.object({
  entry: EntryId,
  atS: UnixTimeS,
  kind: z.enum(MOVEMENT_KINDS),
  /** What it did to the balance, fee included; and the balance after it, what is held included. */
  changeSat: ChangeSat,
  feeSat: AmountSat,
  balanceSat: ChangeSat,
  counterpart: PartySchema.nullable(),
  memo: Memo,
  order: OrderId.nullable(),
  txid: Hash.nullable(),
  /** Null for internal ones. */
  confirmations: Count.nullable(),
});
export type LedgerMovement = z.output<typeof MovementSchema>;

export const NOTICE_KINDS = [
  "deposit.seen",
  "deposit.replaced",
  "deposit.confirmed",
  "deposit.credited",
  "deposit.vanished",
  "deposit.reversed",
  "payment.received",
  "order.executed",
  "order.broadcast",
  "order.confirmed",
  "order.failed",
  "order.expired",
  "order.lost",
  "balance.low",
  "account.approved",
  "account.waiting",
  "account.frozen",
  "account.unfrozen",
  "account.verify",
  "account.closed",
  "security.codes",
  "security.factor",
  "security.limit",
  "security.resource",
  "bank.stopped",
  "bank.resumed",
  "announcement",
  "maker.earned",
  "digest",
] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** What a person is to be told: stored before anybody is told, and again after a loss until it is acknowledged. */
export const NoticeSchema = z.object({
  id: NoticeId,
  atS: UnixTimeS,
  /** Whom to tell. */
  jid: Jid,
  language: Language.nullable(),
  unit: z.enum(UNITS),
  kind: z.enum(NOTICE_KINDS),
  /** Those of one subject correct each other: `deposit.replaced` what `deposit.seen` said. */
  subject: z.string().max(100),
  amountSat: ChangeSat.nullable(),
  feeSat: AmountSat.nullable(),
  balanceSat: ChangeSat.nullable(),
  /** Who paid or was paid. */
  counterpart: PartySchema.nullable(),
  /** Whose account it is about, where an admin is told of another's. */
  about: PartySchema.nullable(),
  /** Of the address that was paid, or of the payment; the words of an announcement; why it failed; which limit. */
  text: z.string().max(1_000),
  order: OrderId.nullable(),
  txid: Hash.nullable(),
  address: Address.nullable(),
  confirmations: Count.nullable(),
  /** The transaction says of itself that it may be replaced. */
  isReplaceable: z.boolean().nullable(),
  /** What a coinjoin of somebody else's has brought; `text` is the wallet, `amountSat` what was joined. */
  earnedSat: ChangeSat.nullable(),
  /** Of a summary: since when, and of each kind how many, and how much together. */
  digest: z
    .object({
      sinceS: UnixTimeS,
      parts: z
        .array(
          z.object({
            kind: z.enum(NOTICE_KINDS),
            count: z.int().min(1),
            sumSat: ChangeSat,
            feesSat: AmountSat,
            gainSat: ChangeSat,
          }),
        )
        .max(NOTICE_KINDS.length),
    })
    .nullable(),
});
export type LedgerNotice = z.output<typeof NoticeSchema>;

export const LedgerStatusSchema = z.object({
  mode: z.enum(LEDGER_MODES),
  /** The wallet that the coins are in; null until the operator opens the bank. */
  wallet: WalletName.nullable(),
  grantId: GrantId.nullable(),
  /** Deposits are seen and addresses given out. */
  isConnected: z.boolean(),
  /** Payments are carried out. */
  isSpending: z.boolean(),
  /** The wallet's owner allows payments by coinjoins. */
  isMixing: z.boolean(),
  /** Why nothing is paid, for people. */
  why: Why.nullable(),
  /** The block up to which deposits are known. */
  tip: Tip.nullable(),
  confirmations: z.int().min(1),
  registration: z.enum(["open", "approve", "invite", "closed"]),
  users: Count,
  openOrders: Count,
  limits: LimitsSchema,
});
export type LedgerStatus = z.output<typeof LedgerStatusSchema>;

/** What the books say, and what walletd has. */
export const ReconciliationSchema = z.object({
  atS: UnixTimeS,
  tip: Tip.nullable(),
  isSound: z.boolean(),
  /** What is wrong, one sentence each. */
  breaches: z.array(Why).max(20),
  custodySat: ChangeSat,
  /** What walletd holds of it: confirmed deposits and our change, without what is on its way out. */
  walletSat: AmountSat,
  /** Seen by walletd and not credited yet. */
  pendingSat: AmountSat,
  /** Of both, what walletd has frozen, such as what came to an address a second time: people's all the same, and not paid with. */
  frozenSat: AmountSat,
  liabilitiesSat: ChangeSat,
  equitySat: ChangeSat,
});
export type LedgerReconciliation = z.output<typeof ReconciliationSchema>;

export const EntrySchema = z.object({
  entry: EntryId,
  atS: UnixTimeS,
  kind: z.string().max(40),
  /** What makes it happen once: the same key is never booked twice. */
  key: z.string().max(200),
  /** Debit is positive; they add up to nothing. */
  postings: z.array(z.object({ account: z.string().max(60), sat: ChangeSat })).max(16),
  txid: Hash.nullable(),
  order: OrderId.nullable(),
});

export const AuditRowSchema = z.object({
  id: z.int().min(1),
  atS: UnixTimeS,
  /** A JID, or `operator`. */
  by: z.string().max(2_047),
  act: z.string().max(60),
  /** Whom it was about. */
  about: z.string().max(2_047),
  text: z.string().max(500),
});
