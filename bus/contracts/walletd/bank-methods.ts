/** The wallet daemon's methods for the ledger: addresses for its people, what came to them, and payments within a grant's day. */
import { z } from "zod";
import { LARGE_REQUEST_BYTES, QUICK, SENDING } from "./calling.ts";
import { withCommitments } from "./commitment-methods.ts";
import { GRANT_ERRORS, PACE_ERRORS, SPEND_ERRORS } from "./refusals.ts";
import {
  Address,
  AmountSat,
  Grant,
  Hash,
  Height,
  Mixdepth,
  Outpoint,
  TimeS,
  Tip,
  WalletName,
} from "./values.ts";

/** All that can wait for a block at once: of one that is not asked about nobody knows whether it is confirmed. */
export const BANK_ORDERS_MAX = 30_000;
/** The largest. */
export const BANK_COINS_MAX = 1_000;
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
          /** Its miner's: nobody can spend it before the hundredth confirmation. */
          isCoinbase: z.boolean(),
        }),
      ),
      /** What coinjoins may take, and what they may cost; null where the owner allows none. */
      coinjoin: z
        .object({
          amountSatMax: AmountSat,
          makerFeesSatMax: AmountSat,
          miningFeeSatMax: AmountSat,
          coinsSat: z.array(AmountSat).max(BANK_COINS_MAX),
        })
        .nullable(),
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
    redact: ["grant", "totalSat", "coinjoin", "received", "payouts"],
    ...QUICK,
    requestBytesMax: LARGE_REQUEST_BYTES,
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
  })
  .rpc("bankLend", {
    doc: "Lends coins for one order that is paid by a coinjoin: a taker's grant for this sum to this address and these costs, once, within the hour. Asked again, the same is answered while it lasts.",
    input: z.object({
      grant: Grant,
      order: BankOrder,
      address: Address,
      amountSat: AmountSat.min(1),
      makerFeesSatMax: AmountSat,
      miningFeeSatMax: AmountSat,
    }),
    output: z.object({ grant: Grant, mixdepth: Mixdepth, expiresAtS: TimeS }),
    errors: {
      ...PAY_ERRORS,
      ...PACE_ERRORS,
      WALLETD_TOO_MANY: z.object({ what: z.string(), most: z.int() }),
      WALLETD_LENDING_OVER: z.object({}),
    },
    redact: ["grant", "address", "amountSat"],
    ...QUICK,
    callers: BANK,
  })
  .rpc("bankRecall", {
    doc: "Ends what was, or was not, lent for an order: nothing is signed for it ever after. What is signed already is paid, and from now on sent from here.",
    input: z.object({ grant: Grant, order: BankOrder }),
    output: z.object({
      /** Null where nothing was signed, and nothing will be. */
      signed: z
        .object({
          /** Null where it is so long ago that nothing more is known. */
          payout: z.object({ txid: Hash, feeSat: AmountSat }).nullable(),
        })
        .nullable(),
    }),
    errors: { ...GRANT_ERRORS, ...PACE_ERRORS },
    redact: ["grant"],
    ...QUICK,
    callers: BANK,
  });
