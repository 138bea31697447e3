/** Every way in which the ledger refuses, in words for people; the codes are in `errors.ts`. */
import type { z } from "zod";
import type { OrderSchema } from "../../bus/contracts/ledger/objects.ts";
import type { TOO_MANY_OF, UsernameForm } from "../../bus/contracts/ledger/refusals.ts";
import { type Failure, TroupeError } from "../../runtime/errors.ts";

/** Why there is no coinjoin: the owner allows none, who would make it is not there or has too much to do, or it cannot be had so. */
export type CoinjoinTrouble = "off" | "away" | "busy" | "market" | "makers" | "funds" | "amount" | "price";

const COINJOIN_WORDS: Readonly<Record<CoinjoinTrouble, string>> = Object.freeze({
  off: "the operator allows none",
  away: "the taker does not answer",
  busy: "as many are on their way as the taker makes at once",
  market: "the market cannot be reached",
  makers: "too few makers can be asked for this amount at these prices",
  funds: "the bank's wallet has not enough confirmed coins just now",
  amount: "the operator allows none of this amount",
  price: "makers or miners ask more than the operator allows",
});

const MANY_WORDS: Readonly<Record<(typeof TOO_MANY_OF)[number], string>> = Object.freeze({
  orders: "orders at a time",
  ordersOfDay: "orders within a day",
  addresses: "addresses at a time",
  contacts: "contacts at a time",
  names: "names that were given up lately",
});

/** Each makes the error; its caller throws it. */
export const denials = Object.freeze({
  noAccount: () => denial({ code: "LEDGER_NO_ACCOUNT" }, "There is no account for this JID."),
  registered: (username: string) =>
    denial({ code: "LEDGER_REGISTERED", username }, `This JID has the account ${username}.`),
  username: (why: "form" | "reserved" | "taken", form?: UsernameForm) =>
    denial(
      { code: "LEDGER_USERNAME", why, ...(form === undefined ? {} : { form }) },
      `The name cannot be had (${why}).`,
    ),
  notAllowed: (why: "closed" | "domain" | "invite" | "banned" | "full") =>
    denial({ code: "LEDGER_NOT_ALLOWED", why }, `Registration is not allowed (${why}).`),
  waiting: () => denial({ code: "LEDGER_WAITING" }, "The account waits for approval."),
  frozen: (why: string) => denial({ code: "LEDGER_FROZEN", why }, `The account is frozen: ${why}`),
  unverified: () => denial({ code: "LEDGER_UNVERIFIED" }, "The JID has to be verified first."),
  notEmpty: (left: {
    readonly availableSat: number;
    readonly heldSat: number;
    readonly pendingSat: number;
    readonly openOrders: number;
  }) => denial({ code: "LEDGER_NOT_EMPTY", ...left }, "There are coins or open orders in the account."),
  notYours: () => denial({ code: "LEDGER_NOT_YOURS" }, "The address is not one of this account's."),
  tooMany: (what: (typeof TOO_MANY_OF)[number], most: number) =>
    denial(
      { code: "LEDGER_TOO_MANY", what, most },
      `An account has no more than ${most} ${MANY_WORDS[what]}.`,
    ),
  recipient: () => denial({ code: "LEDGER_RECIPIENT" }, "Nobody of that name can be paid."),
  self: () => denial({ code: "LEDGER_SELF" }, "A payment to oneself is none."),
  address: (why: "malformed" | "network") =>
    denial({ code: "LEDGER_ADDRESS", why }, `That is no address to be paid at here (${why}).`),
  dust: (leastSat: number) =>
    denial({ code: "LEDGER_DUST", leastSat }, `A transaction pays ${leastSat} sat or more.`),
  funds: (availableSat: number, neededSat: number) =>
    denial(
      { code: "LEDGER_FUNDS", availableSat: Math.max(0, availableSat), neededSat },
      `${neededSat} sat are needed and ${availableSat} sat are there.`,
    ),
  limit: (limit: "payment" | "day", mostSat: number, leftSat: number) =>
    denial(
      { code: "LEDGER_LIMIT", limit, mostSat, leftSat },
      `The limit for a ${limit} is ${mostSat} sat, of which ${leftSat} sat are left.`,
    ),
  stopped: (why: string) => denial({ code: "LEDGER_STOPPED", why }, `Payments are stopped: ${why}`),
  notOpen: (why: string) => denial({ code: "LEDGER_NOT_OPEN", why }, `The bank is not open: ${why}`),
  grant: (why: string) => denial({ code: "LEDGER_GRANT", why }, `walletd does not take the grant: ${why}`),
  otherWallet: (wallet: string) =>
    denial({ code: "LEDGER_OTHER_WALLET", wallet }, `The books are of the coins of the wallet ${wallet}.`),
  coinjoin: (why: CoinjoinTrouble) =>
    denial({ code: "LEDGER_COINJOIN", why }, `No coinjoin can be made: ${COINJOIN_WORDS[why]}.`),
  repeated: (order: string) =>
    denial({ code: "LEDGER_REPEATED", order }, "The same was ordered a moment ago."),
  requoted: (order: z.input<typeof OrderSchema>) =>
    denial(
      { code: "LEDGER_REQUOTED", order },
      "The fee has risen: the order has a new price and a new code.",
    ),
  noOrder: (triesLeft: number | null) =>
    denial({ code: "LEDGER_NO_ORDER", triesLeft }, "There is no such open order."),
  orderOver: (state: string) =>
    denial({ code: "LEDGER_ORDER_OVER", state }, `The order is ${state} already.`),
  locked: (untilS: number) =>
    denial({ code: "LEDGER_LOCKED", untilS }, "Too many wrong codes: none is taken for a while."),
  secondFactor: (why: "missing" | "young" | "needed" | "wrong" | "present") =>
    denial({ code: "LEDGER_SECOND_FACTOR", why }, `The second factor: ${why}.`),
  notAdmin: () => denial({ code: "LEDGER_NOT_ADMIN" }, "This is for admins."),
  noSuchUser: () => denial({ code: "LEDGER_NO_SUCH_USER" }, "There is no such account."),
  negative: (availableSat: number) =>
    denial({ code: "LEDGER_NEGATIVE", availableSat }, `The account owes ${-availableSat} sat.`),
  tooManyBans: (most: number) =>
    denial({ code: "LEDGER_TOO_MANY_BANS", most }, `${most} are banned, which is the most.`),
  disk: (cause: unknown) =>
    new TroupeError({ code: "LEDGER_DISK" }, "The books cannot be written.", { cause }),
});

function denial<F extends Failure>(failure: F, message: string): TroupeError {
  return new TroupeError<Failure>(failure, message);
}
