/** The wallet daemon's methods for makers and takers, and the grants by which an owner lets them. */
import { z } from "zod";
import { COINJOIN_SIDES, GRANT_HOLDERS, LARGE_REQUEST_BYTES, QUICK } from "./calling.ts";
import { CoinjoinNoteSchema, ReservationSchema } from "./objects.ts";
import {
  COIN_ERRORS,
  GRANT_ERRORS,
  OWNER_ERRORS,
  PACE_ERRORS,
  RESERVE_ERRORS,
  SIGN_ERRORS,
  WATCH_ERRORS,
} from "./refusals.ts";
import { withSpending } from "./spending-methods.ts";
import {
  Address,
  AmountSat,
  Count,
  Grant,
  GrantId,
  Hash,
  Hex,
  Mixdepth,
  Outpoint,
  Owned,
  PublicKey,
  RawTxHex,
  ReservationId,
  TimeS,
  Tip,
  WALLET_INPUTS_MAX,
  WALLET_MIXDEPTHS_MAX,
} from "./values.ts";

const GrantLimits = z.object({
  /** All of them when absent. */
  mixdepths: z.array(Mixdepth).min(1).max(WALLET_MIXDEPTHS_MAX).optional(),
  /** The most that one coinjoin may mix, and all of them together. */
  amountSatMax: AmountSat.optional(),
  totalSatMax: AmountSat.optional(),
  /** Of a taker: where equal outputs may go beside the wallet's own next mixdepth. Of a maker: none. */
  destinations: z.array(Address).max(1_000).default([]),
  /** Of a taker: the most that all makers of one coinjoin together, and its miners, may get. */
  makerFeesSatMax: AmountSat.default(0),
  miningFeeSatMax: AmountSat.default(0),
  /** Of the ledger, with `amountSatMax` and `miningFeeSatMax` of one payment: what may leave within 24 hours, fees included. */
  daySatMax: AmountSat.default(0),
});

const ReserveInput = z.object({
  grant: Grant,
  mixdepth: Mixdepth,
  ttlS: z.int().min(10).max(86_400).default(600),
  confirmationsMin: z.int().min(0).max(1_000).default(1),
  /** The encryption key of the conversation, which the coins' key is to vouch for. */
  encryptionKey: Hash.optional(),
});

const Signed = z.object({
  signatures: z.array(
    z.object({
      index: Count,
      publicKey: PublicKey,
      signature: Hex,
      witness: z.array(Hex).max(3),
      scriptSig: Hex,
    }),
  ),
});
const SignInput = z.object({ grant: Grant, reservation: ReservationId, rawTx: RawTxHex });
const SIGNING = {
  deadlineMs: 30_000,
  idempotency: "idempotent",
  requestBytesMax: LARGE_REQUEST_BYTES,
  concurrency: 4,
  queue: 64,
} as const;

