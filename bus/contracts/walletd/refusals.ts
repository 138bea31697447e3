/** What the wallet daemon may refuse with, in the groups in which its methods share them. */
import { z } from "zod";
import { Address, AmountSat, Hash, Outpoint } from "./values.ts";

/** Empty when the name itself is what is refused. */
const OfWallet = z.object({ wallet: z.string().max(200) });

/** The disk does not take a change: nothing was done unless the code says that it is not known. */
export const DISK_ERRORS = {
  WALLETD_DISK_FULL: OfWallet,
  WALLETD_DISK_READ_ONLY: OfWallet,
  WALLETD_DISK_FAILED: OfWallet,
  WALLETD_STORE_CLOSED: OfWallet,
} as const;

export const PASSWORD_ERRORS = {
  WALLETD_WRONG_PASSWORD: OfWallet,
  WALLETD_TOO_MANY_TRIES: OfWallet.extend({ retryAfterMs: z.int().min(0) }),
} as const;

/** A wallet's file, ours or a foreign one, cannot be opened. */
export const FILE_ERRORS = {
  WALLETD_FILE_MISSING: OfWallet,
  WALLETD_FILE_LOCKED: OfWallet,
  WALLETD_FILE_TRUNCATED: OfWallet,
  WALLETD_FILE_CORRUPT: OfWallet,
  WALLETD_FILE_VERSION: OfWallet,
  WALLETD_FILE_UNKNOWN: OfWallet,
  WALLETD_FILE_UNSUPPORTED: OfWallet,
  WALLETD_FILE_NETWORK: OfWallet,
  ...DISK_ERRORS,
} as const;

export const NEW_FILE_ERRORS = {
  WALLETD_BAD_NAME: OfWallet,
  WALLETD_FILE_EXISTS: OfWallet,
  /** Somebody else makes a wallet of this name at this moment. */
  WALLETD_FILE_LOCKED: OfWallet,
  WALLETD_TOO_MANY_OPEN: OfWallet,
  ...DISK_ERRORS,
} as const;

/** Locked, unknown, another's or worn out: which of them is not told to whoever has no session. */
export const SESSION_ERRORS = { WALLETD_NO_SESSION: OfWallet } as const;
export const OWNER_ERRORS = { ...SESSION_ERRORS, ...DISK_ERRORS } as const;

/** The wallet has no keys to sign with. */
export const WATCH_ERRORS = { WALLETD_WATCH_ONLY: OfWallet } as const;

/** The chain is not known well enough to answer. */
export const CHAIN_ERRORS = {
  WALLETD_NOT_SYNCED: OfWallet.extend({ progress: z.number().min(0).max(1) }),
} as const;

const Shortage = z.object({ neededSat: AmountSat, availableSat: AmountSat });

/** One of the coins that the caller has named. */
export const COIN_ERRORS = {
  WALLETD_COIN: Outpoint.extend({
    why: z.enum([
      "not-ours",
      "frozen",
      "reserved",
      "other-mixdepth",
      "unconfirmed",
      "timelocked",
      "other-kind",
      "spent",
    ]),
  }),
} as const;

/** What may leave the wallet within a day by this door, or by this grant, has left it. */
const LIMIT_ERRORS = {
  WALLETD_LIMIT: z.object({ limit: z.string(), askedSat: AmountSat, leftSat: AmountSat }),
} as const;

export const SPEND_ERRORS = {
  ...OWNER_ERRORS,
  ...COIN_ERRORS,
  ...CHAIN_ERRORS,
  ...WATCH_ERRORS,
  WALLETD_NO_SUCH_PLACE: z.object({ what: z.string() }),
  WALLETD_FUNDS: Shortage,
  WALLETD_ADDRESS: z.object({ address: Address }),
  WALLETD_DUST: z.object({ amountSat: AmountSat, dustSat: AmountSat }),
  WALLETD_FEE: z.object({ satPerVb: z.number(), lowestSatPerVb: z.number(), highestSatPerVb: z.number() }),
  ...LIMIT_ERRORS,
  /** The node's refusal: nothing was sent, the coins are free again. */
  WALLETD_NOT_TAKEN: z.object({ txid: Hash, kind: z.string(), reason: z.string() }),
  /** The answer was lost: the transaction may be on its way, so its coins stay reserved. Asking again is harmless. */
  WALLETD_NOT_KNOWN_SENT: z.object({ txid: Hash, reason: z.string() }),
} as const;

export const PSBT_ERRORS = {
  WALLETD_PSBT: z.object({ what: z.string() }),
} as const;

/** A grant is unknown, worn out, for another caller, or does not reach so far. */
export const GRANT_ERRORS = {
  WALLETD_NO_GRANT: z.object({}),
  WALLETD_BEYOND_GRANT: z.object({ limit: z.string() }),
  WALLETD_NOT_SYNCED: OfWallet.extend({ progress: z.number().min(0).max(1) }),
  ...DISK_ERRORS,
} as const;

/** There is a pace at which addresses are given out, so that nobody who is broken into makes a wallet endless. */
export const PACE_ERRORS = {
  WALLETD_TOO_FAST: z.object({ what: z.string(), most: z.int(), waitMs: z.int() }),
} as const;

export const RESERVE_ERRORS = {
  ...GRANT_ERRORS,
  ...PACE_ERRORS,
  ...LIMIT_ERRORS,
  WALLETD_FUNDS: Shortage,
  WALLETD_RESERVATIONS: z.object({ most: z.int() }),
} as const;

/** Why walletd does not sign: one word for each thing that it checks by itself. */
export const SIGN_ERRORS = {
  ...GRANT_ERRORS,
  ...LIMIT_ERRORS,
  WALLETD_NO_RESERVATION: z.object({}),
  WALLETD_WILL_NOT_SIGN: z.object({ why: z.string().max(64) }),
} as const;
