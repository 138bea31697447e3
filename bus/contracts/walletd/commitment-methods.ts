/** The wallet daemon's methods about coins of elsewhere that may stand for a taker's question (external PoDLE commitments). */
import { z } from "zod";
import { FILE_TEXT_MAX, LABELS_TEXT_MAX, LARGE_REQUEST_BYTES, QUICK, SLOW } from "./calling.ts";
import { withCoinjoins } from "./coinjoin-methods.ts";
import {
  CHAIN_ERRORS,
  FILE_ERRORS,
  OWNER_ERRORS,
  PASSWORD_ERRORS,
  SESSION_ERRORS,
  WATCH_ERRORS,
} from "./refusals.ts";
import { AmountSat, Count, Outpoint, Owned, Passphrase, Password } from "./values.ts";

const ADDED_AT_ONCE_MAX = 50;
const LENT_AT_ONCE_MAX = 500;
const TOO_MANY = { WALLETD_TOO_MANY: z.object({ what: z.string(), most: z.int() }) };
const EXTERNAL_ERRORS = {
  WALLETD_EXTERNAL_COIN: Outpoint.extend({
    why: z.enum([
      "own",
      "gone",
      "other-key",
      "bad-key",
      "used-up",
      "not-lenders",
      "frozen",
      "set-aside",
      "bond",
    ]),
  }),
};

export const withCommitments = withCoinjoins
  .rpc("externalCoins", {
    doc: "Coins of elsewhere that may stand for coinjoins when none of the wallet's own can, each with its tries.",
    input: Owned,
    output: z.object({
      coins: z.array(
        Outpoint.extend({
          /** Null for one that does not exist or is spent: it stands for nothing. */
          amountSat: AmountSat.nullable(),
          confirmations: Count.nullable(),
          tries: Count,
          triesLeft: Count,
        }),
      ),
      /** Commitments that were used so far, the wallet's own among them. */
      used: Count,
    }),
    errors: SESSION_ERRORS,
    redact: ["session", "coins"],
    ...QUICK,
    callers: ["operator"],
  })
  .rpc("addExternalCoins", {
    doc: "Lets coins of elsewhere stand for coinjoins. Their keys make the proofs here and are forgotten: nothing can be spent with what stays. All or none.",
    input: Owned.extend({
      coins: z
        .array(Outpoint.extend({ key: z.string().min(50).max(60) }))
        .min(1)
        .max(ADDED_AT_ONCE_MAX),
      /** Everything is looked at as otherwise, and nothing is kept. */
      isTrial: z.boolean().default(false),
    }),
    output: z.object({ added: Count }),
    errors: {
      ...OWNER_ERRORS,
      ...CHAIN_ERRORS,
      ...WATCH_ERRORS,
      ...TOO_MANY,
      ...EXTERNAL_ERRORS,
    },
    redact: ["session", "coins"],
    ...QUICK,
    callers: ["operator"],
  })
  .rpc("lendCoins", {
    doc: "Lets coins of another wallet of the same owner stand for this one's coinjoins: of one that is open here, or of another program's file, of which nothing is kept. No key leaves. All or none; what is frozen, set aside, used up or a bond is passed over, and refused where it is named.",
    input: Owned.extend({
      from: z.union([
        Owned,
        z.object({
          /** As people call it; for messages. */
          name: z.string().min(1).max(100),
          file: z.base64().max(FILE_TEXT_MAX),
          password: Password,
          passphrase: Passphrase.default(""),
        }),
      ]),
      /** Without any: all that may be lent. */
      outpoints: z.array(Outpoint).min(1).max(LENT_AT_ONCE_MAX).optional(),
      isTrial: z.boolean().default(false),
    }),
    output: z.object({ added: Count, frozen: Count, setAside: Count, bonds: Count, usedUp: Count }),
    errors: {
      ...OWNER_ERRORS,
      ...FILE_ERRORS,
      ...PASSWORD_ERRORS,
      ...CHAIN_ERRORS,
      ...WATCH_ERRORS,
      ...TOO_MANY,
      ...EXTERNAL_ERRORS,
    },
    redact: ["session", "from", "outpoints"],
    ...SLOW,
    idempotency: "idempotent",
    callers: ["operator"],
    requestBytesMax: LARGE_REQUEST_BYTES,
  })
  .rpc("importCommitments", {
    doc: "Takes joinmarket-clientserver's commitments.json: the commitments that it has used are not used again, its external ones may be.",
    input: Owned.extend({ file: z.string().max(LABELS_TEXT_MAX) }),
    output: z.object({ added: Count, used: Count, ignored: Count }),
    errors: {
      ...OWNER_ERRORS,
      ...CHAIN_ERRORS,
      ...WATCH_ERRORS,
      ...TOO_MANY,
      WALLETD_COMMITMENTS_FILE: z.object({}),
    },
    redact: ["session", "file"],
    ...QUICK,
    callers: ["operator"],
    deadlineMs: 30_000,
    requestBytesMax: LARGE_REQUEST_BYTES,
  })
  .rpc("forgetExternalCoins", {
    doc: "Forgets these coins of elsewhere, or all of them; what was used of them stays known as used.",
    input: Owned.extend({ outpoints: z.array(Outpoint).max(500).optional() }),
    output: z.object({ forgotten: Count }),
    errors: OWNER_ERRORS,
    redact: ["session", "outpoints"],
    ...QUICK,
    callers: ["operator"],
    requestBytesMax: 128 * 1024,
  });
