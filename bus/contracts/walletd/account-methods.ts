/** The wallet daemon's methods about what is in a wallet: balances, coins, addresses, bonds, labels, settings. */
import { z } from "zod";
import { LABELS_TEXT_MAX, LARGE_REQUEST_BYTES, QUICK } from "./calling.ts";
import { withFiles } from "./file-methods.ts";
import { AccountSchema, BalancesSchema, BondSchema, CoinSchema, WalletStatusSchema } from "./objects.ts";
import { CHAIN_ERRORS, OWNER_ERRORS, PACE_ERRORS, SESSION_ERRORS } from "./refusals.ts";
import {
  Address,
  AmountSat,
  Chain,
  Count,
  Hex,
  KeyPath,
  Label,
  LockDate,
  Mixdepth,
  Outpoint,
  Owned,
  TimeS,
  Tip,
  WALLET_INPUTS_MAX,
} from "./values.ts";

export const withAccounts = withFiles
  .rpc("status", {
    doc: "What kind of wallet it is, how far it knows the chain, and who may use it.",
    input: Owned,
    output: WalletStatusSchema,
    errors: SESSION_ERRORS,
    redact: ["session"],
    ...QUICK,
  })
  .rpc("display", {
    doc: "All accounts with their branches: addresses that hold coins, and the next unused ones.",
    input: Owned,
    output: z.object({
      tip: Tip.nullable(),
      totalSat: AmountSat,
      availableSat: AmountSat,
      accounts: z.array(AccountSchema),
    }),
    errors: { ...SESSION_ERRORS, ...CHAIN_ERRORS },
    redact: ["session", "totalSat", "availableSat", "accounts"],
    ...QUICK,
    deadlineMs: 30_000,
  })
  .rpc("balances", {
    doc: "By mixdepth how much there is, how much of it can be spent, and why the rest cannot.",
    input: Owned,
    output: BalancesSchema,
    errors: { ...SESSION_ERRORS, ...CHAIN_ERRORS },
    redact: ["session", "totalSat", "availableSat", "mixdepths"],
    ...QUICK,
  })
  .rpc("coins", {
    doc: "The wallet's unspent coins, unconfirmed ones too.",
    input: Owned.extend({ mixdepth: Mixdepth.optional() }),
    output: z.object({ tip: Tip.nullable(), coins: z.array(CoinSchema) }),
    errors: { ...SESSION_ERRORS, ...CHAIN_ERRORS },
    redact: ["session", "coins"],
    ...QUICK,
    deadlineMs: 30_000,
  })
  .rpc("newAddress", {
    doc: "The next address of a branch. It is on the disk as given out before it is answered, so it is never given out again.",
    input: Owned.extend({ mixdepth: Mixdepth, chain: Chain.default(0), label: Label.default("") }),
    output: z.object({ address: Address, path: KeyPath }),
    errors: { ...OWNER_ERRORS, ...PACE_ERRORS, WALLETD_NO_SUCH_PLACE: z.object({ what: z.string() }) },
    redact: ["session", "address", "path", "label"],
    ...QUICK,
    idempotency: "key",
  })
  .rpc("bondAddress", {
    doc: "The address of a fidelity bond: coins that it gets cannot be spent before the first day of that month.",
    input: Owned.extend({ lockDate: LockDate }),
    output: z.object({ address: Address, path: KeyPath, locktimeS: TimeS, script: Hex }),
    errors: { ...OWNER_ERRORS, WALLETD_NO_SUCH_PLACE: z.object({ what: z.string() }) },
    redact: ["session", "address", "path", "script"],
    ...QUICK,
  })
  .rpc("bondValue", {
    doc: "What a bond of this amount would weigh where makers are chosen, if a block had it now.",
    input: z.object({ lockDate: LockDate, amountSat: AmountSat }),
    output: z.object({ locktimeS: TimeS, value: z.number().min(0) }),
    errors: { WALLETD_NO_SUCH_PLACE: z.object({ what: z.string() }) },
    redact: ["amountSat"],
    ...QUICK,
  })
  .rpc("bonds", {
    doc: "The fidelity bonds that have coins, or had an address given out.",
    input: Owned,
    output: z.object({ bonds: z.array(BondSchema) }),
    errors: { ...SESSION_ERRORS, ...CHAIN_ERRORS },
    redact: ["session", "bonds"],
    ...QUICK,
  })
  .rpc("freeze", {
    doc: "Coins that the wallet shall not spend, or may spend again. One that is not ours is remembered all the same.",
    input: Owned.extend({
      outpoints: z.array(Outpoint).min(1).max(WALLET_INPUTS_MAX),
      isFrozen: z.boolean(),
    }),
    output: z.object({}),
    errors: OWNER_ERRORS,
    redact: ["session", "outpoints"],
    ...QUICK,
    requestBytesMax: 128 * 1024,
  })
  .rpc("setLabel", {
    doc: "A label in the manner of BIP329, of an address only of this network; an empty one takes it away.",
    input: Owned.extend({
      type: z.enum(["tx", "addr", "pubkey", "input", "output", "xpub"]),
      ref: z.string().min(1).max(200),
      label: Label,
    }),
    output: z.object({}),
    errors: {
      ...OWNER_ERRORS,
      WALLETD_ADDRESS: z.object({ address: z.string() }),
      WALLETD_TOO_MANY: z.object({ what: z.string(), most: z.int() }),
    },
    redact: ["session", "ref", "label"],
    ...QUICK,
  })
  .rpc("labels", {
    doc: "All labels and freezes as the lines of a BIP329 file.",
    input: Owned,
    output: z.object({ text: z.string() }),
    errors: SESSION_ERRORS,
    redact: ["session", "text"],
    ...QUICK,
  })
  .rpc("importLabels", {
    doc: "Takes labels and freezes from the lines of a BIP329 file; lines that it cannot use are counted.",
    input: Owned.extend({ text: z.string().max(LABELS_TEXT_MAX) }),
    output: z.object({ taken: Count, ignored: Count }),
    errors: { ...OWNER_ERRORS, WALLETD_TOO_MANY: z.object({ what: z.string(), most: z.int() }) },
    redact: ["session", "text"],
    ...QUICK,
    requestBytesMax: LARGE_REQUEST_BYTES,
  })
  .rpc("settings", {
    doc: "The wallet's settings by `section.field`, as texts: those that were set, and what holds of those that walletd goes by.",
    input: Owned,
    output: z.object({
      settings: z.record(z.string(), z.string()),
      inForce: z.record(z.string(), z.string()),
    }),
    errors: SESSION_ERRORS,
    redact: ["session"],
    ...QUICK,
  })
  .rpc("setSetting", {
    doc: "Sets one of the wallet's settings for good; null takes it away.",
    input: Owned.extend({
      key: z
        .string()
        .max(100)
        .regex(/^[A-Za-z0-9][A-Za-z0-9_:-]*\.[A-Za-z0-9_-]+$/),
      value: z.string().max(4_000).nullable(),
    }),
    output: z.object({}),
    errors: {
      ...OWNER_ERRORS,
      WALLETD_TOO_MANY: z.object({ what: z.string(), most: z.int() }),
      WALLETD_SETTING: z.object({ key: z.string(), expected: z.string() }),
    },
    redact: ["session", "value"],
    ...QUICK,
  })
  .rpc("rescan", {
    doc: "Looks up all scripts again, with a larger gap if asked; `status` tells how far it is. Answers at once.",
    input: Owned.extend({ gap: z.int().min(1).max(10_000).optional() }),
    output: z.object({}),
    errors: OWNER_ERRORS,
    redact: ["session"],
    ...QUICK,
  });
