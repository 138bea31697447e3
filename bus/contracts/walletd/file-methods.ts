/** The wallet daemon's methods about wallet files: making, opening, closing, moving to and from other programs. */
import { z } from "zod";
import { contract } from "../../contract/contract.ts";
import { FILE_TEXT_MAX, LABELS_TEXT_MAX, LARGE_REQUEST_BYTES, QUICK, SLOW } from "./calling.ts";
import { WalletFormSchema, WalletTypeSchema } from "./objects.ts";
import {
  FILE_ERRORS,
  NEW_FILE_ERRORS,
  OWNER_ERRORS,
  PASSWORD_ERRORS,
  SESSION_ERRORS,
  WATCH_ERRORS,
} from "./refusals.ts";
import {
  Count,
  Height,
  KeyPath,
  Mixdepth,
  Owned,
  Passphrase,
  Password,
  Session,
  WalletName,
  Words,
} from "./values.ts";

const Opened = z.object({ session: Session, fingerprint: z.string() });
const NewWallet = z.object({
  wallet: WalletName,
  password: Password,
  type: WalletTypeSchema.default("bip84"),
  hasBonds: z.boolean().default(true),
  passphrase: Passphrase.default(""),
});

export const withFiles = contract("walletd", {
  semver: "1.0.0",
  doc: "Keeps the wallets: their keys, coins, addresses and history; makes and signs transactions by its own judgement.",
  instances: "any",
})
  .rpc("list", {
    doc: "The wallet files that are there.",
    input: z.object({}),
    output: z.object({
      wallets: z.array(z.object({ wallet: WalletName, form: WalletFormSchema, isUnlocked: z.boolean() })),
    }),
    ...QUICK,
  })
  .rpc("create", {
    doc: "Makes a wallet from new words and opens it. A file of that name is never overwritten, so repeating does no harm.",
    input: NewWallet.extend({ wordCount: z.union([z.literal(12), z.literal(24)]).default(12) }),
    output: Opened.extend({ words: Words }),
    errors: NEW_FILE_ERRORS,
    redact: ["password", "passphrase", "session", "words"],
    idempotency: "idempotent",
    ...SLOW,
  })
  .rpc("recover", {
    doc: "Makes a wallet from words and opens it; its coins are found by looking up its scripts, at any height.",
    input: NewWallet.extend({
      words: Words,
      creationHeight: Height.optional(),
      /** How many unused addresses in a row end the search; kept as the wallet's POLICY.gaplimit. */
      gap: z.int().min(1).max(10_000).optional(),
    }),
    output: Opened,
    errors: { ...NEW_FILE_ERRORS, WALLETD_WORDS: z.object({ what: z.string() }) },
    redact: ["password", "passphrase", "session", "words"],
    idempotency: "idempotent",
    ...SLOW,
  })
  .rpc("watch", {
    doc: "Makes a wallet that only watches from the public keys of its accounts, and opens it. What it pays is signed elsewhere, as a PSBT.",
    input: z.object({
      wallet: WalletName,
      password: Password,
      /** For each mixdepth one: xpub, zpub, ypub (tpub, vpub, upub), with origin, or a wpkh or sh(wpkh) descriptor. */
      keys: z.array(z.string().min(1).max(400)).min(1).max(100),
      /** Where the keys do not say it. */
      type: WalletTypeSchema.optional(),
      fingerprint: z
        .string()
        .regex(/^[0-9a-f]{8}$/)
        .optional(),
      hasBonds: z.boolean().default(false),
      creationHeight: Height.optional(),
      gap: z.int().min(1).max(10_000).optional(),
    }),
    output: Opened,
    errors: { ...NEW_FILE_ERRORS, WALLETD_ACCOUNT_KEY: z.object({ what: z.string() }) },
    redact: ["password", "keys", "fingerprint", "session"],
    requestBytesMax: 128 * 1024,
    idempotency: "idempotent",
    ...SLOW,
  })
  .rpc("publicKeys", {
    doc: "The public key of each mixdepth, for wallets that only watch: whoever has it sees all of that mixdepth, and can spend nothing.",
    input: Owned,
    output: z.object({
      accounts: z.array(
        z.object({ mixdepth: Mixdepth, path: KeyPath, xpub: z.string(), descriptor: z.string() }),
      ),
    }),
    errors: SESSION_ERRORS,
    redact: ["session", "accounts"],
    ...QUICK,
  })
  .rpc("importFile", {
    doc: "Makes a wallet of a file of joinmarket-clientserver or joinmarket-ng, or of plain words, and opens it.",
    input: z.object({
      wallet: WalletName,
      password: Password,
      file: z.base64().max(FILE_TEXT_MAX),
      /** BIP39's; refused for a file that says itself which it is. */
      passphrase: Passphrase.default(""),
      /** What joinmarket-ng keeps beside the wallet: its labels (BIP329 with its marks), and its history. */
      labels: z.string().max(LABELS_TEXT_MAX).default(""),
      history: z.string().max(LABELS_TEXT_MAX).default(""),
    }),
    output: Opened.extend({
      form: WalletFormSchema,
      joinmarketNgId: z.string(),
      taken: Count,
      ignored: Count,
    }),
    errors: {
      ...NEW_FILE_ERRORS,
      ...FILE_ERRORS,
      ...PASSWORD_ERRORS,
      WALLETD_TOO_MANY: z.object({ what: z.string(), most: z.int() }),
    },
    redact: ["password", "passphrase", "file", "labels", "history", "session"],
    requestBytesMax: LARGE_REQUEST_BYTES,
    idempotency: "idempotent",
    ...SLOW,
  })
  .rpc("exportFile", {
    doc: "The wallet as a file of another program, under the same password, which must be given again.",
    input: Owned.extend({ password: Password, form: z.enum(["clientserver", "joinmarket-ng"]) }),
    /** What the file itself has no place for, as lines of BIP329: null when there is nothing. */
    output: z.object({ file: z.base64(), labels: z.string().nullable(), joinmarketNgId: z.string() }),
    errors: {
      ...OWNER_ERRORS,
      ...WATCH_ERRORS,
      ...PASSWORD_ERRORS,
      WALLETD_FILE_UNSUPPORTED: z.object({ wallet: z.string() }),
    },
    redact: ["session", "password", "file", "labels"],
    idempotency: "idempotent",
    ...SLOW,
  })
  .rpc("unlock", {
    doc: "Opens a wallet with its password. Each success gives a session of its own; the earlier ones stay. Another program's file becomes one of ours; the original is kept beside it.",
    input: z.object({
      wallet: WalletName,
      password: Password,
      /** BIP39's, of another program's file that does not say it; refused for any other. */
      passphrase: Passphrase.default(""),
    }),
    /** The form that the file had. */
    output: Opened.extend({ wasUnlocked: z.boolean(), form: WalletFormSchema }),
    errors: {
      ...FILE_ERRORS,
      ...PASSWORD_ERRORS,
      WALLETD_BAD_NAME: z.object({ wallet: z.string() }),
      WALLETD_TOO_MANY_OPEN: z.object({ wallet: z.string() }),
    },
    redact: ["password", "passphrase", "session"],
    idempotency: "idempotent",
    ...SLOW,
  })
  .rpc("lock", {
    doc: "Closes a wallet: its keys leave memory, its sessions, grants and reservations end. Only the operator may do so without a session.",
    input: z.object({ wallet: WalletName, session: Session.optional() }),
    output: z.object({ wasUnlocked: z.boolean() }),
    errors: OWNER_ERRORS,
    redact: ["session"],
    ...QUICK,
    deadlineMs: 30_000,
  })
  .rpc("changePassword", {
    doc: "Puts the wallet under another password. Sessions stay.",
    input: Owned.extend({ password: Password, newPassword: Password }),
    output: z.object({}),
    errors: { ...OWNER_ERRORS, ...PASSWORD_ERRORS },
    redact: ["session", "password", "newPassword"],
    idempotency: "idempotent",
    ...SLOW,
  })
  .rpc("revealSeed", {
    doc: "The wallet's words. The password is needed again, except for the gateway where `seed_over_http` allows it.",
    input: Owned.extend({ password: Password.optional() }),
    output: z.object({ words: Words, passphrase: Passphrase }),
    errors: {
      ...OWNER_ERRORS,
      ...PASSWORD_ERRORS,
      ...WATCH_ERRORS,
      WALLETD_PASSWORD_NEEDED: z.object({ wallet: z.string() }),
    },
    redact: ["session", "password", "words", "passphrase"],
    idempotency: "idempotent",
    ...SLOW,
  });
