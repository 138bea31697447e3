/** The wallet daemon's methods that spend, sign for the owner, and tell what was spent. */
import { z } from "zod";
import { withAccounts } from "./account-methods.ts";
import { LARGE_REQUEST_BYTES, QUICK, SENDING } from "./calling.ts";
import { HistoryEntrySchema, PsbtViewSchema, SpendSchema, UnsentSchema } from "./objects.ts";
import {
  CHAIN_ERRORS,
  OWNER_ERRORS,
  PSBT_ERRORS,
  SESSION_ERRORS,
  SPEND_ERRORS,
  WATCH_ERRORS,
} from "./refusals.ts";
import {
  Address,
  AmountSat,
  Count,
  FeeSchema,
  Hash,
  KeyPath,
  Label,
  Message,
  MessageSignature,
  Mixdepth,
  Outpoint,
  Owned,
  Psbt,
  RawTxBase64,
  RawTxHex,
  WALLET_INPUTS_MAX,
  WALLET_PAYMENTS_MAX,
} from "./values.ts";

const BUMP_ERRORS = { WALLETD_NOT_BUMPABLE: z.object({ txid: Hash, why: z.string() }) } as const;
const PsbtVersion = z.union([z.literal(0), z.literal(2)]).default(0);
const MadePsbt = z.object({
  psbt: Psbt,
  txid: Hash,
  feeSat: AmountSat,
  sizeVb: z.int().min(1),
  changeSat: AmountSat,
});
/** Where from, where to, for how much: the same for sending, for trying and for a PSBT. */
const SpendInput = Owned.extend({
  mixdepth: Mixdepth,
  /** One payment whose amount is null takes all that can be spent. */
  payments: z
    .array(z.object({ address: Address, amountSat: AmountSat.nullable() }))
    .min(1)
    .max(WALLET_PAYMENTS_MAX),
  /** Without it the wallet's own setting holds. */
  fee: FeeSchema.optional(),
  /** Exactly these coins; the only way to spend a bond beside a sweep. */
  inputs: z.array(Outpoint).min(1).max(WALLET_INPUTS_MAX).optional(),
  confirmationsMin: z.int().min(0).max(1_000).default(0),
  isReplaceable: z.boolean().default(true),
});

