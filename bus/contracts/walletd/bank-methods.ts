/** The wallet daemon's methods for the ledger: addresses for its people, what came to them, and payments within a grant's day. */
import { z } from "zod";
import { QUICK, SENDING } from "./calling.ts";
import { withCommitments } from "./commitment-methods.ts";
import { GRANT_ERRORS, PACE_ERRORS, SPEND_ERRORS } from "./refusals.ts";
import { Address, AmountSat, Grant, Hash, Height, Outpoint, TimeS, Tip, WalletName } from "./values.ts";

const BANK_ORDERS_MAX = 1_000;
const BANK = ["ledger"] as const;

/** The ledger's own id of a payment: one id is one payment for ever. */
const BankOrder = z.string().regex(/^[0-9a-f]{16}$/);
const Payee = z.object({
  grant: Grant,
  address: Address,
  /** Within how many blocks it shall confirm. */
  blocks: z.int().min(1).max(1_008),
});
const PAY_ERRORS = { ...SPEND_ERRORS, ...GRANT_ERRORS } as const;

export const withBank = withCommitments
  .rpc("bankAddress", {
    doc: "The next address of the bank's mixdepth, never given out again.",
    input: z.object({ grant: Grant }),
    output: z.object({ address: Address }),
    errors: { ...GRANT_ERRORS, ...PACE_ERRORS },
    redact: ["grant", "address"],
    ...QUICK,
    idempotency: "key",
    callers: BANK,
  })
  .rpc("bankView", {
    doc: "One moment of the bank's mixdepth: all that it holds, what came to it from a height on, and what became of payments.",
    input: z.object({
      grant: Grant,
      sinceHeight: Height,
      orders: z.array(BankOrder).max(BANK_ORDERS_MAX).default([]),
    }),
    output: z.object({
      wallet: WalletName,
      grantExpiresAtS: TimeS,
      tip: Tip,
      /** All unspent coins, unconfirmed ones too. */
      totalSat: AmountSat,
      /** What of it is frozen: held like the rest, and not paid with. */
      frozenSat: AmountSat,
      /** What others paid to us, spent since or not; no change of ours. */
      received: z.array(
        Outpoint.extend({
          amountSat: AmountSat,
          address: Address,
          height: Height.nullable(),
          isReplaceable: z.boolean(),
        }),
      ),
      /** Those of the orders that were signed. */
      payouts: z.array(
        z.object({
          order: BankOrder,
          txid: Hash,
          feeSat: AmountSat,
          height: Height.nullable(),
          /** The index or the mempool has it. */
          isSeen: z.boolean(),
        }),
      ),
    }),
    errors: GRANT_ERRORS,
    redact: ["grant", "totalSat", "received", "payouts"],
    ...QUICK,
    deadlineMs: 30_000,
    callers: BANK,
  })
  .rpc("bankQuote", {
    doc: "What a payment would cost now; null takes all that can be spent. Nothing is signed.",
    input: Payee.extend({ amountSat: AmountSat.min(1).nullable() }),
    output: z.object({ amountSat: AmountSat, feeSat: AmountSat }),
    errors: PAY_ERRORS,
    redact: ["grant", "address", "amountSat"],
    ...QUICK,
    callers: BANK,
  })
  .rpc("payOut", {
    doc: "Pays one order, once for ever, however often it is asked: within what the grant allows for a payment, its fee, and a day.",
    input: Payee.extend({ order: BankOrder, amountSat: AmountSat.min(1), feeSatMax: AmountSat }),
    output: z.object({ txid: Hash, feeSat: AmountSat }),
    errors: PAY_ERRORS,
    redact: ["grant", "address", "amountSat"],
    ...SENDING,
    idempotency: "idempotent",
    callers: BANK,
  });
