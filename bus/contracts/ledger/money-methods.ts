/** The ledger's methods that move money, and tell what was moved: quotes, orders, history, notices. */
import { z } from "zod";
import { COINJOIN_MAKERS_MAX } from "../taker/values.ts";
import { Address, AmountSat, Count } from "../walletd/values.ts";
import { withLedgerAccounts } from "./account-methods.ts";
import { ONCE, READ, WRITE } from "./calling.ts";
import { LedgerStatusSchema, MovementSchema, NoticeSchema, OrderSchema, QuoteSchema } from "./objects.ts";
import {
  ACCOUNT_ERRORS,
  CANCEL_ERRORS,
  CODE_ERRORS,
  CONFIRM_ERRORS,
  MIX_ERRORS,
  PAY_ERRORS,
  QUEUE_ERRORS,
} from "./refusals.ts";
import {
  Asked,
  JID_PART_MAX,
  Jid,
  LEDGER_PAGE_MAX,
  Memo,
  NoticeId,
  OneTimeCode,
  OrderCode,
  OrderId,
  Paging,
  PartyWordSchema,
} from "./values.ts";

const PayInput = Asked.extend({
  to: PartyWordSchema,
  /** Null is all that is available, less the fee. */
  amountSat: AmountSat.min(1).nullable(),
});

/** By the code that a person typed, or by the order itself where a form has been confirmed. */
const OrderWord = z.union([z.object({ code: OrderCode }), z.object({ order: OrderId })]);

/** A payment to outside is answered as soon as it is certain what becomes of it, or after this with how far it is. */
const OUTCOME = { ...WRITE, deadlineMs: 30_000, concurrency: 64 } as const;

export const withLedgerMoney = withLedgerAccounts
  .rpc("quote", {
    doc: "What a payment would cost, and whether it could be made. Nothing is set aside.",
    input: PayInput,
    output: QuoteSchema,
    errors: PAY_ERRORS,
    ...READ,
    deadlineMs: 15_000,
  })
  .rpc("order", {
    doc: "Queues a payment. It has a code of six symbols, and is carried out when the code comes back in time.",
    input: PayInput.extend({
      memo: Memo.default(""),
      /** The same request of one person within 24 hours is one order, such as a message that comes twice. */
      request: z.string().min(1).max(200).optional(),
      /** The person was asked whether he means the same once more. */
      isMeant: z.boolean().default(false),
    }),
    output: OrderSchema,
    errors: QUEUE_ERRORS,
    redact: ["code", "memo"],
    ...ONCE,
    deadlineMs: 15_000,
  })
  .rpc("mix", {
    doc: "Queues a payment to an address outside that is made by a coinjoin: asks the market what it will cost. Confirmed and carried out as other orders; it may take minutes.",
    input: Asked.extend({
      address: Address,
      amountSat: AmountSat.min(1),
      /** With how many; the taker's section says it when absent. */
      makers: z.int().min(1).max(COINJOIN_MAKERS_MAX).optional(),
      memo: Memo.default(""),
      request: z.string().min(1).max(200).optional(),
      isMeant: z.boolean().default(false),
    }),
    output: OrderSchema,
    errors: MIX_ERRORS,
    redact: ["code", "memo"],
    ...ONCE,
    // The market's answer over Tor, and a little.
    deadlineMs: 110_000,
    // Fewer than the taker prices at once: its owner's own coinjoins wait for nobody here.
    concurrency: 2,
    queue: 16,
  })
  .rpc("payerOf", {
    doc: "Who is to hear how the coinjoin goes that pays this order: nobody where it is over, or none of ours.",
    input: z.object({ order: OrderId }),
    output: z.object({ jid: Jid.nullable() }),
    redact: ["jid"],
    ...READ,
    callers: ["gateway"],
  })
  .rpc("confirm", {
    doc: "Carries an order out, once, however often it is asked: the coins are held first. Waits a moment for what becomes of it; `state` tells.",
    input: Asked.extend({
      which: OrderWord,
      oneTimeCode: OneTimeCode.optional(),
      /** Which of the person's clients says so, where the door knows: he is told of one that never did before. */
      client: z.string().min(1).max(JID_PART_MAX).optional(),
    }),
    output: OrderSchema,
    errors: CONFIRM_ERRORS,
    redact: ["which", "oneTimeCode", "client", "code", "memo"],
    ...OUTCOME,
  })
  .rpc("cancel", {
    doc: "Gives up an order that was not confirmed, or one that is paid by a coinjoin of which nothing is signed: the coins that were lent for it are recalled, and nothing of it is signed ever after. Where it is signed, `state` of the refusal is `signed`.",
    input: Asked.extend({ which: OrderWord }),
    output: OrderSchema,
    errors: CANCEL_ERRORS,
    redact: ["which", "code", "memo"],
    ...OUTCOME,
  })
  .rpc("orders", {
    doc: "A person's orders, the newest first: those that wait to be confirmed or carried out, or all; with `with` only those that pay this party.",
    input: Asked.extend({
      ...Paging.shape,
      isAll: z.boolean().default(false),
      with: PartyWordSchema.optional(),
    }),
    output: z.object({ total: Count, orders: z.array(OrderSchema) }),
    errors: ACCOUNT_ERRORS,
    redact: ["orders"],
    ...READ,
  })
  .rpc("orderOf", {
    doc: "One order of a person's.",
    input: Asked.extend({ order: OrderId }),
    output: OrderSchema,
    errors: CODE_ERRORS,
    redact: ["code", "memo"],
    ...READ,
  })
  .rpc("leave", {
    doc: "Queues a payment of all there is, after which the account is closed; without coins it is closed at once.",
    input: Asked.extend({ address: Address.optional() }),
    output: z.object({ order: OrderSchema.nullable(), isClosed: z.boolean() }),
    errors: {
      ...QUEUE_ERRORS,
      LEDGER_NOT_EMPTY: z.object({
        availableSat: AmountSat,
        heldSat: AmountSat,
        pendingSat: AmountSat,
        openOrders: Count,
      }),
    },
    redact: ["order"],
    ...ONCE,
    deadlineMs: 15_000,
  })
  .rpc("history", {
    doc: "What happened to a person's money, the newest first; with `with` only what was between him and one party or address of his own.",
    input: Asked.extend({ ...Paging.shape, with: PartyWordSchema.optional() }),
    output: z.object({ total: Count, movements: z.array(MovementSchema) }),
    errors: ACCOUNT_ERRORS,
    redact: ["movements"],
    ...READ,
  })
  .rpc("notices", {
    doc: "What people are to be told and nobody acknowledged, the oldest first: not what has to wait for the end of quiet hours, nor what is older than a day.",
    input: z.object({ after: NoticeId.default(0), limit: z.int().min(1).max(LEDGER_PAGE_MAX).default(100) }),
    output: z.object({ notices: z.array(NoticeSchema), isMore: z.boolean() }),
    redact: ["notices"],
    ...READ,
    callers: ["gateway"],
  })
  .rpc("acknowledge", {
    doc: "These notices have reached their people.",
    input: z.object({ ids: z.array(NoticeId).min(1).max(LEDGER_PAGE_MAX) }),
    output: z.object({}),
    errors: { LEDGER_DISK: z.object({}) },
    ...WRITE,
    callers: ["gateway"],
  })
  .rpc("status", {
    doc: "How the bank is: whether it pays, and if not why; and what holds for everybody.",
    input: z.object({}),
    output: LedgerStatusSchema,
    ...READ,
  });