export const withSpending = withAccounts
  .rpc("send", {
    doc: "Makes a transaction, signs it, writes it down and sends it; a dry run only makes it. One key sends once.",
    input: SpendInput.extend({ isDryRun: z.boolean().default(false), label: Label.default("") }),
    output: SpendSchema,
    errors: SPEND_ERRORS,
    redact: ["session", "payments", "inputs", "label", "transaction", "changeSat"],
    requestBytesMax: 128 * 1024,
    ...SENDING,
  })
  .rpc("bump", {
    doc: "Replaces an unconfirmed transaction of ours by one that pays more, out of its change or by adding coins of its mixdepth; one that paid all there was pays less.",
    input: Owned.extend({ txid: Hash, fee: FeeSchema, isDryRun: z.boolean().default(false) }),
    output: SpendSchema,
    errors: { ...SPEND_ERRORS, ...BUMP_ERRORS },
    redact: ["session", "transaction", "changeSat"],
    ...SENDING,
  })
  .rpc("psbtCreate", {
    doc: "The transaction that `send` would make, unsigned, as a PSBT. Its coins are reserved for an hour.",
    input: SpendInput.extend({ version: PsbtVersion }),
    output: MadePsbt,
    errors: { ...SPEND_ERRORS, ...PSBT_ERRORS },
    redact: ["session", "payments", "inputs", "psbt", "changeSat"],
    requestBytesMax: 128 * 1024,
    ...SENDING,
  })
  .rpc("psbtBump", {
    doc: "The transaction that `bump` would make, unsigned, as a PSBT: for a payment that waits and was signed elsewhere. Its coins are reserved for an hour.",
    input: Owned.extend({ txid: Hash, fee: FeeSchema, version: PsbtVersion }),
    output: MadePsbt,
    errors: { ...SPEND_ERRORS, ...PSBT_ERRORS, ...BUMP_ERRORS },
    redact: ["session", "psbt", "changeSat"],
    ...SENDING,
  })
  .rpc("psbtShow", {
    doc: "What a PSBT pays, to whom, from which coins of ours, and for what fee; and what keeps us from signing it.",
    input: Owned.extend({ psbt: Psbt }),
    output: PsbtViewSchema,
    errors: { ...SESSION_ERRORS, ...PSBT_ERRORS },
    redact: ["session", "psbt", "inputs", "outputs", "paysOutSat"],
    ...QUICK,
    requestBytesMax: LARGE_REQUEST_BYTES,
  })
  .rpc("psbtSign", {
    doc: "Signs those inputs that are ours, all of them or none, never with another sighash type than ALL.",
    input: Owned.extend({ psbt: Psbt }),
    output: z.object({
      psbt: Psbt,
      txid: Hash,
      signed: z.array(Count),
      isComplete: z.boolean(),
      paysOutSat: AmountSat,
      feeSat: AmountSat.nullable(),
    }),
    errors: { ...SPEND_ERRORS, ...PSBT_ERRORS },
    redact: ["session", "psbt", "paysOutSat"],
    requestBytesMax: LARGE_REQUEST_BYTES,
    ...SENDING,
  })
  .rpc("psbtFinish", {
    doc: "Makes the transaction of a PSBT that was made or signed here and has all its signatures, each of which is checked; sends it if asked.",
    input: Owned.extend({
      /** What came back from the signers; or the whole transaction, where a signer gives that. */
      psbt: Psbt.optional(),
      signedTx: RawTxBase64.optional(),
      isSent: z.boolean().default(false),
    }),
    output: z.object({
      rawTx: RawTxHex,
      txid: Hash,
      isSent: z.boolean(),
      paysOutSat: AmountSat,
      feeSat: AmountSat.nullable(),
    }),
    errors: { ...SPEND_ERRORS, ...PSBT_ERRORS },
    redact: ["session", "psbt", "signedTx", "rawTx", "paysOutSat"],
    requestBytesMax: LARGE_REQUEST_BYTES,
    ...SENDING,
  })
  .rpc("psbtCancel", {
    doc: "Gives the coins of a PSBT back that was made or signed here and not sent. A signed one can still be sent by whoever has it.",
    input: Owned.extend({ txid: Hash }),
    output: z.object({ wasReserved: z.boolean() }),
    errors: OWNER_ERRORS,
    redact: ["session"],
    ...QUICK,
  })
  .rpc("signMessage", {
    doc: "Proves that a key is ours by signing a message with it.",
    input: Owned.extend({
      /** Or the address of one of its keys. */
      path: KeyPath,
      message: Message,
      form: z.enum(["clientserver", "bip137", "bip322"]).default("clientserver"),
    }),
    output: z.object({ signature: MessageSignature, address: Address }),
    errors: { ...SESSION_ERRORS, ...WATCH_ERRORS, WALLETD_NO_SUCH_PLACE: z.object({ what: z.string() }) },
    redact: ["session", "path", "message", "signature", "address"],
    ...QUICK,
    requestBytesMax: 128 * 1024,
  })
  .rpc("verifyMessage", {
    doc: "Whether a signature over a message is of an address's key; in which form, if it is.",
    input: z.object({ address: Address, message: Message, signature: z.string().max(2_000) }),
    output: z.object({ form: z.enum(["clientserver", "bip137", "bip322"]).nullable() }),
    errors: { WALLETD_ADDRESS: z.object({ address: Address }) },
    redact: ["address", "message", "signature"],
    ...QUICK,
    requestBytesMax: 128 * 1024,
  })
  .rpc("history", {
    doc: "What happened in the wallet, newest first; and what was sent and is not on the network now.",
    input: Owned.extend({ limit: z.int().min(1).max(100_000).default(100), offset: Count.default(0) }),
    output: z.object({
      total: Count,
      entries: z.array(HistoryEntrySchema),
      unsent: z.array(UnsentSchema),
    }),
    errors: { ...SESSION_ERRORS, ...CHAIN_ERRORS },
    redact: ["session", "entries", "unsent"],
    ...QUICK,
    deadlineMs: 30_000,
  })
  .rpc("historyCsv", {
    doc: "The history as joinmarket-clientserver prints it, oldest first.",
    input: Owned,
    output: z.object({ text: z.string() }),
    errors: { ...SESSION_ERRORS, ...CHAIN_ERRORS },
    redact: ["session", "text"],
    ...QUICK,
    deadlineMs: 30_000,
  })
  .rpc("yieldReport", {
    doc: "What the wallet's maker earned, as the lines of a yield statement; the first is its header. Null when there is none yet.",
    input: Owned,
    output: z.object({ lines: z.array(z.string()).nullable() }),
    errors: SESSION_ERRORS,
    redact: ["session", "lines"],
    ...QUICK,
  });
