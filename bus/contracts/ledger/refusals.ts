/** What the ledger may refuse with, in the groups in which its methods share them. */
import { z } from "zod";
import { AmountSat } from "../walletd/values.ts";
import { OrderSchema } from "./objects.ts";
import { OrderId, UnixTimeS, Why } from "./values.ts";

const NOTHING = z.object({});

export const ACCOUNT_ERRORS = {
  /** Nobody of this JID, or one that has left. */
  LEDGER_NO_ACCOUNT: NOTHING,
  LEDGER_DISK: NOTHING,
} as const;

/** What names are made of here, as the operator has written it: characters to begin with, those after it, of a whole name. */
export const UsernameFormSchema = z.object({
  first: z.string().max(200),
  rest: z.string().max(200),
  fewest: z.int().min(1),
  most: z.int().min(1),
});
export type UsernameForm = z.output<typeof UsernameFormSchema>;

/** ordersOfDay: queued within a day. names: given up lately, and still kept for him. */
export const TOO_MANY_OF = ["orders", "ordersOfDay", "addresses", "contacts", "names"] as const;
export const TooMany = z.object({ what: z.enum(TOO_MANY_OF), most: z.int() });

/** Why a name cannot be had; `quarantined` is told as taken to whoever asks. */
export const NAME_ERRORS = {
  LEDGER_TOO_MANY: TooMany,
  LEDGER_USERNAME: z.object({
    why: z.enum(["form", "reserved", "taken"]),
    form: UsernameFormSchema.optional(),
  }),
} as const;

export const ADMIN_ERRORS = {
  LEDGER_NOT_ADMIN: NOTHING,
  LEDGER_NO_SUCH_USER: NOTHING,
  LEDGER_DISK: NOTHING,
} as const;

/** The wallet cannot be asked just now. */
export const BANK_ERRORS = {
  LEDGER_NOT_OPEN: z.object({ why: Why }),
} as const;

/** An account that is there, and may not do this now. */
export const STANDING_ERRORS = {
  LEDGER_FROZEN: z.object({ why: Why }),
  LEDGER_WAITING: NOTHING,
  LEDGER_UNVERIFIED: NOTHING,
} as const;

export const PAY_ERRORS = {
  ...ACCOUNT_ERRORS,
  ...STANDING_ERRORS,
  ...BANK_ERRORS,
  /** Nobody of that name, or he cannot be paid now: which of them is not told. */
  LEDGER_RECIPIENT: NOTHING,
  LEDGER_SELF: NOTHING,
  LEDGER_ADDRESS: z.object({ why: z.enum(["malformed", "network"]) }),
  LEDGER_DUST: z.object({ leastSat: AmountSat }),
  LEDGER_FUNDS: z.object({ availableSat: AmountSat, neededSat: AmountSat }),
  LEDGER_LIMIT: z.object({ limit: z.enum(["payment", "day"]), mostSat: AmountSat, leftSat: AmountSat }),
  /** Payments are stopped for all: the books and the wallet disagree, or the operator said so. */
  LEDGER_STOPPED: z.object({ why: Why }),
} as const;

export const QUEUE_ERRORS = {
  ...PAY_ERRORS,
  LEDGER_TOO_MANY: TooMany,
  /** The same was ordered a moment ago: ask again with `isMeant`. */
  LEDGER_REPEATED: z.object({ order: OrderId }),
} as const;

export const COINJOIN_TROUBLES = [
  "off",
  "away",
  "busy",
  "market",
  "makers",
  "funds",
  "amount",
  "price",
] as const;

export const MIX_ERRORS = {
  ...QUEUE_ERRORS,
  /** No coinjoin can be made: a plain payment may be. */
  LEDGER_COINJOIN: z.object({ why: z.enum(COINJOIN_TROUBLES) }),
} as const;

export const CODE_ERRORS = {
  ...ACCOUNT_ERRORS,
  /** No open order of this person has it. */
  LEDGER_NO_ORDER: z.object({ triesLeft: z.int().min(0).nullable() }),
  LEDGER_LOCKED: z.object({ untilS: UnixTimeS }),
  LEDGER_ORDER_OVER: z.object({ state: z.string().max(20) }),
} as const;

/** What is under way is given up by asking walletd. */
export const CANCEL_ERRORS = { ...CODE_ERRORS, ...BANK_ERRORS } as const;

export const FACTOR_ERRORS = {
  /** young: set up less than a day ago, which whoever has taken the chat over could have done, and for more than he could pay. */
  LEDGER_SECOND_FACTOR: z.object({ why: z.enum(["missing", "young", "needed", "wrong", "present"]) }),
  LEDGER_LOCKED: z.object({ untilS: UnixTimeS }),
} as const;

export const CONFIRM_ERRORS = {
  ...PAY_ERRORS,
  ...CODE_ERRORS,
  ...FACTOR_ERRORS,
  /** The fee has risen by more than a fifth: the order has a new price and a new code, and waits to be confirmed. */
  LEDGER_REQUOTED: z.object({ order: OrderSchema }),
} as const;