export const withCoinjoins = withSpending
  .rpc("grant", {
    doc: "Lets a maker, a taker or the ledger use this wallet within limits, until it is revoked, expires, or the wallet is locked.",
    input: Owned.extend({
      caller: z.enum(GRANT_HOLDERS),
      limits: GrantLimits,
      ttlS: z
        .int()
        .min(10)
        .max(30 * 86_400)
        .default(86_400),
    }),
    output: z.object({ grant: Grant, id: GrantId, expiresAtS: TimeS }),
    errors: {
      ...OWNER_ERRORS,
      ...WATCH_ERRORS,
      WALLETD_TOO_MANY: z.object({ what: z.string(), most: z.int() }),
    },
    redact: ["session", "grant", "limits"],
    ...QUICK,
    idempotency: "key",
    requestBytesMax: 256 * 1024,
  })
  .rpc("revoke", {
    doc: "Ends a grant with its reservations; all of the wallet's when none is named.",
    input: Owned.extend({ id: GrantId.optional() }),
    output: z.object({ revoked: Count }),
    errors: OWNER_ERRORS,
    redact: ["session"],
    ...QUICK,
  })
  .rpc("funds", {
    doc: "By mixdepth what the grant's holder may use now: confirmed, not frozen, not reserved, no bond.",
    input: z.object({ grant: Grant, confirmationsMin: z.int().min(0).max(1_000).default(1) }),
    output: z.object({
      tip: Tip.nullable(),
      mixdepths: z.array(
        z.object({ mixdepth: Mixdepth, availableSat: AmountSat, largestCoinSat: AmountSat, coins: Count }),
      ),
      hasBond: z.boolean(),
    }),
    errors: GRANT_ERRORS,
    redact: ["grant", "mixdepths"],
    ...QUICK,
    callers: COINJOIN_SIDES,
  })
  .rpc("reserveAsMaker", {
    doc: "Sets coins and two fresh addresses aside for one counterparty, on the terms of the offer: signing holds them to it.",
    input: ReserveInput.extend({
      amountSat: AmountSat,
      /** What the offer says: to be received, and to be given to the miners. */
      coinjoinFeeSat: AmountSat,
      txfeeSat: AmountSat,
      /** Change below this is not made: more coins are taken. */
      changeSatMin: AmountSat.default(27_300),
    }),
    output: ReservationSchema,
    errors: RESERVE_ERRORS,
    redact: ["grant", "coins", "coinjoinAddress", "changeAddress", "auth"],
    ...QUICK,
    idempotency: "key",
    callers: ["maker"],
  })
  .rpc("reserveAsTaker", {
    doc: "Sets coins aside for one coinjoin that we ask for; null takes all of the mixdepth. Signing holds the plan to these numbers.",
    input: ReserveInput.extend({
      amountSat: AmountSat.nullable(),
      /** Null is the wallet's own next mixdepth. */
      destination: Address.nullable(),
      /** Exactly these, all of them; chosen as for a payment when absent. */
      coins: z.array(Outpoint).min(1).max(WALLET_INPUTS_MAX).optional(),
      makerFeesSatMax: AmountSat,
      miningFeeSatMax: AmountSat,
    }),
    output: ReservationSchema,
    errors: { ...RESERVE_ERRORS, ...COIN_ERRORS, WALLETD_ADDRESS: z.object({ address: Address }) },
    redact: ["grant", "destination", "coins", "coinjoinAddress", "changeAddress", "auth"],
    ...QUICK,
    idempotency: "key",
    callers: ["taker"],
  })
  .rpc("readdress", {
    doc: "Other fresh addresses for what is reserved and not signed: those before were shown to makers in a transaction that came to nothing. Where others are paid stays as it is.",
    input: z.object({ grant: Grant, reservation: ReservationId }),
    output: ReservationSchema.pick({ coinjoinAddress: true, changeAddress: true }),
    errors: { ...SIGN_ERRORS, ...PACE_ERRORS },
    redact: ["grant", "coinjoinAddress", "changeAddress"],
    ...QUICK,
    idempotency: "key",
    callers: ["taker"],
  })
  .rpc("release", {
    doc: "Gives reserved coins back; when no reservation is named, all of the grant's for which nothing was signed. The addresses are not given out again.",
    input: z.object({ grant: Grant, reservation: ReservationId.optional() }),
    output: z.object({ released: Count }),
    errors: GRANT_ERRORS,
    redact: ["grant"],
    ...QUICK,
    callers: COINJOIN_SIDES,
  })
  .rpc("resign", {
    doc: "The holder gives its grant up, with all that it set aside and signed nothing for.",
    input: z.object({ grant: Grant }),
    output: z.object({}),
    errors: GRANT_ERRORS,
    redact: ["grant"],
    ...QUICK,
    callers: GRANT_HOLDERS,
  })
  .rpc("commitment", {
    doc: "Proves to a maker that a coin stands behind the question, without showing which: uses up one of the coin's tries.",
    input: z.object({
      grant: Grant,
      reservation: ReservationId,
      ageMin: z.int().min(0).max(1_000).default(5),
      percentMin: z.int().min(0).max(100).default(20),
      triesMax: z.int().min(1).max(10).default(3),
    }),
    output: z.object({
      commitment: Hash,
      opening: Outpoint.extend({ P: PublicKey, P2: PublicKey, s: Hash, e: Hash, index: Count }),
    }),
    errors: {
      ...SIGN_ERRORS,
      WALLETD_NO_COMMITMENT: z.object({ tooYoung: Count, tooSmall: Count, usedUp: Count }),
    },
    redact: ["grant", "commitment", "opening"],
    ...QUICK,
    idempotency: "key",
    callers: ["taker"],
  })
  .rpc("bondProof", {
    doc: "Proves the wallet's most valuable fidelity bond to one taker.",
    input: z.object({ grant: Grant, makerNick: z.string().max(32), takerNick: z.string().max(32) }),
    output: z.object({ proof: z.base64().nullable() }),
    errors: GRANT_ERRORS,
    redact: ["grant", "proof"],
    ...QUICK,
    callers: ["maker"],
  })
  .rpc("signAsMaker", {
    doc: "Signs our reserved inputs if the transaction pays us what was reserved for: judged here, whatever the maker believes. Never two transactions for one reservation.",
    input: SignInput,
    output: Signed.extend({
      /** By what it pays: never less than was reserved for, and more where the taker went by a dearer offer. */
      earnedSat: AmountSat,
    }),
    errors: SIGN_ERRORS,
    redact: ["grant", "rawTx", "signatures", "earnedSat"],
    ...SIGNING,
    callers: ["maker"],
  })
  .rpc("signAsTaker", {
    doc: "Signs our reserved inputs if the transaction pays where it was reserved for and costs no more than allowed.",
    input: SignInput.extend({
      participants: z.int().min(2).max(100),
      /** When our node has lost it after it was sent: late, where its owner wants others to send it. */
      resend: z.enum(["soon", "late"]).default("soon"),
    }),
    output: Signed,
    errors: SIGN_ERRORS,
    redact: ["grant", "rawTx", "signatures"],
    ...SIGNING,
    callers: ["taker"],
  })
  .rpc("addHistoryNote", {
    doc: "What a maker or taker knows of a coinjoin and the chain does not tell; the later note of a transaction counts.",
    input: z.object({ grant: Grant, txid: Hash, note: CoinjoinNoteSchema }),
    output: z.object({}),
    errors: GRANT_ERRORS,
    redact: ["grant", "txid", "note"],
    ...QUICK,
    callers: COINJOIN_SIDES,
  });
